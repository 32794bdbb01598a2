"""What models without a network would score on pictures: the most frequent class, a linear one on pixels, and HOG with a linear model.

Large pictures are averaged down for the pixels' model, and of many rows some are taken, so that no rival takes longer than the
network; both are far past the point where more of either helps such models much.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from lamina.baselines.rivals import Judge, judged
from lamina.baselines.tables import constant, log_probabilities
from lamina.core.batch import Batch
from lamina.core.data import Data, Split, batches
from lamina.core.spec import Image
from lamina.core.task import Evaluation
from lamina.data.hog import SMALLEST, hog

MOST_ROWS = 10_000  # that a rival learns from
MOST_SIDE = {1: 28, 3: 16}  # of the pictures whose pixels are given to the linear model, by channels
STRENGTHS = (0.01, 0.1, 1.0)  # inverse penalties that are tried on the validation split
Features = Callable[[torch.Tensor], torch.Tensor]  # pictures (B, C, H, W) bytes -> (B, D)


def of_pictures(data: Data, judge: Judge) -> dict[str, Evaluation]:
    """Figures on the test split: `most frequent` or `mean`, and `linear`."""
    kind, size = data.spec.target.kind, data.spec.target.size
    y = _answers(data.train)
    learn: dict[str, Callable[[], Any]] = {"most frequent" if kind == "classes" else "mean": lambda: constant(Batch(y=y), kind, size)}
    if _can_be_learned(data, y):
        learn["linear"] = lambda: _best(data, judge, pixels)
    return judged(learn, judge, data.test)


def on_gradients(data: Data, judge: Judge) -> dict[str, Evaluation]:
    """Figures of `HOG + logistic regression` or `HOG + linear regression`; nothing where there are no pictures, or none large enough."""
    image = data.spec.input
    if not isinstance(image, Image) or min(image.height, image.width) < SMALLEST or not _can_be_learned(data, _answers(data.train)):
        return {}
    name = f"HOG + {'logistic' if data.spec.target.kind == 'classes' else 'linear'} regression"
    return judged({name: lambda: _best(data, judge, hog)}, judge, data.test)


def pixels(x: torch.Tensor) -> torch.Tensor:
    """(B, D): the pictures as small ones, 0..1."""
    most = MOST_SIDE.get(x.shape[1], min(MOST_SIDE.values()))
    small = x.float() / 255
    if max(x.shape[2:]) > most:
        small = F.interpolate(small, (min(most, x.shape[2]), min(most, x.shape[3])), mode="bilinear", antialias=True)
    return small.flatten(1)


class FeatureRival:
    """A linear model of features that answers as a `Predictor` does: pictures (B, C, H, W) -> logits or numbers (B, K)."""

    def __init__(self, features: Features, answer: Callable[[np.ndarray], np.ndarray]) -> None:
        self._features, self._answer = features, answer

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The rival's output for a batch."""
        return torch.from_numpy(self._answer(self._features(x.cpu()).numpy()).astype(np.float32))


def _best(data: Data, judge: Judge, features: Features) -> FeatureRival:
    """The linear model on these features, with the penalty that is best on the validation split."""
    from sklearn.preprocessing import StandardScaler

    x, y = _some(data.train, features)
    scale = StandardScaler().fit(x)
    classes = data.spec.target.size if data.spec.target.kind == "classes" else 0
    tried = [_fitted(scale.transform(x), y, classes, strength) for strength in STRENGTHS]
    rivals = [FeatureRival(features, _after(scale, answer)) for answer in tried]
    sign, figure = (1, "accuracy") if classes else (-1, "rmse")
    return max(rivals, key=lambda rival: sign * judge(rival, data.valid).metrics[figure])


def _after(scale: Any, answer: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda found: answer(scale.transform(found))


def _fitted(x: np.ndarray, y: np.ndarray, classes: int, strength: float) -> Callable[[np.ndarray], np.ndarray]:
    from sklearn.linear_model import LogisticRegression, Ridge

    if not classes:
        line = Ridge(alpha=len(x) / 100 / strength).fit(x, y)
        return lambda found: line.predict(found).reshape(len(found), -1)
    model = LogisticRegression(C=strength, max_iter=500, tol=1e-3).fit(x, y)
    return lambda found: log_probabilities(model, found, classes)


def _some(split: Split, features: Features) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, D) and answers of at most MOST_ROWS rows, evenly spread over the split."""
    rows = torch.arange(0, len(split), max(1, -(-len(split) // MOST_ROWS)))
    parts = [split.batch(some) for some in rows.split(500)]
    return torch.cat([features(batch["x"]) for batch in parts]).numpy(), torch.cat([batch["y"] for batch in parts]).numpy()


def _can_be_learned(data: Data, y: torch.Tensor) -> bool:
    """By a linear model: numbers, or more than one class."""
    kind = data.spec.target.kind
    return kind == "numbers" or (kind == "classes" and len(y.unique()) > 1)


def _answers(split: Split) -> torch.Tensor:
    return torch.cat([batch["y"] for batch in batches(split)])
