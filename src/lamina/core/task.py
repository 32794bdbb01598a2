"""A task ties the others together: which data it fits, which model and method are its defaults, what
"best" means, how it is evaluated and how an answer looks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import nn

from lamina.core.data import Data, Split
from lamina.core.predictions import Prediction
from lamina.core.spec import Spec

Quality = Literal["fast", "good", "best"]


@dataclass(frozen=True)
class Choice:
    """What a task picks for a data set: model and method by name, and knobs as the user would write them."""

    model: str
    method: str
    words: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """Figures of one split; `intervals` are 95 %; `details` is JSON (a confusion matrix, per-class figures)."""

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


class Predicting(Protocol):
    """What a task sees of a trained model (core/predictor.py)."""

    model: nn.Module
    device: torch.device

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The model's output, in evaluation mode, float32."""
        ...


class Task(Protocol):
    """One kind of question."""

    name: ClassVar[str]
    monitor: ClassVar[str]  # the figure of the validation split that "best" means
    direction: ClassVar[Literal["max", "min"]]

    def suits(self, spec: Spec) -> bool:
        """Whether data of this spec can answer the question."""
        ...

    def choose(self, data: Data, quality: Quality) -> Choice:
        """The default model, method and knobs for this data."""
        ...

    def evaluate(self, predictor: Predicting, split: Split, seed: int) -> Evaluation:
        """The figures of one split. `seed` is for tasks that draw (episodes, samples)."""
        ...

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Prediction | None:
        """Something to look at while training, or None."""
        ...

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        """An answer for each of a user's inputs: arrays, pictures, or names of files."""
        ...
