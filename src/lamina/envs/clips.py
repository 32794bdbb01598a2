"""Some steps of an episode, played anew from its seed and its actions, to be looked at."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.envs import spaces
from lamina.envs.episodes import EpisodeSplit


@dataclass(frozen=True)
class Clip:
    """Steps `begin` to the last of `actions` (T,) or (T, A), which are those of the episode from its first step on."""

    episode: int
    actions: np.ndarray
    begin: int


class Trails:
    """What was done in the episodes under way of `count` environments, from which clips are cut."""

    def __init__(self, count: int) -> None:
        self.episodes = list(range(count))  # as envs/vector.py numbers them: each environment takes every count-th
        self.done: list[list[np.ndarray]] = [[] for _ in range(count)]

    def clip(self, action: np.ndarray, ended: np.ndarray, place: tuple[int, int], length: int) -> Clip:
        """The `length` steps from time t of environment e on, `place`, of what was played next: actions (T, E, ...), ended (T, E)."""
        t, e = place
        ends = np.flatnonzero(ended[:t, e])
        first, before = (int(ends[-1]) + 1, []) if len(ends) else (0, self.done[e])
        actions = np.stack([*before, *action[first : t + length, e]])
        return Clip(self.episodes[e] + len(ends) * len(self.done), actions, len(actions) - length)

    def go_on(self, action: np.ndarray, ended: np.ndarray) -> None:
        """Take in what was played."""
        for e, done in enumerate(self.done):
            ends = np.flatnonzero(ended[:, e])
            self.episodes[e] += len(ends) * len(self.done)
            self.done[e] = list(action[ends[-1] + 1 :, e]) if len(ends) else [*done, *action[:, e]]

    def state(self) -> dict[str, Any]:
        return {"episodes": list(self.episodes), "done": [np.array(done).tolist() for done in self.done]}

    def load_state(self, state: dict[str, Any]) -> None:
        self.episodes = list(state["episodes"])
        self.done = [[np.asarray(action) for action in done] for done in state["done"]]


def frames_of(clip: Clip, split: EpisodeSplit) -> list[np.ndarray]:
    """Its frames, (H, W, 3) uint8 each: before its first step, and after each."""
    env = split.opened(render=True)
    env.begin(split.seed_of(clip.episode), clip.episode)
    done = spaces.in_units(clip.actions, split.target, env.shape)
    for action in done[: clip.begin]:
        env.step(action)
    frames = [env.frame()]
    for action in done[clip.begin :]:
        env.step(action)
        frames.append(env.frame())
    env.close()
    return frames
