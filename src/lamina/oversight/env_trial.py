"""An environment tried out: some thousand steps with actions of chance and of agents that learn nothing, and all that was seen gathered.

Nothing is asked of the environment but Gymnasium's interface, and whatever it does wrong is written down as a `Fault`, with the step
and the episode: a trial never raises.
"""

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina.core.spec import Actions
from lamina.envs import spaces
from lamina.envs.episodes import EpisodeSplit
from lamina.envs.greedy import Act, always, by_chance, scripted
from lamina.envs.guarded import Faulty, Guarded

STEPS, SECONDS = 4_000, 3.0  # of a trial with actions of chance
EPISODES, EACH_SECONDS = 20, 1.0  # of each policy that needs no learning
ENDLESS = 2_500  # steps without an end
REPEATED = 100  # steps that are played twice
MOST_FAULTS, MOST_ACTIONS = 5, 12


@dataclass(frozen=True)
class Fault:
    """What the environment did wrong: `what` kind it is, and in words what came, with step and episode."""

    what: str
    came: str


@dataclass(frozen=True)
class Lived:
    """An episode: return, length, whether the environment ended it (and not the clock), the goal at its end where it is told."""

    episode_return: float
    length: int
    terminated: bool
    goal: float | None = None


@dataclass
class Trial:
    """What was seen of an environment. `endless`: no episode ended; `told`: the keys of `info`, the parts of the reward with a dot."""

    episodes: list[Lived] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    seen: list[np.ndarray] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    told: dict[str, float] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    endless: bool = False

    @property
    def steps(self) -> int:
        """How many were made."""
        return len(self.rewards)

    @property
    def observations(self) -> np.ndarray:
        """(N, D) float64."""
        return np.stack([one.reshape(-1) for one in self.seen]).astype(np.float64) if self.seen else np.zeros((0, 0))

    def returns(self) -> np.ndarray:
        """Of the episodes that came to an end."""
        return np.array([episode.episode_return for episode in self.episodes])


def policies(split: EpisodeSplit) -> dict[str, Act]:
    """Agents that learn nothing, under the names by which a look tells of them: chance, some actions always, and those that the
    environment's authors wrote."""
    target, chance = split.target, {"random": by_chance(split.target)}
    if not isinstance(target, Actions):
        ends = {"always least": -1.0, "always the middle": 0.0, "always most": 1.0}
        return chance | {name: always(np.full(target.size, value, np.float32)) for name, value in ends.items()}
    ours = split.world.dynamics()
    names = ours.moves if ours is not None and ours.moves else target.names
    return chance | {f"always `{name}`": always(np.array(i)) for i, name in enumerate(names[:MOST_ACTIONS])} | scripted(split)


def try_out(split: EpisodeSplit, act: Act, steps: int = STEPS, seconds: float = SECONDS, episodes: int = 10_000) -> Trial:
    """Play until there were so many steps or episodes, or the time is over."""
    trial, began, episode = Trial(), time.monotonic(), 0
    cpu = time.process_time()
    env = split.opened()
    while trial.steps < steps and time.monotonic() - began < seconds and episode < episodes and len(trial.faults) < MOST_FAULTS:
        _episode(env, split, act, trial, (episode, began + seconds, steps))
        episode += 1
        if trial.endless:
            break
    trial.cpu_seconds = time.process_time() - cpu
    env.close()
    return trial


def _episode(env: Guarded, split: EpisodeSplit, act: Act, trial: Trial, limits: tuple[int, float, int]) -> None:
    """One episode, as far as steps and time allow."""
    episode, until, steps = limits
    seen = _begun(env, split, trial, episode)
    total, over, goal, terminated = 0.0, False, None, False
    while seen is not None and not over and trial.steps < steps and time.monotonic() < until:
        action = spaces.in_units(np.asarray(act(seen[None])), split.spec.target, env.shape)[0]
        try:
            observation, reward, terminated, truncated, info = env.step(action)
        except Faulty as error:
            trial.faults.append(Fault(error.kind, error.where))
            return
        seen = _seen(observation, trial, env.place)
        if not np.isfinite(reward):
            trial.faults.append(Fault("nan", f"the reward `{reward}` {env.place}"))
            return
        total, over = total + reward, terminated or truncated
        trial.rewards.append(reward)
        _tell(trial, info)
        goal = info.get("goal", goal)
    trial.endless = not over and env.length >= ENDLESS
    if over:
        trial.episodes.append(Lived(total, env.length, terminated, None if goal is None else float(goal)))


def _begun(env: Guarded, split: EpisodeSplit, trial: Trial, episode: int) -> np.ndarray | None:
    """The first observation of an episode from its seed."""
    try:
        observation = env.begin(split.seed_of(episode), episode)
    except Faulty as error:
        trial.faults.append(Fault(error.kind, error.where))
        return None
    return _seen(observation, trial, env.place)


def _seen(seen: np.ndarray, trial: Trial, where: str) -> np.ndarray | None:
    """What was seen, kept; None, and a fault, where it has numbers that are none."""
    if not np.isfinite(seen).all():
        trial.faults.append(Fault("nan", f"an observation with `{seen[~np.isfinite(seen)].flat[0]}` {where}"))
        return None
    trial.seen.append(seen.copy())
    return seen


def _tell(trial: Trial, info: Any) -> None:
    """Gather what a step told beside the reward: for numbers the sum of their sizes."""
    for key, value in info.items():
        inner = {f"{key}.{part}": number for part, number in value.items()} if key == "parts" and isinstance(value, dict) else {key: value}
        for name, number in inner.items():
            plain = isinstance(number, int | float | bool | np.number | np.bool_)
            trial.told[name] = trial.told.get(name, 0.0) + (abs(float(number)) if plain else 0.0)


def repeats(split: EpisodeSplit) -> tuple[bool, bool]:
    """Whether an episode repeats from its seed and actions, and whether other seeds begin otherwise or go on otherwise."""
    first, again = (_trace(split, 1) for _ in range(2))
    return _equal(first, again), not all(_equal(first, _trace(split, seed)) for seed in (2, 3))


def _trace(split: EpisodeSplit, seed: int) -> list[np.ndarray]:
    """Everything that is seen and paid in the first steps of an episode, with the same actions each time."""
    env, random, size = split.opened(), np.random.default_rng(0), split.spec.target.size
    trace = [env.begin(seed, 0)]
    for _ in range(REPEATED):
        drawn = random.integers(0, size, 1) if isinstance(split.spec.target, Actions) else random.uniform(-1, 1, (1, size))
        seen, reward, terminated, truncated, _ = env.step(spaces.in_units(drawn, split.spec.target, env.shape)[0])
        trace += [seen, np.array(reward)]
        if terminated or truncated:
            break
    env.close()
    return trace


def _equal(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))
