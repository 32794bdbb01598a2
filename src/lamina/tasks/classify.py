"""Which class is it? Or: which labels hold, several at once?"""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch

from lamina.baselines.tables import trivial_and_linear
from lamina.core.data import Data, Split, batches
from lamina.core.predictions import Drawable, Label, LabelSet, Prediction
from lamina.core.spec import Classes, Image, Labels, Spec
from lamina.core.task import Choice, Evaluation, Predicting, Quality, Takes
from lamina.data.inputs import read_all
from lamina.metrics.classification import Classification
from lamina.metrics.labels import LabelSets
from lamina.tasks.recipes import pictures, table


class Classify:
    """Which class is it? One of several, or several labels at once."""

    name: ClassVar[str] = "classify"
    monitor: ClassVar[str] = "accuracy"

    def suits(self, spec: Spec) -> bool:
        return isinstance(spec.target, Classes | Labels)

    def takes(self, spec: Spec) -> Takes:
        return "pictures" if isinstance(spec.input, Image) else "rows"

    def choose(self, data: Data, quality: Quality) -> Choice:
        return pictures(data, quality) if isinstance(data.spec.input, Image) else table(data, quality)

    def evaluate(self, predictor: Predicting, split: Split, seed: int) -> Evaluation:
        first = split.batch(torch.arange(1))["y"]
        if first.ndim == 2:
            return _evaluate_labels(predictor, split)
        gathered: Classification | None = None
        for batch in batches(split):
            logits = predictor(batch["x"])
            gathered = gathered or Classification(logits.shape[1])
            gathered.update(logits, batch["y"])
        assert gathered is not None, "a split has at least one row"
        details = {"confusion": gathered.confusion.tolist(), "per_class": gathered.per_class()}
        return Evaluation(gathered.value(), {"accuracy": gathered.interval()}, details)

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        return None

    def baselines(self, data: Data) -> dict[str, dict[str, float]]:
        return trivial_and_linear(data, lambda rival, split: self.evaluate(rival, split, 0))

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        return {}

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        logits = predictor(read_all(spec.input, inputs)).cpu()
        if isinstance(spec.target, Labels):
            return [_label_set(row, spec.target.names) for row in logits.sigmoid().tolist()]
        return [_label(row, spec.target.names) for row in logits.softmax(1).tolist()]


def _evaluate_labels(predictor: Predicting, split: Split) -> Evaluation:
    gathered = LabelSets()
    for batch in batches(split):
        gathered.update(predictor(batch["x"]).cpu(), batch["y"])
    return Evaluation(gathered.value(), {"accuracy": gathered.interval()})


def _label(probabilities: list[float], names: tuple[str, ...]) -> Label:
    best = max(range(len(names)), key=probabilities.__getitem__)
    return Label(names[best], probabilities[best], dict(zip(names, probabilities, strict=True)))


def _label_set(probabilities: list[float], names: tuple[str, ...]) -> LabelSet:
    held = tuple(name for name, p in zip(names, probabilities, strict=True) if p > 0.5)
    return LabelSet(held, dict(zip(names, probabilities, strict=True)))
