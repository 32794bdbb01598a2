"""Gradient boosting (Friedman 2001), the strong rival on tables: scikit-learn's histogram kind, which knows categories and gaps.

It is treated as well as the network: the same training rows, the same validation rows to stop by, and the better of two
settings by them, as the usual leaves of 20 rows are too coarse for a few hundred rows.
"""

from typing import Any

import numpy as np
import torch

from lamina.baselines.rivals import Judge, judged
from lamina.baselines.tables import Rival, categories, log_probabilities, trivial_and_linear
from lamina.core.data import Data, Split
from lamina.core.spec import Classes, Numbers, Table, Vector
from lamina.core.task import Evaluation

MOST_CELLS = 3_000_000  # times classes, so that it never takes longer than the network
MOST_WORDS = 254  # in a category; one with more is taken as a number
LEAVES = (5, 20)  # least rows in a leaf
ROUNDS, PATIENCE = 400, 20
NAME = "gradient boosting"


def of_tables(data: Data, judge: Judge) -> dict[str, Evaluation]:
    """The rivals on rows of numbers and categories: trivial, linear, and gradient boosting."""
    return trivial_and_linear(data, judge) | boosted(data, judge)


def boosted(data: Data, judge: Judge) -> dict[str, Evaluation]:
    """Its figures on the test split; nothing where the data are too many, no table, or labels or several numbers are asked."""
    spec = data.spec
    several = not isinstance(spec.target, Classes) and not (isinstance(spec.target, Numbers) and spec.target.size == 1)
    if not isinstance(spec.input, Table | Vector) or several:
        return {}
    if len(data.train) * spec.input.shape[0] * spec.target.size > MOST_CELLS:
        return {}
    return judged({NAME: lambda: boosting(data)}, judge, data.test)


def boosting(data: Data) -> Rival:
    """The better of the settings, by the validation split."""
    fitted = [_fit(data, leaf) for leaf in LEAVES if leaf * 4 <= len(data.train) or leaf == LEAVES[0]]
    model = max(fitted, key=lambda one: one.validation_score_[-PATIENCE - 1 :].max())
    if isinstance(data.spec.target, Classes):
        size = data.spec.target.size
        return Rival(lambda x: log_probabilities(model, x, size))
    return Rival(lambda x: model.predict(x)[:, None])


def _fit(data: Data, leaf: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    classes = isinstance(data.spec.target, Classes)
    make = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    words = [i for i in categories(data.spec.input) if len(data.spec.input.columns[i].categories) <= MOST_WORDS]  # type: ignore[union-attr]
    model = make(max_iter=ROUNDS, early_stopping=True, n_iter_no_change=PATIENCE, min_samples_leaf=leaf, random_state=0,
                 categorical_features=words or None)  # fmt: skip
    (x, y), (held, answers) = _arrays(data.train), _arrays(data.valid)
    known = np.isin(answers, y) if classes else np.ones(len(answers), bool)  # a class that only the validation split has
    return model.fit(x, y, X_val=held[known], y_val=answers[known])


def _arrays(split: Split) -> tuple[np.ndarray, np.ndarray]:
    rows = split.batch(torch.arange(len(split)))
    return rows["x"].double().numpy(), rows["y"].flatten().numpy()
