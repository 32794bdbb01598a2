"""Which answer found which object, as COCO judges it (Lin et al. 2014, Microsoft COCO: common objects in context; its cocoapi is the norm).

Answers of one class in one picture are taken by their score, the best first. Each takes the object that it overlaps most of
those that are left and that it overlaps by the threshold at least; of objects alike, the last. Objects that are ignored can be found
without being counted, and only by answers that found nothing that counts:

- crowds, whose weight is 0: any number of answers may lie in one, and their overlap is the share of the answer that does;
- objects outside the range of sizes in question, of which each takes one answer.

An answer that found nothing and is itself outside the range is not counted either.

    D  answers    G  objects    A  ranges of sizes    T  thresholds of overlap
"""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray
THRESHOLDS = np.linspace(0.5, 0.95, 10)  # T
LARGEST = 1e10
AREAS = {  # A, in pixels; both ends count
    "all": (0.0, LARGEST), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, LARGEST),
}  # fmt: skip
_LOW, _HIGH = np.array(list(AREAS.values())).T  # (A,) each


@dataclass(frozen=True)
class Matches:
    """What became of the answers of one class in one picture, the best first.

    scores (D,); found, ignored (A, T, D) bool; positives (A,): the objects that count; partner (D,): the object that each found of all
    sizes at the lowest threshold, -1 for none.
    """

    scores: Array
    found: Array
    ignored: Array
    positives: Array
    partner: Array


def overlaps(boxes: Array, objects: Array, crowd: Array) -> Array:
    """(D, G): intersection over union; with a crowd, over the area of the answer. Boxes are x0, y0, x1, y1."""
    corner = np.minimum(boxes[:, None, 2:], objects[None, :, 2:]) - np.maximum(boxes[:, None, :2], objects[None, :, :2])
    common = corner.clip(min=0).prod(2)
    mine, theirs = areas(boxes)[:, None], areas(objects)[None]
    whole = np.where(crowd[None], mine, mine + theirs - common)
    return np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)


def areas(boxes: Array) -> Array:
    """(N,) of boxes (N, 4)."""
    return (boxes[:, 2:] - boxes[:, :2]).clip(min=0).prod(1)


def match(boxes: Array, scores: Array, objects: Array, crowd: Array) -> Matches:
    """boxes (D, 4) with scores (D,), the best first; objects (G, 4), of which crowds (G,) are ignored."""
    overlap = overlaps(boxes, objects, crowd)
    left_out = crowd | _outside(areas(objects))  # (A, G)
    shape = (len(AREAS), len(THRESHOLDS), len(boxes))
    found, ignored = np.zeros(shape, bool), np.zeros(shape, bool)
    taken, partner = np.zeros((*shape[:2], len(objects)), bool), np.full(len(boxes), -1)
    a, t = np.ogrid[: shape[0], : shape[1]]
    for d in np.flatnonzero((overlap >= THRESHOLDS[0]).any(1)):
        near = np.flatnonzero(overlap[d] >= THRESHOLDS[0])
        rank = _rank(overlap[d, near], left_out[:, near])  # (A, n)
        free = (~taken[:, :, near] | crowd[near]) & (overlap[d, near] >= THRESHOLDS[:, None])  # (A, T, n)
        ranks = np.where(free, rank[:, None], 0)
        best = near[ranks.argmax(2)]  # (A, T)
        found[:, :, d] = ranks.any(2)
        ignored[:, :, d] = found[:, :, d] & left_out[a, best]
        taken[a, t, best] |= found[:, :, d]
        partner[d] = best[0, 0]
    ignored |= ~found & _outside(areas(boxes))[:, None]
    return Matches(scores, found, ignored, (~left_out).sum(1), np.where(found[0, 0], partner, -1))


def _outside(sizes: Array) -> Array:
    """(A, N): whether areas (N,) lie outside each range."""
    return (sizes < _LOW[:, None]) | (sizes > _HIGH[:, None])


def _rank(overlap: Array, left_out: Array) -> Array:
    """1, 2 ... by overlap (n,), of equals the last is higher; what counts stands above all that is left out (A, n): (A, n)."""
    rank = np.empty(len(overlap), int)
    rank[np.argsort(overlap, kind="stable")] = np.arange(1, len(overlap) + 1)
    return np.where(left_out, rank, rank + len(overlap))
