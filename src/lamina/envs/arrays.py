"""Environments of our own as *dynamics on arrays*: many at once in numpy, or one through Gymnasium's interface.

Everything that an environment remembers is in arrays whose first axis is that of the environments, `seed` and `time` among them.
What is drawn within a step is a hash of (seed of the episode, time, stream), so that there is no generator to keep, an episode
repeats from its seed and actions, and E environments together give the very bits of E single ones.

    E  environments    D  numbers seen    A  numbers that say an action
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lamina.core.errors import TrainingError, UsageError, missing_package

try:  # a base class is needed where the file is read; nothing but our environments imports it
    import gymnasium
    from gymnasium import spaces
except ImportError as error:
    raise missing_package("gymnasium", "rl", "environments") from error

__all__ = ["Act", "Dynamics", "Many", "Single", "State", "Stepped", "Told", "advance", "spaces", "uniform"]

State = dict[str, np.ndarray]
Act = Callable[[np.ndarray], np.ndarray]  # observations (E, D) float32 -> actions (E,) int64 or (E, A) float32


@dataclass(frozen=True)
class Told:
    """What one step tells: reward (E,) float32; ended (E,) bool, by the environment and not by the clock; goal (E,) float32, how far the
    true goal is reached so far in the episode, 0 to 1, NaN where none is declared; parts of the reward by name, (E,) float32 each,
    which sum to it."""

    reward: np.ndarray
    ended: np.ndarray
    goal: np.ndarray
    parts: dict[str, np.ndarray]

    @staticmethod
    def of(parts: Mapping[str, np.ndarray], ended: np.ndarray, goal: np.ndarray) -> "Told":
        """The reward is the sum of its parts, in their order. All are copies: the state may be among them, and goes on."""
        told = {name: np.array(part, np.float32) for name, part in parts.items()}
        reward = np.zeros(len(ended), np.float32)
        for part in told.values():
            reward = reward + part
        return Told(reward, np.array(ended, bool), np.array(goal, np.float32), told)


class Dynamics(Protocol):
    """An environment on arrays, made as `Thing(config)`; its docstring is a data sheet.

    longest: steps after which an episode is cut off; goal: the true goal in words, "" where none is declared; reached: the measure of
    the goal from which it counts as reached; threshold: the mean return at which the environment counts as solved; moves: the actions
    in words, where there are several; scripted: agents that need no learning, by name.
    """

    observation_space: Any  # a Box (D,) float32
    action_space: Any  # Discrete, or a Box (A,) float32
    longest: int
    goal: str
    reached: float
    threshold: float | None
    moves: tuple[str, ...]
    scripted: Mapping[str, Act]

    def begin(self, seeds: np.ndarray) -> State:
        """Episodes from their seeds (E,) uint64, which the state keeps as `seed`, beside `time` (E,) int64 noughts."""
        ...

    def observe(self, state: State) -> np.ndarray:
        """What is seen, (E, D) float32."""
        ...

    def step(self, state: State, action: np.ndarray) -> Told:
        """Act (E,) int64 or (E, A) float32; changes the state in place, but for `seed` and `time`, which is that of the step."""
        ...

    def draw(self, state: State, place: int) -> np.ndarray:
        """A picture (H, W, 3) uint8 of the environment at `place`."""
        ...


def _mix(z: np.ndarray) -> np.ndarray:
    """SplitMix64's finalizer (Steele, Lea & Flood 2014) on arrays of 64-bit words."""
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(state: State, stream: int, count: int = 1) -> np.ndarray:
    """Numbers from 0 up to 1, (E, count) float64: a function of seed, time, `stream` and their place alone."""
    key = _mix(_mix(_mix(state["seed"]) ^ state["time"].astype(np.uint64)) ^ np.uint64(stream))  # (E,)
    words = _mix(key[:, None] ^ np.arange(count, dtype=np.uint64))
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def advance(dynamics: Dynamics, state: State, action: np.ndarray) -> tuple[Told, np.ndarray]:
    """One step and the clock; returns what is told and who was cut off by it, (E,) bool."""
    space = dynamics.action_space
    told = dynamics.step(state, np.clip(action, space.low, space.high) if isinstance(space, spaces.Box) else action)
    state["time"] += 1
    return told, (state["time"] >= dynamics.longest) & ~told.ended


class Single(gymnasium.Env[np.ndarray, Any]):
    """One environment. `info` of a step has `parts` of the reward by name and, where a goal is declared, how far it is reached, `goal`."""

    def __init__(self, dynamics: Dynamics, render_mode: str | None = None) -> None:
        if render_mode not in (None, "rgb_array"):
            raise UsageError("`rgb_array` as render mode, or none", f"`{render_mode}`", "Frames are arrays; show them as you like.")
        self.dynamics, self.render_mode = dynamics, render_mode
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": 25}
        self.observation_space, self.action_space = dynamics.observation_space, dynamics.action_space
        self.held: State | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin the episode of a seed, or the next of those that follow from the last seed."""
        super().reset(seed=seed)
        chosen = self.np_random.integers(2**31) if seed is None else seed
        self.held = self.dynamics.begin(np.array([chosen], np.uint64))
        return self.dynamics.observe(self.held)[0].copy(), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Observation (D,), reward, terminated, truncated, info."""
        state = self._state()
        if isinstance(self.action_space, spaces.Discrete) and action not in self.action_space:
            raise UsageError(f"an action from 0 to {self.action_space.n - 1}", f"`{action}`", "Choose one of these.")
        told, cut = advance(self.dynamics, state, np.asarray(action)[None])
        info: dict[str, Any] = {"parts": {name: float(part[0]) for name, part in told.parts.items()}}
        if self.dynamics.goal:
            info["goal"] = float(told.goal[0])
        return self.dynamics.observe(state)[0].copy(), float(told.reward[0]), bool(told.ended[0]), bool(cut[0]), info

    def render(self) -> Any:
        """The picture (H, W, 3) uint8; None where no mode was chosen."""
        return self.dynamics.draw(self._state(), 0) if self.render_mode else None

    def _state(self) -> State:
        if self.held is None:
            raise UsageError("an episode that was begun", "none", "Call `reset()` first.")
        return self.held


@dataclass(frozen=True)
class Stepped:
    """One step of many: what was told (E,), who was cut off (E,) bool, and what each saw at its end, (E, D): for those that go on, what
    they see now."""

    told: Told
    cut: np.ndarray
    last: np.ndarray

    @property
    def over(self) -> np.ndarray:
        """Whose episode is over, (E,) bool."""
        over: np.ndarray = self.told.ended | self.cut
        return over


class Many:
    """`count` environments in step; an episode that ends is followed by the next at once. `seed_of`: the seed of an episode by its
    number; each environment takes every count-th. `seen` (E, D) is what they see now."""

    def __init__(self, dynamics: Dynamics, count: int, seed_of: Callable[[int], int]) -> None:
        self.dynamics, self.count, self._seed_of = dynamics, count, seed_of
        self.episode = np.arange(count)
        self.held = dynamics.begin(self._seeds(self.episode))
        self.seen = dynamics.observe(self.held)

    def _seeds(self, episodes: np.ndarray) -> np.ndarray:
        return np.array([self._seed_of(int(episode)) for episode in episodes], np.uint64)

    def step(self, action: np.ndarray) -> Stepped:
        """Act (E,) int64 or (E, A) float32."""
        told, cut = advance(self.dynamics, self.held, action)
        seen = last = self.dynamics.observe(self.held)
        over = np.flatnonzero(told.ended | cut)
        if len(over):
            seen = self._begin(over, last.copy())
        self.seen = seen
        return Stepped(told, cut, last)

    def begin_anew(self) -> np.ndarray:
        """All leave their episodes and begin the next; what they see then."""
        self.seen = self._begin(np.arange(self.count), np.empty_like(self.seen))
        return self.seen

    def _begin(self, those: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """The next episodes of `those` environments; what all see then."""
        self.episode[those] += self.count
        fresh = self.dynamics.begin(self._seeds(self.episode[those]))
        for name, values in fresh.items():
            self.held[name][those] = values
        seen[those] = self.dynamics.observe(fresh)
        return seen

    def state(self) -> dict[str, Any]:
        """All there is to remember, as plain values that JSON keeps."""
        return {"episode": self.episode.tolist(), "held": {name: values.tolist() for name, values in self.held.items()}}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a `state()`."""
        if set(state["held"]) != set(self.held) or len(state["episode"]) != self.count:
            raise TrainingError("the state of these environments", "that of others", "Train anew.")
        self.episode = np.array(state["episode"])
        for name, values in self.held.items():
            self.held[name] = np.array(state["held"][name], values.dtype).reshape(values.shape)
        self.seen = self.dynamics.observe(self.held)
