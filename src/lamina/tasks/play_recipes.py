"""Model, method and knobs for an environment: those found for the environments that many know, and what suits a kind of environment.

Where an environment is not known, one of several actions is learned by PPO on eight environments with a common scale of what is seen,
numbers to set the same way with a discount of 0.95; whoever names a method gets its knobs. What was tried: results/ppo-settings.md
and results/acting.md; the settings of RL Zoo were where the search began (Raffin 2020, RL Baselines3 Zoo). Of pictures they are
as published there for Atari, but for the length of the run and, of DQN, the memory; Atari's rewards are clipped.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lamina.core.spec import Controls, Image
from lamina.core.task import Choice
from lamina.envs.episodes import EpisodeSplit

Words = Mapping[str, Any]
MODELS = {"ppo": "policy", "a2c": "policy", "reinforce": "policy", "preferences": "policy", "dqn": "q_network", "sac": "soft_policy"}
OF_PICTURES = {"policy": "pixel_policy", "q_network": "pixel_q_network"}  # what stands for them where pictures are seen
SLOW: Words = {"threads": 0, "flat": False}  # networks of which the arithmetic is what takes time
PICTURES: Mapping[str, Words] = {
    "ppo": {
        "steps": 1_000_000, "valid_steps": 100_000, "envs": 8, "horizon": 128, "batch": 256, "epochs": 4, "learning_rate": 2.5e-4,
        "clip_range": 0.1, "entropy_weight": 0.01,
    },
    "a2c": {"steps": 1_000_000, "valid_steps": 100_000, "learning_rate": 7e-4, "entropy_weight": 0.01},
    "dqn": {
        "steps": 1_000_000, "valid_steps": 100_000, "learning_rate": 1e-4, "batch": 32, "memory": 20_000, "begin": 5_000, "block": 32,
        "gradients": 8, "target_every": 1_024, "explore": 0.1, "least_random": 0.01,
    },
}  # fmt: skip
UNKNOWN: Words = {"steps": 300_000, "valid_steps": 20_000, "envs": 16, "horizon": 128, "learning_rate": 7e-4, "scaled": True}
FOUND: Mapping[tuple[str, str], Words] = {
    ("CartPole-v1", "ppo"): {},
    ("CartPole-v1", "dqn"): {"learning_rate": 2.3e-3, "hidden": (256, 256), "block": 256, "gradients": 128, "target_every": 256},
    ("LunarLander-v3", "ppo"): {
        "steps": 1_000_000, "valid_steps": 50_000, "envs": 16, "horizon": 1024, "batch": 256, "epochs": 8, "gamma": 0.999, "gae": 0.98,
        "entropy_weight": 0.01, "learning_rate": 1e-3,
    },
    ("LunarLander-v3", "dqn"): {
        "steps": 200_000, "valid_steps": 10_000, "learning_rate": 6.3e-4, "batch": 128, "memory": 50_000, "hidden": (256, 256),
        "explore": 0.12, "least_random": 0.1, "target_every": 256, "block": 32, "gradients": 32,
    },
    ("Acrobot-v1", "ppo"): {"steps": 300_000, "valid_steps": 20_000, "envs": 16, "horizon": 256, "gae": 0.94, "scaled": True},
    ("MountainCar-v0", "ppo"): {"steps": 500_000, "valid_steps": 20_000, "envs": 16, "horizon": 64, "gae": 0.98, "scaled": True},
    ("MountainCar-v0", "dqn"): {
        "steps": 120_000, "learning_rate": 4e-3, "batch": 128, "memory": 10_000, "gamma": 0.98, "target_every": 600, "block": 16,
        "gradients": 8, "explore": 0.2, "least_random": 0.07, "hidden": (256, 256),
    },
    ("Pendulum-v1", "ppo"): {"steps": 200_000, "valid_steps": 10_000, "envs": 8, "horizon": 256, "gamma": 0.9, "learning_rate": 1e-3},
    ("Pendulum-v1", "sac"): {},
}  # fmt: skip
BEST = {"Pendulum-v1": "sac"}  # the method, where it is not PPO
BEYOND = frozenset({"LunarLander-v3", "Acrobot-v1", "MountainCar-v0"})  # what their authors call solved is far from the best


def recipe(split: EpisodeSplit) -> Choice:
    """What is picked for an environment, and for each method that the user may name instead."""
    name = split.world.name
    method = BEST.get(name, "ppo")
    picked = {each: Choice(_seeing(model, split), each, _words(split, each), _until(name, split)) for each, model in MODELS.items()}
    return replace(picked[method], methods=picked)


def _seeing(model: str, split: EpisodeSplit) -> str:
    """The model, or the one of its kind that looks at pictures."""
    return OF_PICTURES.get(model, model) if isinstance(split.spec.input, Image) else model


def _words(split: EpisodeSplit, method: str) -> Words:
    known = FOUND.get((split.world.name, method))
    if isinstance(split.spec.input, Image):
        return {**SLOW, **PICTURES.get(method, {}), **({"clip_reward": True} if split.world.is_atari() and method in PICTURES else {})}
    if known is not None or method not in ("ppo", "preferences"):
        return known or {}
    wanted = {"monitor": "goal_mean"} if method == "preferences" else {}  # the reward is what nobody wants there
    return {**UNKNOWN, **wanted, **({"gamma": 0.95} if isinstance(split.spec.target, Controls) else {})}


def _until(name: str, split: EpisodeSplit) -> Mapping[str, float]:
    """Training ends where the environment is solved, but for those in which far more is to be had."""
    return {} if name in BEYOND or split.world.solved_at() is None else {"solved": 1.0}
