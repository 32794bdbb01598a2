"""Figures of found objects, gathered batch by batch, equal to COCO's (Lin et al. 2014).

`AP` is the mean of average precision over the thresholds of overlap .50, .55 ... .95 and over the classes that the truth holds, of at
most 100 answers a class and picture, or as many as the picture has objects of it; `AP50` and `AP75` are of one threshold; `AP_small`,
`AP_medium` and `AP_large` of objects up to 32 x 32, up to 96 x 96 and above, in the photo's own pixels; `AR` is the recall of all answers,
averaged as `AP` is. Objects of weight 0 are COCO's crowds: found or missed, they do not count (metrics/box_matching.py).

    B  pictures of a batch    N  pictures in all    M  answers a picture    K  classes    T  thresholds of overlap    R  draws
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from lamina.core.detector import Truth
from lamina.metrics.average_precision import Ranked, average_precision, precision_recall, ranked
from lamina.metrics.bootstrap import around, drawn
from lamina.metrics.box_errors import KINDS, UNJUDGED, Scene, errors_of
from lamina.metrics.box_matching import AREAS, Array, Matches, match
from lamina.metrics.reliability import Reliability

MOST = 100  # answers of a class in a picture that are judged
DRAWS = 200
POINTS = 200  # of a curve that is drawn
WORST = 12  # pictures that are named
FIGURES = {"AP": slice(None), "AP50": slice(0, 1), "AP75": slice(5, 6)}  # by places in THRESHOLDS
ANY = 0.5  # a threshold as good as any, where nothing can be found


class Detections:
    """`update(answers (B, M, 6), truth, scale (B,))`, then `value()`. Answers are rows of x0, y0, x1, y1, score, class; those of
    score 0 fill up."""

    def __init__(self, classes: int = 0) -> None:
        self._scenes: list[Scene] = []
        self._matches: list[list[tuple[int, Matches]]] = [[] for _ in range(classes)]  # of each class: (picture, matches); grows
        self._draws: Array | None = None

    def update(self, answers: torch.Tensor, truth: Truth, scale: torch.Tensor) -> None:
        """Count one batch; `scale`: pixels of the photo for one of the network's."""
        self._draws = None
        rows, scales = _array(answers).astype(float), _array(scale).astype(float)
        boxes, image, classes, weight = (_array(t) for t in (truth.boxes, truth.image, truth.classes, truth.weight))
        for b, (row, times) in enumerate(zip(rows, scales, strict=True)):
            row = row[row[:, 4] > 0]
            row, mine = row[np.argsort(-row[:, 4], kind="stable")], image == b
            said = (row[:, :4] * times, row[:, 4], row[:, 5].astype(int))
            true = (boxes[mine].astype(float).reshape(-1, 4) * times, classes[mine], weight[mine] <= 0)
            self._scenes.append(self._judged(Scene(*said, *true, np.full(len(row), UNJUDGED))))

    def _judged(self, scene: Scene) -> Scene:
        """Match the answers of each class; the scene comes back with its partners."""
        for k in np.union1d(scene.classes, scene.true_classes).astype(int).tolist():
            self._matches += [[] for _ in range(k + 1 - len(self._matches))]
            true = np.flatnonzero(scene.true_classes == k)
            said = np.flatnonzero(scene.classes == k)[: max(MOST, len(true))]
            matches = match(scene.boxes[said], scene.scores[said], scene.objects[true], scene.crowd[true])
            self._matches[k].append((len(self._scenes), matches))
            scene.partner[said] = -1
            hits = matches.partner >= 0
            scene.partner[said[hits]] = true[matches.partner[hits]]
        return scene

    def value(self) -> dict[str, float]:
        """AP, AP50, AP75, AR, and AP_small, AP_medium, AP_large; sizes of which the truth has no object are left out."""
        ap, ar = self._of_classes("all")
        found = {name: _mean(ap[:, places]) for name, places in FIGURES.items()} | {"AR": _mean(ar)}
        for area in AREAS:
            ap, _ = self._of_classes(area)
            if area != "all" and not np.isnan(ap).all():
                found[f"AP_{area}"] = _mean(ap)
        return found

    def intervals(self) -> dict[str, tuple[float, float]]:
        """95 % intervals of AP, AP50 and AP75, of other pictures of the same kind."""
        (ap, _), draws = self._of_classes("all"), self._drawn()
        return {name: _around(ap[:, places], draws[:, :, places]) for name, places in FIGURES.items()}

    def per_class(self) -> list[dict[str, float]]:
        """AP with its 95 % interval, AP50 and AR of each class, its objects that count, and the answers that name it. Of a class that the
        truth does not hold the figures are 0."""
        (ap, ar), draws = self._of_classes("all"), self._drawn()
        rows = []
        for k, answers in enumerate(self._ranked("all")):
            low, high = _around(ap[k], draws[:, k])
            rows.append({
                "AP": _mean(ap[k]), "AP_low": low, "AP_high": high, "AP50": _mean(ap[k, FIGURES["AP50"]]), "AR": _mean(ar[k]),
                "count": int(answers.positives.sum()), "answers": len(answers.scores),
            })  # fmt: skip
        return rows

    def curves(self) -> list[dict[str, list[float]]]:
        """Precision and recall of each class at an overlap of .50, after its answers down to each score: some POINTS of them."""
        found = []
        for answers in self._ranked("all"):
            precision, recall, _ = precision_recall(answers)
            places = np.linspace(0, len(answers.scores) - 1, min(POINTS, len(answers.scores))).round().astype(int)
            sides = {"precision": precision[0], "recall": recall[0], "score": answers.scores}
            found.append({name: [float(side[place]) for place in places] for name, side in sides.items()})
        return found

    def reliability(self) -> Reliability:
        """How far the scores of all answers are to be believed: right is what has the class of an object at an overlap of .50."""
        found = Reliability()
        for answers in self._ranked("all"):
            judged = answers.right[0] | answers.wrong[0]
            found.update(torch.from_numpy(answers.scores[judged]), torch.from_numpy(answers.right[0][judged]))
        return found

    def best_threshold(self) -> float:
        """The score from which on answers are best believed: where F1 over all classes is largest at an overlap of .50, half-way to the
        next lower score."""
        classes = self._ranked("all")
        scores = np.concatenate([answers.scores for answers in classes])
        order = np.argsort(-scores, kind="stable")
        right, wrong = (np.concatenate([getattr(answers, side)[0] for answers in classes])[order].cumsum() for side in ("right", "wrong"))
        if not right.any():
            return ANY
        f1 = 2 * right / (right + wrong + sum(int(answers.positives.sum()) for answers in classes))
        scores = np.append(scores[order], 0.0)
        f1[scores[1:] == scores[:-1]] = 0  # equal scores are believed together
        best = int(f1.argmax())
        return float(scores[best] + scores[best + 1]) / 2

    def errors(self, threshold: float | None = None) -> dict[str, Any]:
        """What is wrong with the answers of at least this score (None: the best one): `counts` of each kind of error and of what was
        found (metrics/box_errors.py), and the `worst` pictures with their number of errors."""
        threshold = self.best_threshold() if threshold is None else threshold
        each = [errors_of(scene, threshold) for scene in self._scenes]
        wrong = np.array([sum(one[kind] for kind in KINDS) for one in each], int)
        worst = [int(n) for n in np.argsort(-wrong, kind="stable")[:WORST] if wrong[n]]
        counts = {name: sum(one[name] for one in each) for name in ("found", *KINDS)}
        return {"threshold": threshold, "counts": counts, "worst": [(n, int(wrong[n])) for n in worst]}

    def per_picture(self, threshold: float | None = None) -> torch.Tensor:
        """F1 of each picture's answers of at least this score (None: the best one), (N,) float32: 1 where nothing is there and nothing is
        said. So that two models can be compared picture by picture."""
        threshold = self.best_threshold() if threshold is None else threshold
        return torch.tensor([_f1(errors_of(scene, threshold), scene) for scene in self._scenes])

    def _ranked(self, area: str) -> list[Ranked]:
        return [ranked(matches, len(self._scenes), area) for matches in self._matches]

    def _of_classes(self, area: str) -> tuple[Array, Array]:
        return _of_all(self._ranked(area))

    def _drawn(self) -> Array:
        """Average precision (R, K, T) in draws of the pictures."""
        if self._draws is None:
            classes = self._ranked("all")
            draws = [_of_all(classes, times)[0] for times in drawn(len(self._scenes), DRAWS).numpy()]
            self._draws = np.array(draws).reshape(-1, *_of_all(classes)[0].shape)  # of one picture there are none
        return self._draws


def _array(t: torch.Tensor) -> Array:
    return t.detach().cpu().numpy()


def _of_all(classes: Sequence[Ranked], times: Array | None = None) -> tuple[Array, Array]:
    """Average precision and recall of every class, (K, T) each; NaN where no object of it counts."""
    ap, recall = zip(*(average_precision(answers, times) for answers in classes), strict=True)
    return np.stack(ap), np.stack(recall)


def _mean(values: Array) -> float:
    """The mean of what is not NaN; 0 where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0


def _around(values: Array, draws: Array) -> tuple[float, float]:
    """The 95 % interval of the mean of values (...) by its draws (R, ...)."""
    if np.isnan(values).all():
        return 0.0, 1.0
    return around(_mean(values), torch.from_numpy(draws).flatten(1).nanmean(1))


def _f1(counts: dict[str, int], scene: Scene) -> float:
    answers = sum(counts[kind] for kind in KINDS if kind != "missed") + counts["found"]
    whole = answers + int((~scene.crowd).sum())
    return 2 * counts["found"] / whole if whole else 1.0
