"""Whole episodes played by a given policy: many at once for a figure, one with pictures to look at."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.core.predictions import Episode
from lamina.core.spec import Actions, Controls, Image, Vector
from lamina.envs import spaces
from lamina.envs.episodes import EpisodeSplit
from lamina.envs.guarded import fault, not_finite
from lamina.envs.vector import Record, told_goal
from lamina.envs.world import gymnasium

Act = Callable[[np.ndarray], np.ndarray]  # observations (B, ...) -> actions (B,), or controls (B, A) in -1 to 1
LONGEST = 100_000  # steps of an episode in an environment without a time limit
PATIENCE = 10_000  # the same after which none has ended, so that the environment is taken to be endless
TRIED = 3  # episodes in which an action that is always done is tried, before the best plays all


def play_all(act: Act, split: EpisodeSplit, draw: int) -> list[Record]:
    """As many whole episodes as the split counts, side by side, begun from set number `draw`."""
    count = len(split)
    if split.world.dynamics() is not None:
        return _on_arrays(act, split, draw, count)
    if split.world.has_arrays() and isinstance(split.spec.input, Vector):
        return _on_arrays_of_others(act, split, draw, count)
    return _one_by_one(act, split, draw, count)


class _Sums:
    """Returns, lengths, parts and last goals of episodes that are added up until each is over."""

    def __init__(self, count: int) -> None:
        self.going = np.ones(count, bool)
        self._returns, self._lengths = np.zeros(count), np.zeros(count, int)
        self._goals = np.full(count, np.nan)  # where none is told
        self._parts: dict[str, np.ndarray] = {}

    def add(self, reward: np.ndarray, over: np.ndarray) -> None:
        self._returns += reward * self.going
        self._lengths += self.going
        self.going = self.going & ~over

    def tell(self, those: Any, goal: Any, parts: Mapping[str, Any]) -> None:
        """Goals and parts of the reward of `those` episodes, whose numbers or a mask it is."""
        self._goals[those] = np.nan if goal is None else goal
        for name, value in parts.items():
            self._parts.setdefault(name, np.zeros(len(self.going)))[those] += value

    def records(self) -> list[Record]:
        goals = [told_goal(goal) for goal in self._goals.tolist()]
        parts = [{name: float(sums[i]) for name, sums in self._parts.items()} for i in range(len(goals))]
        return [Record(*row) for row in zip(self._returns.tolist(), self._lengths.tolist(), goals, parts, strict=True)]


def _on_arrays(act: Act, split: EpisodeSplit, draw: int, count: int) -> list[Record]:
    from lamina.envs.arrays import advance

    dynamics = split.world.dynamics()
    assert dynamics is not None, "environments of ours are played on arrays"
    state, sums = dynamics.begin(np.array([split.seed_of(i, draw) for i in range(count)], np.uint64)), _Sums(count)
    shape = dynamics.action_space.shape or ()
    while sums.going.any():
        told, cut = advance(dynamics, state, spaces.in_units(act(dynamics.observe(state)), split.spec.target, shape))
        live = sums.going
        sums.tell(live, told.goal[live], {name: part[live] for name, part in told.parts.items()})
        sums.add(told.reward, told.ended | cut)
    return sums.records()


def _on_arrays_of_others(act: Act, split: EpisodeSplit, draw: int, count: int) -> list[Record]:
    """Gymnasium's own arrays, which take one seed for all."""
    envs = gymnasium().make_vec(split.world.name, num_envs=count, vectorization_mode="vector_entry_point")
    seen, _ = envs.reset(seed=split.seed_of(0, draw))
    sums = _Sums(count)
    for _ in range(LONGEST):
        chosen = spaces.in_units(act(seen.reshape(count, -1).astype(np.float32)), split.spec.target, envs.single_action_space.shape)
        seen, reward, terminated, truncated, _ = envs.step(chosen)
        sums.add(reward, terminated | truncated)
        if not sums.going.any():
            break
    envs.close()
    return sums.records()


def _one_by_one(act: Act, split: EpisodeSplit, draw: int, count: int) -> list[Record]:
    """One after the other within a step, and only those whose episode goes on."""
    envs, sums = [split.opened() for _ in range(count)], _Sums(count)
    seen = np.stack([env.begin(split.seed_of(i, draw), i) for i, env in enumerate(envs)])
    for step in range(1, LONGEST + 1):
        live = np.flatnonzero(sums.going)
        reward, over = np.zeros(count), np.zeros(count, bool)
        for i, action in zip(live, spaces.in_units(act(seen[live]), split.spec.target, envs[0].shape), strict=True):
            seen[i], reward[i], terminated, truncated, info = envs[i].step(action)
            over[i] = terminated or truncated
            sums.tell(int(i), info.get("goal"), info.get("parts", {}))
            if not math.isfinite(reward[i] + float(seen[i].sum())):
                raise not_finite(split.world, step, int(i))
        sums.add(reward, over)
        if not sums.going.any():
            break
        if step == PATIENCE and sums.going.all() and not split.world.has_limit():
            raise fault(split.world, "episodes that end", f"none of {count}", (step, 0), "Give it a time limit: return `truncated` as true "
                        "after some steps, or wrap it in `gymnasium.wrappers.TimeLimit`.")
    for env in envs:
        env.close()
    return sums.records()


@dataclass(frozen=True)
class Step:
    """One step of an episode: what was seen before it, the action as the network says it, the reward, and the goal where it is told."""

    seen: np.ndarray
    action: np.ndarray
    reward: float
    goal: float | None


def play_one(act: Act, split: EpisodeSplit, draw: int, episode: int, draws: bool) -> Episode:
    """One episode, with its frames if `draws`."""
    frames: list[np.ndarray] = []
    rewards = [step.reward for step in played(act, split, draw, episode, frames if draws else None)]
    return Episode(sum(rewards), len(rewards), tuple(frames))


def played(act: Act, split: EpisodeSplit, draw: int, episode: int, frames: list[np.ndarray] | None = None) -> Iterator[Step]:
    """The steps of one episode as they come; its frames are added to `frames`."""
    env = split.opened(render=frames is not None)
    seen, over = env.begin(split.seed_of(episode, draw), episode), False
    if frames is not None:
        frames.append(env.frame())
    while not over and env.length < LONGEST:
        action = act(seen[None])
        after, reward, terminated, truncated, info = env.step(spaces.in_units(action, split.spec.target, env.shape)[0])
        if frames is not None:
            frames.append(env.frame())
        yield Step(seen, action[0], reward, told_goal(info.get("goal")))
        seen, over = after, terminated or truncated
    env.close()


def rivals(split: EpisodeSplit) -> dict[str, Act]:
    """Policies that learn nothing: chance, each action always, and those that the environment's authors wrote. Where pictures are seen,
    whose episodes are long, of the actions only the one that a few episodes pay best."""
    target = split.target
    if isinstance(target, Controls):
        return {"random": by_chance(target), "still": always(np.zeros(target.size, np.float32))}
    constant = {f"always {name}": always(np.array(i)) for i, name in enumerate(target.names)}
    if isinstance(split.spec.input, Image):
        few = split.of(TRIED)
        best = max(constant, key=lambda name: sum(record.episode_return for record in play_all(constant[name], few, 0)))
        constant = {best: constant[best]}
    return {"random": by_chance(target)} | constant | scripted(split)


def by_chance(target: Actions | Controls) -> Act:
    """Any action, whatever is seen."""
    random = np.random.default_rng(0)
    if isinstance(target, Controls):
        return lambda seen: random.uniform(-1, 1, (len(seen), target.size)).astype(np.float32)
    return lambda seen: random.integers(0, target.size, len(seen))


def always(action: np.ndarray) -> Act:
    """The same action, whatever is seen."""
    return lambda seen: np.repeat(action[None], len(seen), 0)


def scripted(split: EpisodeSplit) -> dict[str, Act]:
    """The agents that the environment's authors wrote."""
    ours = split.world.dynamics()
    return {} if ours is None else dict(ours.scripted)
