"""Whether the test looks like the rows trained on: a small classifier that can tell them apart says no.

Lopez-Paz & Oquab 2017, "Revisiting Classifier Two-Sample Tests". We judge by the area under the ROC curve, whose lower 95 %
bound (Hanley & McNeil 1982) must pass a margin, so that a difference that no one would feel raises no alarm in large data.
"""

import math

import numpy as np

MARGIN = 0.65  # area under the curve; 0.5 is guessing
MOST_ROWS = 2000  # of each part
LEAST_ROWS = 30


def told_apart(features: np.ndarray, part: np.ndarray) -> tuple[float, float]:
    """The area under the curve of telling test (part 2) from train (part 0), and its lower bound; (0.5, 0) for too few rows.

    features: (N, D) float, NaN where missing; part: (N,).
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    random = np.random.default_rng(0)
    sides = [random.permutation(np.flatnonzero(part == number))[:MOST_ROWS] for number in (0, 2)]
    if min(map(len, sides)) < LEAST_ROWS:
        return 0.5, 0.0
    x, y = features[np.concatenate(sides)], np.repeat([0, 1], [len(side) for side in sides])
    model = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=15, random_state=0)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    said = cross_val_predict(model, x, y, cv=folds, method="predict_proba")[:, 1]
    area = float(roc_auc_score(y, said))
    return area, area - 1.96 * _deviation(area, *map(len, sides))


def _deviation(area: float, first: int, second: int) -> float:
    """The standard error of an area under the curve (Hanley & McNeil 1982, eq. 1)."""
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    spread = area * (1 - area) + (first - 1) * (q1 - area * area) + (second - 1) * (q2 - area * area)
    return math.sqrt(max(spread, 0.0) / (first * second))
