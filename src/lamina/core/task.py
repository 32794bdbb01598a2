"""A task ties the others together: which data it fits, which model and method are its defaults, what
"best" means, how it is evaluated and how an answer looks."""

import math
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Protocol

import torch

from lamina.core.config import told
from lamina.core.data import Data, Split
from lamina.core.errors import unknown
from lamina.core.predictions import Drawable, Prediction
from lamina.core.spec import Spec

Quality = Literal["fast", "good", "best"]
Takes = Literal["pictures", "photos", "rows", "texts", "words"]
LOWER_IS_BETTER = frozenset({"loss", "rmse", "mae", "fid", "perplexity"})  # of all other figures, more is better


@dataclass(frozen=True)
class Choice:
    """What a task picks for a data set: model and method by name, knobs as the user would write them, and when to stop
    where the user names no time and no target.

    scratch: what is picked where there are no weights to transfer; other: where the user names another model or backbone, for which the
    words were not found; methods: what is picked where the user names one of these methods; because: why it was picked, for the user,
    where the data were asked.
    """

    model: str
    method: str
    words: Mapping[str, Any] = field(default_factory=dict)
    until: Mapping[str, float] = field(default_factory=dict)
    scratch: "Choice | None" = None
    other: "Choice | None" = None
    methods: Mapping[str, "Choice"] = field(default_factory=dict)
    because: str = ""

    def beside(self, model: str, method: str, words: Mapping[str, Any]) -> "Choice":
        """What is picked where the user names a model and a method, "" for none, and knobs."""
        if method in self.methods:
            return replace(self.methods[method], methods={})
        mine = self.words.get("backbone")
        suits = model in ("", self.model) and told(words, "backbone", mine) == mine
        return self if self.other is None or suits else self.other


@dataclass(frozen=True)
class Evaluation:
    """Figures of one split; `intervals` are 95 %; `details` is JSON (a confusion matrix, per-class figures).

    `scores`: one figure a row, (N,), so that two models can be compared row by row: 1 or 0 for right or wrong, the squared
    error of numbers; None where rows have none. `output`: what the model said, (N, K) logits or numbers. `seconds`: what it
    took a rival to learn and to answer, 0 where it was not measured.
    """

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    scores: torch.Tensor | None = None
    output: torch.Tensor | None = None
    seconds: float = 0.0


class Predicting(Protocol):
    """What a task sees of a trained model (core/predictor.py)."""

    model: Any  # an nn.Module whose children the task knows
    device: torch.device
    precision: str  # f32, bf16 or f16

    @property
    def threshold(self) -> float:
        """The least probability of a sure answer."""
        ...

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The model's output, in evaluation mode, float32."""
        ...

    def asked(self) -> AbstractContextManager[Any]:
        """The model as it answers: evaluation mode, no gradients, its precision."""
        ...


class Task(Protocol):
    """One kind of question."""

    name: ClassVar[str]
    monitor: ClassVar[str]  # the figure of the validation split that "best" means, if the user names no other

    def suits(self, spec: Spec) -> bool:
        """Whether data of this spec can answer the question."""
        ...

    def takes(self, spec: Spec) -> Takes:
        """What a user's words to `predict` are: names of picture files, rows, texts, or words for the task itself."""
        ...

    def choose(self, data: Data, quality: Quality) -> Choice:
        """The default model, method and knobs for this data."""
        ...

    def evaluate(self, predictor: Predicting, split: Split, seed: int, brief: bool = False) -> Evaluation:
        """The figures of one split. `seed` is for tasks that draw (episodes, samples); `brief`: no more than the metrics are needed, as
        in a validation while training."""
        ...

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        """Something to look at while training, or None."""
        ...

    def baselines(self, data: Data) -> dict[str, Evaluation]:
        """The trivial, the linear and the strong classical rival, judged on the test split, in this order."""
        ...

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        """What is worth looking at after training, by the name of its file."""
        ...

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        """An answer for each of a user's inputs: arrays, pictures, or names of files."""
        ...


def is_better(monitor: str, new: Mapping[str, float], old: Mapping[str, float] | None) -> bool:
    """Whether the figures `new` are better than `old` by the figure `monitor`; where that is equal, by a smaller loss."""
    if monitor not in new:
        raise unknown("figure", monitor, new)
    value = float(new[monitor])
    if old is None or not math.isfinite(float(old[monitor])):
        return old is None or math.isfinite(value)
    if not math.isfinite(value):
        return False
    best = float(old[monitor])
    if value == best:
        return float(new.get("loss", 0)) < float(old.get("loss", 0))
    return value < best if monitor in LOWER_IS_BETTER else value > best
