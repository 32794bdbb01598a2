"""Classifier and regressor in scikit-learn's manner, for pipelines, grids and cross-validation. Thin: `lm.Model` learns.

Two promises shape this file. A row given twice is a row of weight two: rows that are equal in x and y are merged
into one of their summed weight, in an order that follows from their content, before anything is drawn. And an answer
does not depend on which rows are asked together: answers are computed in double precision.
"""
# ruff: noqa: N803  (X is scikit-learn's name for a table)

from copy import deepcopy
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,  # scikit-learn documents it for developers of estimators
    check_is_fitted,
    column_or_1d,
    validate_data,
)
from torch import nn

from lamina.core.data import Data
from lamina.core.errors import DataError, UsageError
from lamina.core.spec import Classes, Labels, Numbers, Spec, Vector
from lamina.data.arrays import ArraySplit
from lamina.data.split import stratified_parts
from lamina.model import Model

SMALLEST_HELD_OUT = 8  # rows; a validation split below it tells nothing, so all rows are trained and validated on
CHUNK = 4096  # rows that are answered at once
SHARES = 8  # of the mean weight, to which weights are rounded where a row is validated on as often as it weighs
KNOBS = (
    "hidden", "activation", "norm", "dropout", "init", "epochs", "batch", "loss", "optimizer", "learning_rate", "momentum",
    "weight_decay", "schedule", "warmup", "clip", "ema", "l1", "l2", "max_norm", "patience", "threads", "precision",
)  # fmt: skip


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What both have in common. A knob that is None is chosen by the task for the size of the data.

    model: a built-in model's name, or a torch module, which is copied; hidden to precision: knobs of the model, the
    method, the optimizer and the loop, as `lamina train DATA --knobs` explains them; validation: share of the rows held
    out to choose the best weights and to stop early; 0, or fewer than 8 rows, validates on the training rows;
    random_state: of first weights, order and dropout; warm_start: a second fit goes on from the present weights;
    out: a run folder, None writes nothing; quiet: prints nothing.
    """

    def __init__(
        self, model: Any = "mlp", *,
        hidden: Any = None, activation: str | None = None, norm: str | None = None, dropout: float | None = None,
        init: str | None = None, epochs: float | None = None, batch: int | None = None, loss: str | None = None,
        optimizer: str | None = None, learning_rate: float | None = None, momentum: float | None = None,
        weight_decay: float | None = None, schedule: str | None = None, warmup: float | None = None,
        clip: float | None = None, ema: float | None = None, l1: float | None = None, l2: float | None = None,
        max_norm: float | None = None, patience: int | None = None, threads: int = 1, precision: str = "f32",
        validation: float = 0.15, device: str = "cpu", random_state: Any = None, warm_start: bool = False,
        out: Any = None, quiet: bool = True,
    ) -> None:  # fmt: skip
        self.model = model
        self.hidden, self.activation, self.norm, self.dropout, self.init = hidden, activation, norm, dropout, init
        self.epochs, self.batch, self.loss = epochs, batch, loss
        self.optimizer, self.learning_rate, self.momentum = optimizer, learning_rate, momentum
        self.weight_decay, self.schedule, self.warmup = weight_decay, schedule, warmup
        self.clip, self.ema, self.l1, self.l2, self.max_norm = clip, ema, l1, l2, max_norm
        self.patience, self.threads, self.precision = patience, threads, precision
        self.validation, self.device, self.random_state = validation, device, random_state
        self.warm_start, self.out, self.quiet = warm_start, out, quiet

    def _learn(self, x: np.ndarray, target: Classes | Labels | Numbers, y: np.ndarray, weight: np.ndarray) -> None:
        """Fit on x (N, D) float32, y (N,) int64 or (N, K) float32, weights (N,) above zero."""
        rows = merged(x, y, weight)
        names = tuple(map(str, getattr(self, "feature_names_in_", ())))
        spec = Spec(input=Vector(size=x.shape[1], names=names), target=target)
        seed = _seed(self.random_state)
        knobs = {name: getattr(self, name) for name in KNOBS if getattr(self, name) is not None}
        if not (self.warm_start and hasattr(self, "model_")):
            self.model_ = Model(deepcopy(self.model) if isinstance(self.model, nn.Module) else self.model)
        self.model_.fit(self._split(spec, rows, seed), seed=seed, out=self.out, quiet=self.quiet, device=self.device, **knobs)

    def _split(self, spec: Spec, rows: ArraySplit, seed: int) -> Data:
        """Training and validation rows; there is no test split, as scikit-learn holds it out before."""
        if not 0 <= self.validation < 1:
            raise UsageError("`validation` from 0 to below 1", f"`{self.validation}`", "It is the share of the rows that is held out.")
        sheet = f"{len(rows)} distinct rows, {spec.input.shape[0]} columns"
        if len(rows) * self.validation < SMALLEST_HELD_OUT:
            keep = held = rows
        else:
            keep, held = (rows.part(part) for part in stratified_parts(rows.y, self.validation, seed, "valid"))
        held = repeated(held)
        return Data("arrays", spec, keep, held, held, sheet)

    def _outputs(self, X: Any) -> torch.Tensor:
        """Logits or numbers (N, K) in double precision, so that rows are answered alike alone and together."""
        check_is_fitted(self)
        x = torch.from_numpy(np.array(validate_data(self, X, dtype=np.float32, reset=False)))
        exact = deepcopy(self.model_._known().predictor.model).cpu().double().eval()
        with torch.inference_mode():
            return torch.cat([exact(part) for part in x.split(CHUNK)])

    def _weights(self, sample_weight: Any, X: np.ndarray) -> np.ndarray:
        weight: np.ndarray = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not (weight > 0).any():
            raise DataError("a row of weight above zero", "weights of zero only", "Check `sample_weight`.")
        return weight


class Classifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """One of several classes, or several labels at once where y is (N, L) of zeros and ones.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> Classifier(epochs=60, random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "Classifier":
        """X (N, D) numbers, y (N,) classes or (N, L) labels, weights (N,); ValueError for what cannot be learned from."""
        X, y = validate_data(self, X, y, dtype=np.float32, multi_output=True)
        check_classification_targets(y)
        weight = self._weights(sample_weight, X)
        X, y, weight = X[weight > 0], y[weight > 0], weight[weight > 0]
        several = y.ndim == 2 and y.shape[1] > 1
        target, answers = self._labels(y) if several else self._classes(column_or_1d(y, warn=True))
        self._learn(X, target, answers, weight)
        return self

    def _labels(self, y: np.ndarray) -> tuple[Labels, np.ndarray]:
        if not np.isin(y, (0, 1)).all():
            raise DataError("labels (N, L) of zeros and ones", f"`{np.unique(y)[:5].tolist()}`",
                            "Fit one Classifier for each column: sklearn.multioutput.MultiOutputClassifier.")
        self._keep_classes(np.arange(y.shape[1]))
        return Labels(names=tuple(f"label {i}" for i in range(y.shape[1]))), y.astype(np.float32)

    def _classes(self, y: np.ndarray) -> tuple[Classes, np.ndarray]:
        found, index = np.unique(y, return_inverse=True)
        if len(found) < 2:
            raise DataError("at least two classes", f"one class, `{found[0]}`", "Add examples of another class.")
        known = getattr(self, "classes_", found) if self.warm_start else found
        if set(found) <= set(known):  # some of the classes may be absent this time
            found, index = known, np.searchsorted(known, y)
        self._keep_classes(found)
        return Classes(names=tuple(map(str, found))), index.astype(np.int64)

    def _keep_classes(self, found: np.ndarray) -> None:
        known = getattr(self, "classes_", found) if self.warm_start else found
        if not np.array_equal(found, known):
            raise DataError(f"the classes of the first fit, `{known.tolist()}`", f"`{found.tolist()}`", "Set warm_start=False.")
        self.classes_ = found

    def predict_proba(self, X: Any) -> np.ndarray:
        """(N, K) probabilities of the classes, which sum to one, or (N, L) of the labels, each by itself."""
        outputs = self._outputs(X)
        found: np.ndarray = (outputs.sigmoid() if self._several() else outputs.softmax(1)).numpy()
        return found

    def predict(self, X: Any) -> np.ndarray:
        """(N,) classes, or (N, L) zeros and ones."""
        outputs = self._outputs(X)
        if self._several():
            return (outputs > 0).numpy().astype(np.int64)
        found: np.ndarray = self.classes_[outputs.argmax(1).numpy()]
        return found

    def _several(self) -> bool:
        return isinstance(self.model_._known().spec.target, Labels)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class Regressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """One number, or several where y is (N, K).

    >>> X = np.linspace(-1, 1, 100)[:, None]
    >>> Regressor(epochs=60, random_state=0).fit(X, 3 * X[:, 0]).score(X, 3 * X[:, 0]) > 0.9
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "Regressor":
        """X (N, D), y (N,) or (N, K) numbers, weights (N,); ValueError for what cannot be learned from."""
        X, y = validate_data(self, X, y, dtype=np.float32, multi_output=True, y_numeric=True)
        weight = self._weights(sample_weight, X)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self.flat_ = y.ndim == 1
        table = y.reshape(len(y), -1)[weight > 0].astype(np.float32)
        if not np.isfinite(table).all():
            raise DataError("targets within single precision", "a larger number", "Divide the targets by a constant.")
        target = Numbers(names=("target",) if self.flat_ else tuple(f"target {i}" for i in range(table.shape[1])))
        self._learn(X[weight > 0], target, table, weight[weight > 0])
        return self

    def predict(self, X: Any) -> np.ndarray:
        """(N,) or (N, K) numbers, in the units of the training target."""
        found: np.ndarray = self._outputs(X).numpy()
        return found[:, 0] if self.flat_ else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def merged(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> ArraySplit:
    """Rows that are equal in x and y as one row of their summed weight, ordered by content; mean weight one, None if all are.

    >>> rows = merged(np.array([[2.0], [1.0], [2.0]], np.float32), np.array([0, 1, 0]), np.ones(3))
    >>> sorted(zip(rows.x[:, 0].tolist(), rows.weight.tolist()))
    [(1.0, 0.6666666865348816), (2.0, 1.3333333730697632)]
    """
    x, y = x + np.float32(0), y + y.dtype.type(0)  # -0 becomes 0
    bytes_of = [np.ascontiguousarray(part).reshape(len(x), -1).view(np.uint8) for part in (x, y)]
    joined = np.ascontiguousarray(np.hstack(bytes_of))
    _, first, place = np.unique(joined.view(f"V{joined.shape[1]}")[:, 0], return_index=True, return_inverse=True)
    total = np.bincount(place.reshape(-1), weight)
    total = total / total.mean()
    weights = None if np.ptp(total) == 0 else torch.from_numpy(total.astype(np.float32))
    return ArraySplit(torch.from_numpy(x[first]), torch.from_numpy(y[first]), weights)


def repeated(rows: ArraySplit) -> ArraySplit:
    """Each row as often as it weighs: figures of a split count rows, and weights are to count in them too."""
    if rows.weight is None:
        return rows
    times = (rows.weight * SHARES).round().long().clamp(min=1)
    return rows.part(torch.arange(len(rows)).repeat_interleave(times))


def _seed(random_state: Any) -> int:
    """A whole number as it is; None and generators draw one."""
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
