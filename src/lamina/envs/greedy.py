"""Whole episodes played by a given policy: many at once for a figure, one with pictures to look at."""

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.core.predictions import Episode
from lamina.envs.episodes import EPISODES, EpisodeSplit, gymnasium, make

Act = Callable[[np.ndarray], np.ndarray]  # observations (B, D) float32 -> actions (B,)
LONGEST = 100_000  # steps of an episode in an environment without a time limit


def solved_at(env: str) -> float | None:
    """The mean return at which the environment's authors call it solved."""
    return gymnasium().spec(env).reward_threshold


def draws_frames(env: str) -> bool:
    """Whether the environment can be drawn."""
    opened = make(env)
    modes = opened.metadata.get("render_modes", [])
    opened.close()
    return "rgb_array" in modes


def play_all(act: Act, split: EpisodeSplit, draw: int) -> np.ndarray:
    """Returns (100,) of the first episode of each of a hundred environments, begun from set number `draw`."""
    envs, one_seed = _many(split.env, EPISODES)
    seeds = [split.seed_of(i, draw) for i in range(EPISODES)]
    seen, _ = envs.reset(seed=seeds[0] if one_seed else seeds)
    returns, going = np.zeros(EPISODES), np.ones(EPISODES, bool)
    for _ in range(LONGEST):
        seen, reward, terminated, truncated, _ = envs.step(act(seen.reshape(EPISODES, -1).astype(np.float32)))
        returns += reward * going
        going &= ~(terminated | truncated)
        if not going.any():
            break
    envs.close()
    return returns


def _many(env: str, count: int) -> tuple[Any, bool]:
    """Environments stepped together, on arrays where the environment offers it (these take one seed), else one by one."""
    gym = gymnasium()
    if gym.spec(env).vector_entry_point is not None:
        return gym.make_vec(env, num_envs=count, vectorization_mode="vector_entry_point"), True
    return gym.vector.SyncVectorEnv([lambda: make(env) for _ in range(count)]), False


def play_one(act: Act, split: EpisodeSplit, draw: int, episode: int, draws: bool) -> Episode:
    """One episode, with its frames if `draws`."""
    env = make(split.env, render=draws)
    seen, _ = env.reset(seed=split.seed_of(episode, draw))
    total, length, frames = 0.0, 0, [env.render()] if draws else []
    for _ in range(LONGEST):
        seen, reward, terminated, truncated, _ = env.step(int(act(np.asarray(seen, np.float32).reshape(1, -1))[0]))
        total, length = total + float(reward), length + 1
        if draws:
            frames.append(env.render())
        if terminated or truncated:
            break
    env.close()
    return Episode(total, length, tuple(frames))
