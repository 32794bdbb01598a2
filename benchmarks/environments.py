"""How fast environments are: steps a CPU second with actions of chance, one through Gymnasium's interface, and 16 and 256 together.

    python benchmarks/environments.py              ours, and CartPole-v1 beside them
"""

import time

import numpy as np

from lamina.envs import ENVS
from lamina.envs.arrays import Many
from lamina.envs.world import World

SECONDS = 2.0
TOGETHER = (16, 256)


def main() -> None:
    """One line an environment."""
    print(f"| environment | one | {' | '.join(f'{count} together' for count in TOGETHER)} |\n|---|---|{'---|' * len(TOGETHER)}")
    for name in [*ENVS, "CartPole-v1"]:
        many = [f"{together(name, count):,.0f}" if name in ENVS else "-" for count in TOGETHER]
        print(f"| {name} | {one(name):,.0f} | {' | '.join(many)} |", flush=True)


def one(name: str) -> float:
    """Steps a CPU second of a single environment."""
    env, steps = World(name).make(), 0
    env.reset(seed=0)
    env.action_space.seed(0)
    began = time.process_time()
    while time.process_time() - began < SECONDS:
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        steps += 1
        if terminated or truncated:
            env.reset()
    return steps / (time.process_time() - began)


def together(name: str, count: int) -> float:
    """The same of `count` of them."""
    dynamics = World(name).dynamics()
    assert dynamics is not None, "ours"
    many, steps = Many(dynamics, count, lambda episode: episode), 0
    actions = np.random.default_rng(0).integers(0, dynamics.action_space.n, (64, count))
    began = time.process_time()
    while time.process_time() - began < SECONDS:
        many.step(actions[steps % 64])
        steps += 1
    return steps * count / (time.process_time() - began)


if __name__ == "__main__":
    main()
