"""Several environments stepped together, whose whole state is (reset seed, actions since).

That state is small, true of any environment that repeats, and checked when it is replayed.
"""

from typing import Any

import numpy as np

from lamina.core.errors import TrainingError
from lamina.envs.episodes import EpisodeSplit, make


class Envs:
    """`count` environments; an episode that ends is followed by the next at once."""

    def __init__(self, split: EpisodeSplit, count: int) -> None:
        self.split, self.count = split, count
        self._envs = [make(split.env) for _ in range(count)]
        self._episode = list(range(count))  # each environment takes every count-th episode
        self._actions: list[list[int]] = [[] for _ in range(count)]
        self._returns = [0.0] * count
        self.finished: list[float] = []  # returns of the episodes that ended since `take_finished`
        self.seen = np.stack([self._reset(i) for i in range(count)])  # (E, D) float32

    def _reset(self, i: int) -> np.ndarray:
        self._actions[i], self._returns[i] = [], 0.0
        observation, _ = self._envs[i].reset(seed=self.split.seed_of(self._episode[i]))
        return _flat(observation)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[tuple[int, np.ndarray]]]:
        """Act (E,) int; returns reward (E,), ended (E,) 0 or 1, and (i, last observation) of the truncated ones."""
        reward, ended = np.zeros(self.count, np.float32), np.zeros(self.count, np.float32)
        truncated = []
        for i, action in enumerate(actions.tolist()):
            observation, reward[i], stop, cut, _ = self._envs[i].step(action)
            self._actions[i].append(action)
            self._returns[i] += float(reward[i])
            if stop or cut:
                ended[i] = 1
                if cut and not stop:
                    truncated.append((i, _flat(observation)))
                self.finished.append(self._returns[i])
                self._episode[i] += self.count
                self.seen[i] = self._reset(i)
            else:
                self.seen[i] = _flat(observation)
        self._refuse_nan(reward)
        return reward, ended, truncated

    def take_finished(self) -> list[float]:
        """The returns of the episodes that ended since the last call."""
        taken, self.finished = self.finished, []
        return taken

    def state(self) -> dict[str, Any]:
        """Episode, actions since its reset, and what was seen last, of each environment."""
        return {
            "episode": list(self._episode), "actions": [list(a) for a in self._actions],
            "seen": self.seen.astype(float).tolist(), "finished": list(self.finished),
        }  # fmt: skip

    def load_state(self, state: dict[str, Any]) -> None:
        """Replay the actions and check that the environment repeats."""
        self._episode, self.finished = list(state["episode"]), list(state["finished"])
        for i, actions in enumerate(state["actions"]):
            self.seen[i] = self._reset(i)
            for action in actions:
                observation, reward, *_ = self._envs[i].step(action)
                self._returns[i] += float(np.float32(reward))
                self.seen[i] = _flat(observation)
            self._actions[i] = list(actions)
        if not np.array_equal(self.seen, np.asarray(state["seen"], np.float32)):
            raise TrainingError("an environment that repeats from its seed and actions", f"`{self.split.env}`, which does not",
                                "Such a run cannot be resumed exactly; train it anew.")

    def _refuse_nan(self, reward: np.ndarray) -> None:
        if not (np.isfinite(reward).all() and np.isfinite(self.seen).all()):
            raise TrainingError("finite observations and rewards", f"NaN or infinity from `{self.split.env}`", "Mend the environment.")


def _flat(observation: Any) -> np.ndarray:
    """An observation of any shape as (D,) float32."""
    return np.asarray(observation, np.float32).reshape(-1)
