"""Average precision from matches (Everingham et al. 2010; Lin et al. 2014): the mean precision over 101 recalls.

All answers of a class are taken by their score; precision and recall are those of the answers so far, precision made monotone from
the end. `times` says how often each answer's picture is in a draw, so that a bootstrap sorts once.

    D  answers of a class    T  thresholds of overlap    N  pictures
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lamina.metrics.box_matching import AREAS, THRESHOLDS, Array, Matches

RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Ranked:
    """The answers of one class in all pictures, the best first, of one range of sizes.

    scores (D,), pictures (D,); right, wrong (T, D) bool; positives (N,): the objects of each picture that count.
    """

    scores: Array
    pictures: Array
    right: Array
    wrong: Array
    positives: Array


def ranked(matches: Sequence[tuple[int, Matches]], pictures: int, area: str = "all") -> Ranked:
    """The matches of one class in order of score, of equals in order of pictures; (picture, matches) for those that hold any."""
    a = list(AREAS).index(area)
    positives = np.zeros(pictures, int)
    for n, one in matches:
        positives[n] = one.positives[a]
    scores = np.concatenate([np.zeros(0), *(one.scores for _, one in matches)])
    order = np.argsort(-scores, kind="stable")
    of = np.repeat([n for n, _ in matches], [len(one.scores) for _, one in matches]).astype(int)
    none = np.zeros((len(THRESHOLDS), 0), bool)
    found, ignored = (np.concatenate([none, *(getattr(one, side)[a] for _, one in matches)], 1)[:, order] for side in ("found", "ignored"))
    return Ranked(scores[order], of[order], found & ~ignored, ~found & ~ignored, positives)


def precision_recall(answers: Ranked, times: Array | None = None) -> tuple[Array, Array, int]:
    """Precision and recall (T, D) after each answer, and how many objects count."""
    each = 1 if times is None else times[answers.pictures]
    positives = int(answers.positives.sum() if times is None else answers.positives @ times)
    right, wrong = (np.cumsum(side * each, 1, dtype=float) for side in (answers.right, answers.wrong))
    return right / np.maximum(right + wrong, 1), right / max(positives, 1), positives


def average_precision(answers: Ranked, times: Array | None = None) -> tuple[Array, Array]:
    """Average precision and the recall of all answers, (T,) each; NaN where no object counts."""
    precision, recall, positives = precision_recall(answers, times)
    if not positives:
        return np.full(len(precision), np.nan), np.full(len(precision), np.nan)
    if not precision.shape[1]:
        return np.zeros(len(precision)), np.zeros(len(precision))
    best = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
    best = np.concatenate([best, np.zeros((len(best), 1))], 1)  # a recall that is never reached
    places = np.stack([np.searchsorted(row, RECALLS) for row in recall])
    return np.take_along_axis(best, places, 1).mean(1), recall[:, -1]
