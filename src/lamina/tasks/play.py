"""How is the game played well? An agent in an environment, judged by its greedy policy on fresh episodes."""

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import torch

from lamina.core.data import Data, Split
from lamina.core.predictions import Drawable, Label, Prediction
from lamina.core.spec import Actions, Spec
from lamina.core.task import Choice, Evaluation, Predicting, Quality, Takes
from lamina.data.inputs import read_all
from lamina.envs.episodes import EpisodeSplit
from lamina.envs.greedy import draws_frames, play_all, play_one, solved_at
from lamina.metrics.intervals import of_mean

CLIPS = 5  # episodes of which the median one is drawn


class Play:
    """How is the game played well? Judged by the greedy policy on 100 fresh episodes."""

    name: ClassVar[str] = "play"
    monitor: ClassVar[str] = "return_mean"

    def suits(self, spec: Spec) -> bool:
        return isinstance(spec.target, Actions)

    def takes(self, spec: Spec) -> Takes:
        return "rows"

    def choose(self, data: Data, quality: Quality) -> Choice:
        assert isinstance(data.train, EpisodeSplit), "play is learned from episodes"
        known = solved_at(data.train.env) is not None
        return Choice("policy", "ppo", until={"solved": 1.0} if known else {})

    def evaluate(self, predictor: Predicting, split: Split, seed: int, brief: bool = False) -> Evaluation:
        """100 episodes; where they reach the environment's own threshold, a second, disjoint 100 must confirm it."""
        assert isinstance(split, EpisodeSplit), "play is judged on episodes"
        returns = play_all(_greedy(predictor), split, 2 * seed)
        threshold = solved_at(split.env)
        solved = threshold is not None and returns.mean() >= threshold
        if solved:
            second = play_all(_greedy(predictor), split, 2 * seed + 1)
            solved = second.mean() >= threshold
            returns = np.concatenate([returns, second])
        mean, spread = float(returns.mean()), float(returns.std())
        metrics = {"return_mean": mean, "return_median": float(np.median(returns)), "return_std": spread, "solved": float(solved)}
        return Evaluation(metrics, {"return_mean": of_mean(mean, spread, len(returns))}, {"returns": returns.tolist()})

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        return None

    def baselines(self, data: Data) -> dict[str, Evaluation]:
        """A policy that draws its actions."""
        assert isinstance(data.test, EpisodeSplit), "play is judged on episodes"
        random, actions = np.random.default_rng(0), data.spec.target.size
        returns = play_all(lambda seen: random.integers(0, actions, len(seen)), data.test, 0)
        mean, spread = float(returns.mean()), float(returns.std())
        return {"random": Evaluation({"return_mean": mean, "return_std": spread}, {"return_mean": of_mean(mean, spread, len(returns))})}

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        """The episode of median return among the first few of the test, drawn where that can be done."""
        assert isinstance(data.test, EpisodeSplit), "play is judged on episodes"
        if not draws_frames(data.test.env):
            return {}
        found = [play_one(_greedy(predictor), data.test, 2 * seed, i, draws=False) for i in range(CLIPS)]
        middle = sorted(range(CLIPS), key=lambda i: found[i].episode_return)[CLIPS // 2]
        return {"median_episode.gif": play_one(_greedy(predictor), data.test, 2 * seed, middle, draws=True)}

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        """The action for each observation."""
        rows = predictor(read_all(spec.input, inputs)).softmax(1).cpu().tolist()
        names = spec.target.names
        return [Label(names[int(np.argmax(row))], max(row), dict(zip(names, row, strict=True))) for row in rows]


def _greedy(predictor: Predicting) -> Any:
    def act(seen: np.ndarray) -> np.ndarray:
        chosen: np.ndarray = predictor(torch.from_numpy(seen)).argmax(1).cpu().numpy()
        return chosen

    return act
