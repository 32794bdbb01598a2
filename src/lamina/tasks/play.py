"""How is the game played well? An agent in an environment, judged by its greedy policy on fresh episodes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from lamina.core.data import Data, Split
from lamina.core.episode_drawn import EpisodeSteps
from lamina.core.predictions import Drawable, Episode, Label, Number, Prediction
from lamina.core.spec import Actions, Controls, Spec
from lamina.core.task import Choice, Evaluation, Predicting, Quality, Takes
from lamina.data.inputs import read_all
from lamina.envs import spaces
from lamina.envs.episodes import EPISODES, EpisodeSplit
from lamina.envs.greedy import Act, Step, play_all, play_one, played, rivals
from lamina.envs.vector import Record
from lamina.metrics.intervals import of_mean
from lamina.tasks.play_recipes import recipe

CLIP, STEPS = "median_episode.gif", "median_episode.svg"
ROWS = 512  # of observations, of which something is asked at once
CLIPS = 5  # episodes of which the median one is drawn
SHOWN = 2  # of the best-paid ones, where a goal is lost


class Play:
    """How is the game played well? Judged by the greedy policy on 100 fresh episodes."""

    name: ClassVar[str] = "play"
    monitor: ClassVar[str] = "return_mean"

    def suits(self, spec: Spec) -> bool:
        return isinstance(spec.target, Actions | Controls)

    def takes(self, spec: Spec) -> Takes:
        return "rows"

    def choose(self, data: Data, quality: Quality) -> Choice:
        return recipe(_episodes(data.train))

    def evaluate(self, predictor: Predicting, split: Split, seed: int, brief: bool = False) -> Evaluation:
        """100 episodes; where they reach the environment's own threshold, a second, disjoint 100 must confirm it."""
        episodes = _episodes(split)
        records = play_all(_greedy(predictor, episodes.spec), episodes, 2 * seed)
        threshold = episodes.world.solved_at()
        solved = threshold is not None and _mean(records) >= threshold
        if threshold is not None and solved:
            second = play_all(_greedy(predictor, episodes.spec), episodes, 2 * seed + 1)
            solved = _mean(second) >= threshold
            records = records + second
        return figures(records, {} if threshold is None else {"solved": float(solved)}, len(episodes))

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        return None

    def baselines(self, data: Data) -> dict[str, Evaluation]:
        """A policy that draws its actions, each action done always, and agents that the environment's authors wrote."""
        split = _episodes(data.test)
        return {name: figures(play_all(act, split, 0)) for name, act in rivals(split).items()}

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        """The episode of median return among the first few of the test: step by step, and moving where it can be drawn."""
        split = _episodes(data.test)
        act = _greedy(predictor, split.spec)
        found = [play_one(act, split, 2 * seed, i, draws=False) for i in range(CLIPS)]
        middle = sorted(range(CLIPS), key=lambda i: found[i].episode_return)[CLIPS // 2]
        frames: list[np.ndarray] | None = [] if split.world.draws_frames() else None
        steps = list(played(act, split, 2 * seed, middle, frames))
        drawn: dict[str, Drawable] = {STEPS: drawn_steps(steps, predictor, split)}
        return drawn | ({CLIP: Episode(found[middle].episode_return, len(steps), tuple(frames))} if frames is not None else {})

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        """The action for each observation."""
        said = predictor(read_all(spec.input, inputs))
        if isinstance(spec.target, Controls):
            rows = spaces.in_units(said.cpu().numpy(), spec.target, (spec.target.size,)).tolist()
            return [Number(dict(zip(spec.target.names, row, strict=True))) for row in rows]
        names = spec.target.names
        rows = said.softmax(1).cpu().tolist()
        return [Label(names[int(np.argmax(row))], max(row), dict(zip(names, row, strict=True))) for row in rows]


def drawn_steps(steps: Sequence[Step], predictor: Predicting, split: EpisodeSplit) -> EpisodeSteps:
    """An episode step by step, with what the network expected where it has such a thing."""
    seen = torch.from_numpy(np.stack([step.seen for step in steps]))
    expected: list[float] = []
    with predictor.asked() as model:
        if hasattr(model, "expected"):
            rows = [model.expected(part.to(predictor.device)) for part in seen.split(ROWS)]
            expected = torch.cat(rows).float().cpu().tolist()
    goals = [step.goal for step in steps if step.goal is not None]
    return EpisodeSteps([step.reward for step in steps], goals if len(goals) == len(steps) else [], expected,
                        [step.action.tolist() for step in steps], split.world.moves() or split.target.names)


def paid_most(predictor: Predicting, data: Data, seed: int) -> list[Episode]:
    """The best-paid of the first few training episodes, played anew by the policy as it is, with frames; none where none can be drawn."""
    split = _episodes(data.train)
    if not split.world.draws_frames():
        return []
    act = _greedy(predictor, split.spec)
    found = [play_one(act, split, seed, i, draws=False).episode_return for i in range(CLIPS)]
    best = sorted(range(CLIPS), key=lambda i: -found[i])[:SHOWN]
    return [play_one(act, split, seed, i, draws=True) for i in best]


def _episodes(split: Split) -> EpisodeSplit:
    assert isinstance(split, EpisodeSplit), "play is learned from episodes and judged on them"
    return split


def _mean(records: list[Record]) -> float:
    return float(np.mean([record.episode_return for record in records]))


def figures(records: list[Record], more: Mapping[str, float] | None = None, count: int = EPISODES) -> Evaluation:
    """Return, length and goal of episodes, with intervals of the means; the first `count` are those that rivals have too."""
    returns = np.array([record.episode_return for record in records])
    metrics = {"return_mean": float(returns.mean()), "return_median": float(np.median(returns)), "return_std": float(returns.std())}
    metrics |= more or {}
    metrics["length_mean"] = float(np.mean([record.length for record in records]))
    intervals = {"return_mean": of_mean(metrics["return_mean"], metrics["return_std"], len(returns))}
    goals = np.array([record.goal for record in records if record.goal is not None])
    if len(goals) == len(records):
        metrics["goal_mean"] = float(goals.mean())
        intervals["goal_mean"] = of_mean(metrics["goal_mean"], float(goals.std()), len(goals))
    judged = goals if "goal_mean" in metrics else returns  # by what is wanted, where that is told
    scores = torch.from_numpy(judged[:count].astype(float))
    return Evaluation(metrics, intervals, {"returns": returns.tolist(), "goals": goals.tolist()}, scores)


def _greedy(predictor: Predicting, spec: Spec) -> Act:
    """What the policy deems best: the action with the highest score, or the controls that it says."""
    numbers = isinstance(spec.target, Controls)

    def act(seen: np.ndarray) -> np.ndarray:
        said: np.ndarray = predictor(torch.from_numpy(seen)).cpu().numpy()
        return said if numbers else said.argmax(1)

    return act
