"""Several environments stepped together, whose whole state is (reset seed, actions since).

That state is small, true of any environment that repeats, and checked when it is replayed. Environments of ours are stepped on
arrays, all at once, and keep these arrays instead.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina.core.errors import TrainingError
from lamina.envs import spaces
from lamina.envs.episodes import EpisodeSplit
from lamina.envs.guarded import not_finite
from lamina.envs.places import Places

# reward, terminated and truncated (E,); how far each goal is reached (E,), NaN where none is told, and the parts of the reward (E,) by
# name; what was seen last of those that ended
Step = tuple[np.ndarray, np.ndarray, np.ndarray, tuple[np.ndarray, dict[str, np.ndarray]], dict[int, np.ndarray]]
Cut = list[tuple[int, np.ndarray]]  # environments whose episode was truncated, and what was seen last


@dataclass(frozen=True)
class Record:
    """A finished episode: its return and length, the true goal at its end where the environment tells one, the sum of each part of
    the reward that it names, and the shares of steps that came back to a place and that stayed (envs/places.py)."""

    episode_return: float
    length: int
    goal: float | None = None
    parts: dict[str, float] = field(default_factory=dict)
    back: float | None = None
    still: float | None = None


def told_goal(goal: Any) -> float | None:
    """How far the true goal is reached, where it is told: NaN tells of none, as nothing does."""
    return None if goal is None or math.isnan(goal) else float(goal)


class Envs:
    """`count` environments; an episode that ends is followed by the next at once."""

    def __init__(self, split: EpisodeSplit, count: int) -> None:
        self.split, self.count = split, count
        self._inside = _inside(split, count)
        self._returns, self._lengths = np.zeros(count), np.zeros(count, int)
        self._parts: dict[str, np.ndarray] = {}
        self._places: Places | None = None  # where there is a goal to watch
        self._goals = np.zeros(count, np.float32)  # of the episodes under way
        self.gained = np.zeros(count, np.float32)  # by how much each goal was furthered in the last step
        self.finished: list[Record] = []  # episodes that ended since `take_finished`
        self._told: list[Record] = []  # since `take_told`
        self.seen = self._inside.begin()  # (E, D) float32 or (E, C, H, W) uint8

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, Cut]:
        """Act, (E,) int or (E, A) of -1 to 1; returns reward (E,), ended (E,) 0 or 1, and (i, last observation) of the truncated ones."""
        reward, terminated, truncated, (goals, parts), last = self._inside.step(actions)
        self._refuse_nan(reward)
        self._returns += reward
        self._lengths += 1
        for name, part in parts.items():
            self._parts[name] = self._parts.get(name, np.zeros(self.count)) + part
        ended = terminated | truncated
        if not math.isnan(goals[0]):
            self._look(last)
            self.gained, self._goals = goals - self._goals, np.where(ended, 0, goals).astype(np.float32)
        for i in last:
            self._end(i, float(goals[i]))
        self.seen = self._inside.seen
        cut = [(i, last[i]) for i in np.flatnonzero(truncated & ~terminated).tolist()] if last else []
        return reward, ended.astype(np.float32), cut

    def _look(self, last: dict[int, np.ndarray]) -> None:
        """Where everyone is, before the next episode begins."""
        seen = self._inside.seen
        if last:
            seen = seen.copy()
            for i, row in last.items():
                seen[i] = row
        if self._places is None:
            self._places = Places(self.count, int(np.prod(seen.shape[1:])))
        self._places.see(seen)

    def _end(self, i: int, goal: float) -> None:
        been = self._places.over(i) if self._places else None
        parts = {name: float(sums[i]) for name, sums in self._parts.items()}
        self.finished.append(Record(float(self._returns[i]), int(self._lengths[i]), told_goal(goal), parts,
                                    *(been or (None, None))))
        self._returns[i], self._lengths[i] = 0, 0
        for sums in self._parts.values():
            sums[i] = 0

    def begin_anew(self) -> None:
        """Every environment leaves its episode and begins its next."""
        self._returns, self._lengths, self._parts = np.zeros(self.count), np.zeros(self.count, int), {}
        self._goals = np.zeros(self.count, np.float32)
        self.seen = self._inside.begin_anew()

    def take_finished(self) -> list[Record]:
        """The episodes that ended since the last call."""
        taken, self.finished = self.finished, []
        self._told += taken
        return taken

    def take_told(self) -> list[dict[str, Any]]:
        """The episodes that were taken since this was called last, as plain values for the event that tells them."""
        told, self._told = self._told, []
        return [vars(record) for record in told]

    def state(self) -> dict[str, Any]:
        """Where each environment is, and what was gathered of the episodes."""
        return {
            "inside": self._inside.state(), "returns": self._returns.tolist(), "lengths": self._lengths.tolist(),
            "goals": self._goals.tolist(), "parts": {name: sums.tolist() for name, sums in self._parts.items()},
            "finished": [vars(record) for record in self.finished],
            "told": [vars(record) for record in self._told], "places": None if self._places is None else self._places.state(),
        }  # fmt: skip

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a `state()`; TrainingError where the environment does not repeat."""
        self.seen = self._inside.load_state(state["inside"])
        self._returns, self._lengths = np.array(state["returns"], float), np.array(state["lengths"], int)
        self._parts, self._goals = {name: np.array(sums) for name, sums in state["parts"].items()}, np.array(state["goals"], np.float32)
        self.finished, self._told = ([Record(**record) for record in state[name]] for name in ("finished", "told"))
        self._places = None
        if state["places"] is not None:
            self._places = Places(self.count, int(np.prod(self.seen.shape[1:])))
            self._places.load_state(state["places"])

    def _refuse_nan(self, reward: np.ndarray) -> None:
        if math.isfinite(float(reward.sum()) + float(self._inside.seen.sum())):  # nearly always, and told in less time
            return
        good = np.isfinite(reward) & np.isfinite(self._inside.seen.reshape(self.count, -1)).all(1)
        if not good.all():
            i = int(np.flatnonzero(~good)[0])
            raise not_finite(self.split.world, int(self._lengths[i]) + 1, self._inside.episode(i))


def _inside(split: EpisodeSplit, count: int) -> "_OneByOne | _OnArrays":
    return _OneByOne(split, count) if split.world.dynamics() is None else _OnArrays(split, count)


class _OneByOne:
    """Environments of others, stepped one after the other; replayed from their seeds."""

    def __init__(self, split: EpisodeSplit, count: int) -> None:
        self.split, self.count = split, count
        self._envs = [split.opened() for _ in range(count)]
        self._episode = list(range(count))  # each environment takes every count-th episode
        self._actions: list[list[Any]] = [[] for _ in range(count)]

    def begin(self) -> np.ndarray:
        self.seen = np.stack([self._reset(i) for i in range(self.count)])
        return self.seen

    def begin_anew(self) -> np.ndarray:
        self._episode = [episode + self.count for episode in self._episode]
        return self.begin()

    def episode(self, i: int) -> int:
        return self._episode[i]

    def _reset(self, i: int) -> np.ndarray:
        self._actions[i] = []
        return self._envs[i].begin(self.split.seed_of(self._episode[i]), self._episode[i])

    def step(self, actions: np.ndarray) -> Step:
        reward, stop, cut = [0.0] * self.count, [False] * self.count, [False] * self.count
        goals, parts, last = np.full(self.count, np.nan, np.float32), dict[str, np.ndarray](), dict[int, np.ndarray]()
        for i, action in enumerate(spaces.in_units(actions, self.split.spec.target, self._envs[0].shape)):
            seen, reward[i], stop[i], cut[i], info = self._envs[i].step(action)
            if info:
                goals[i] = info.get("goal", np.nan)
                for name, part in info.get("parts", {}).items():
                    parts.setdefault(name, np.zeros(self.count))[i] = part
            self._actions[i].append(action.tolist())
            if stop[i] or cut[i]:
                last[i] = seen
                self._episode[i] += self.count
                seen = self._reset(i)
            self.seen[i] = seen
        return np.array(reward, np.float32), np.array(stop), np.array(cut), (goals, parts), last

    def state(self) -> dict[str, Any]:
        return {"episode": list(self._episode), "actions": [list(a) for a in self._actions], "seen": self.seen.astype(float).tolist()}

    def load_state(self, state: dict[str, Any]) -> np.ndarray:
        """Replay the actions and check that the environment repeats."""
        self._episode = list(state["episode"])
        kind = np.int64 if self.split.spec.target.kind == "actions" else np.float32
        for i, actions in enumerate(state["actions"]):
            self.seen[i] = self._reset(i)
            for action in np.asarray(actions, kind):
                self.seen[i] = self._envs[i].step(action)[0]
            self._actions[i] = list(actions)
        if not np.array_equal(self.seen, np.asarray(state["seen"], self.seen.dtype)):
            raise TrainingError("an environment that repeats from its seed and actions", f"`{self.split.world.name}`, which does not",
                                "Such a run cannot be resumed exactly; train it anew.")
        return self.seen


class _OnArrays:
    """Environments of ours, all of them in one step; their arrays are their state."""

    def __init__(self, split: EpisodeSplit, count: int) -> None:
        from lamina.envs.arrays import Many

        dynamics = split.world.dynamics()
        assert dynamics is not None, "environments of ours are stepped on arrays"
        self._many, self._target, self._shape = Many(dynamics, count, split.seed_of), split.spec.target, dynamics.action_space.shape or ()

    @property
    def seen(self) -> np.ndarray:
        return self._many.seen

    def begin(self) -> np.ndarray:
        return self._many.seen

    def begin_anew(self) -> np.ndarray:
        return self._many.begin_anew()

    def episode(self, i: int) -> int:
        return int(self._many.episode[i])

    def step(self, actions: np.ndarray) -> Step:
        done = self._many.step(spaces.in_units(actions, self._target, self._shape))
        told = done.told
        return told.reward, told.ended, done.cut, (told.goal, told.parts), {int(i): done.last[i] for i in np.flatnonzero(done.over)}

    def state(self) -> dict[str, Any]:
        return self._many.state()

    def load_state(self, state: dict[str, Any]) -> np.ndarray:
        self._many.load_state(state)
        return self._many.seen
