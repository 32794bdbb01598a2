"""What knowing nothing and what a linear model would score: scikit-learn's, on the same rows as the network."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from lamina.baselines.rivals import Judge, judged
from lamina.core.batch import Batch
from lamina.core.data import Data
from lamina.core.spec import Input, Table
from lamina.core.task import Evaluation

MOST_CELLS = 3_000_000  # of inputs to a linear model, so that it never takes longer than the network


def trivial_and_linear(data: Data, judge: Judge) -> dict[str, Evaluation]:
    """Figures on the test split: `most frequent` or `mean`, and `linear` where the data are not too many."""
    rows = data.train.batch(torch.arange(len(data.train)))
    kind = data.spec.target.kind
    classes = kind == "classes"
    size = data.spec.target.size
    rivals = {"most frequent" if classes else "mean": lambda: constant(rows, kind, size)}
    if rows["x"].numel() <= MOST_CELLS and kind != "labels":
        rivals["linear"] = lambda: _linear(rows, data.spec.input, size if classes else 0)
    return judged(rivals, judge, data.test)


def categories(spec: Input) -> list[int]:
    """The places of the columns that are categories."""
    return [i for i, column in enumerate(spec.columns) if column.kind == "category"] if isinstance(spec, Table) else []


class Rival:
    """A model of scikit-learn's that answers as a `Predictor` does: (B, ...) -> logits or numbers."""

    def __init__(self, answer: Callable[[np.ndarray], np.ndarray]) -> None:
        self._answer = answer

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The rival's output for a batch."""
        return torch.from_numpy(self._answer(x.flatten(1).double().numpy()).astype(np.float32))


def constant(rows: Batch, kind: str, size: int) -> Rival:
    """The same answer to everything: the logits of what is frequent, or the mean of numbers."""
    y = rows["y"]
    if kind == "classes":
        row = (torch.bincount(y, minlength=size) / len(y)).clamp_min(1e-12).log()
    else:
        row = y.mean(0).logit(1e-6) if kind == "labels" else y.mean(0)
    return Rival(lambda x: np.tile(row.numpy(), (len(x), 1)))


def _linear(rows: Batch, spec: Input, classes: int) -> Rival:
    """Linear regression, or with `classes` logistic regression; of a table the ridge kind, as a word's columns sum to one."""
    from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    mixed = isinstance(spec, Table)
    first = _columns(spec) if isinstance(spec, Table) else StandardScaler()
    model = make_pipeline(first, LogisticRegression(max_iter=2000) if classes else Ridge() if mixed else LinearRegression())
    y = rows["y"].numpy()
    model.fit(rows["x"].flatten(1).double().numpy(), y)
    if not classes:
        return Rival(lambda x: model.predict(x).reshape(len(x), -1))
    return Rival(lambda x: log_probabilities(model, x, classes))


def _columns(spec: Table) -> Any:
    """Numbers scaled, with the mean where they are missing and a flag that they are; a column for each word of a category."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    words = categories(spec)
    numbers = [i for i in range(spec.shape[0]) if i not in words]
    scaled = make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())
    return ColumnTransformer([("numbers", scaled, numbers), ("words", OneHotEncoder(handle_unknown="ignore"), words)])


def log_probabilities(model: Any, x: Any, classes: int) -> np.ndarray:
    """(B, K); a class without a training row is held impossible."""
    probabilities = np.zeros((x.shape[0], classes))
    probabilities[:, model.classes_] = model.predict_proba(x)
    logs: np.ndarray = np.log(np.clip(probabilities, 1e-12, 1))
    return logs
