"""Which class is it? Or: which labels hold, several at once?"""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch

from lamina.baselines.photos import on_gradients
from lamina.baselines.rivals import rivals
from lamina.core.data import Data, Split, batches
from lamina.core.predictions import Drawable, Label, LabelSet, Prediction
from lamina.core.spec import Classes, Labels, Spec
from lamina.core.task import Choice, Evaluation, Predicting, Quality, Takes
from lamina.data.inputs import read_all
from lamina.metrics.classification import Classification
from lamina.metrics.labels import LabelSets
from lamina.tasks.on_features import linear_on_features
from lamina.tasks.recipes import recipe, takes


class Classify:
    """Which class is it? One of several, or several labels at once."""

    name: ClassVar[str] = "classify"
    monitor: ClassVar[str] = "accuracy"

    def suits(self, spec: Spec) -> bool:
        return isinstance(spec.target, Classes | Labels)

    def takes(self, spec: Spec) -> Takes:
        return takes(spec)

    def choose(self, data: Data, quality: Quality) -> Choice:
        return recipe(data, quality)

    def evaluate(self, predictor: Predicting, split: Split, seed: int, brief: bool = False) -> Evaluation:
        first = split.batch(torch.arange(1))["y"]
        if first.ndim == 2:
            return _evaluate_labels(predictor, split)
        said, y = _answers(predictor, split)
        gathered = Classification(said.shape[1])
        gathered.update(said, y)
        if brief:
            return Evaluation(gathered.value())
        details = {"confusion": gathered.confusion.tolist(), "per_class": gathered.per_class()}
        return Evaluation(gathered.value(), {"accuracy": gathered.interval()}, details, (said.argmax(1) == y).float(), said)

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        return None

    def baselines(self, data: Data) -> dict[str, Evaluation]:
        def judge(rival: Predicting, split: Split) -> Evaluation:
            return self.evaluate(rival, split, 0)

        return {**rivals(data, judge), **(linear_on_features(data, judge) or on_gradients(data, judge))}

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        return {}

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        logits = predictor(read_all(spec.input, inputs)).cpu()
        if isinstance(spec.target, Labels):
            return [_label_set(row, spec.target.names) for row in logits.sigmoid().tolist()]
        return [_label(row, spec.target.names, predictor.threshold) for row in logits.softmax(1).tolist()]


def _answers(predictor: Predicting, split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (N, K) and targets of every row."""
    rows = [(predictor(batch["x"]).cpu(), batch["y"]) for batch in batches(split)]
    said, y = zip(*rows, strict=True)
    return torch.cat(said), torch.cat(y)


def _evaluate_labels(predictor: Predicting, split: Split) -> Evaluation:
    said, y = _answers(predictor, split)
    gathered = LabelSets()
    gathered.update(said, y)
    return Evaluation(gathered.value(), {"accuracy": gathered.interval()}, {}, ((said > 0) == y.bool()).all(1).float(), said)


def _label(probabilities: list[float], names: tuple[str, ...], threshold: float) -> Label:
    best = max(range(len(names)), key=probabilities.__getitem__)
    return Label(names[best], probabilities[best], dict(zip(names, probabilities, strict=True)), probabilities[best] >= threshold)


def _label_set(probabilities: list[float], names: tuple[str, ...]) -> LabelSet:
    held = tuple(name for name, p in zip(names, probabilities, strict=True) if p > 0.5)
    return LabelSet(held, dict(zip(names, probabilities, strict=True)))
