"""Which labels are probably wrong: confident learning (Northcutt, Jiang & Chuang 2021, "Confident Learning: Estimating Uncertainty
in Dataset Labels", JAIR 70).

A row is judged by a model that never saw it. It is doubtful where the model gives another class as much probability as it gives to
rows of that class on average (the class's threshold), so that a class about which the model is always unsure is not suspected as
a whole. Doubtful rows are ranked by how little the model believes their label.

    p  (N, K)  probabilities of a model that was not trained on the row
    s  (N,)    the labels as they are given
    t  (K,)    thresholds: the mean of p[i, j] over rows with s[i] = j          # eq. (2)
"""

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

FOLDS = 5
LEAST = 1e-6
STEPS = 60  # of L-BFGS: the ranking no longer changes after


@dataclass(frozen=True)
class Doubt:
    """One row whose label is doubtful: what it is labelled, what the model says, and how little it believes the label."""

    row: int
    given: int
    said: int
    trust: float


def suspicion(p: np.ndarray, s: np.ndarray) -> np.ndarray:
    """How doubtful each label is, (N,), the higher the more: 1 - p[i, s], the lack of self-confidence.

    Of the paper's rankings it found flipped labels best, before the normalised margin and those that the thresholds adjust:
    results/look.md.
    """
    found: np.ndarray = 1 - p[np.arange(len(s)), s]
    return found


def thresholds(p: np.ndarray, s: np.ndarray) -> np.ndarray:
    """t (K,): how sure the model is of a class, on average, where the label says so; 1 for a class without rows."""
    own = p[np.arange(len(s)), s]
    counts = np.bincount(s, minlength=p.shape[1])
    t: np.ndarray = np.where(counts > 0, np.bincount(s, own, p.shape[1]) / np.maximum(counts, 1), 1.0)
    return t


def doubts(p: np.ndarray, s: np.ndarray) -> list[Doubt]:
    """The rows that the confident joint puts off its diagonal, the most doubtful first.

    A row counts as class j if p[i, j] >= t[j]; of several such j the most probable one.                 # eq. (1)
    """
    sure = p >= thresholds(p, s) - LEAST
    likely = np.where(sure, p, -1).argmax(1)
    off = np.flatnonzero(sure.any(1) & (likely != s))
    order = off[np.argsort(-suspicion(p, s)[off], kind="stable")]
    return [Doubt(int(i), int(s[i]), int(likely[i]), float(p[i, s[i]])) for i in order]


def out_of_sample(features: np.ndarray, s: np.ndarray, classes: int, boosted: bool = False, seed: int = 0) -> np.ndarray:
    """p (N, K): each fifth of the rows judged by a head that was trained on the other four.

    features: (N, F) float32. The head is a logistic regression, or gradient boosting for the raw columns of a table.
    """
    from sklearn.exceptions import ConvergenceWarning

    random = np.random.default_rng(seed)
    fold = np.empty(len(s), int)
    for label in np.unique(s):  # every fold has its share of every class
        members = random.permutation(np.flatnonzero(s == label))
        fold[members] = (np.arange(len(members)) + random.integers(FOLDS)) % FOLDS
    p = np.full((len(s), classes), LEAST)
    for held in np.unique(fold):
        model = _head(boosted)
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # STEPS are enough for a ranking
            model.fit(features[fold != held], s[fold != held])
        p[np.ix_(fold == held, model.classes_)] = model.predict_proba(features[fold == held])
    found: np.ndarray = p / p.sum(1, keepdims=True)
    return found


def _head(boosted: bool) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if boosted:
        return HistGradientBoostingClassifier(random_state=0)
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=STEPS))


def seconds(width: int, s: np.ndarray, classes: int, boosted: bool) -> float:
    """About how long `out_of_sample` will take for features (N, width), from one small sample of its work."""
    if boosted:  # a round of trees handles every cell once a class; measured at 1e-8 s, and 3 ms that no row costs
        return FOLDS * 100 * max(1, classes if classes > 2 else 1) * (3e-3 + 1e-8 * len(s) * width)
    x, w = np.zeros((min(len(s), 5000), width), np.float32), np.zeros((width, classes), np.float32)
    began = time.perf_counter()
    for _ in range(3):
        x @ w
    product = (time.perf_counter() - began) / 3 * len(s) / len(x)
    return FOLDS * STEPS * 3 * product
