"""What is wrong with boxes and masks: too small to be found, drawn twice, too many in one picture, classes that are hardly there.

What is wrong with the pictures themselves, duplicates across parts among it, is found as in photos (photos_problems.py).
"""


import numpy as np

from lamina.core.spec import IGNORED, Boxes, Image, Mask
from lamina.nn.tiles import LARGE, usual
from lamina.oversight.problems import EXAMPLES, Problem, about, degree, few, uneven, unseen
from lamina.oversight.rows import PARTS, Rows
from lamina.oversight.scenes_measures import Marked, boxes_of, shares_of

SMALL = 8.0  # pixels: the mean side of a box below which the finest map of a network hardly sees it
LONG = 5.0  # times: one side of a box against the other, beyond what prior boxes reach
CROWDED = 100  # boxes in one picture, or in each of its tiles: of more, a network answers with the best hundred only
TWICE = 0.9  # overlap from which two boxes of one class are one box drawn twice
NEIGHBOURS = 8  # boxes that begin at about one place and are compared
MANY = 0.05  # share from which it is more than a note
HARDLY = 0.001  # share of the pixels below which a class is hardly there
NOBODY = 0.5  # share of a picture's pixels that are nobody's, from which it teaches little


def problems(rows: Rows) -> list[Problem]:
    """What is found in boxes or masks; nothing for pictures without."""
    target = rows.data.spec.target
    if isinstance(target, Boxes):
        return _of_boxes(rows, target)
    return _of_masks(rows, target) if isinstance(target, Mask) else []


def _of_boxes(rows: Rows, target: Boxes) -> list[Problem]:
    boxes = boxes_of(rows)
    seen = np.stack([np.bincount(boxes.classes[rows.part[boxes.row] == part], minlength=target.size) for part in range(len(PARTS))])
    found = few(seen[0], target.names, "boxes") + uneven(seen[0], target.names, "boxes") + unseen(seen, target.names, "box")
    return found + _empty(rows, boxes) + _small(rows, boxes) + _long(rows, boxes) + _crowded(rows, boxes) + _twice(rows, boxes)


def _empty(rows: Rows, boxes: Marked) -> list[Problem]:
    without = np.flatnonzero(np.bincount(boxes.row, minlength=len(rows)) == 0)
    return about(rows, without, degree(without, len(rows), 0.5), "pictures without a box",
                  "They teach what is not to be found; if something was forgotten in them, it is learned as background.",
                  "Look at some of them; draw what was forgotten.")


def _small(rows: Rows, boxes: Marked) -> list[Problem]:
    kind, mean = rows.data.spec.input, np.sqrt(boxes.sides.prod(1))
    small = np.flatnonzero(mean < SMALL)
    if not len(small):
        return []
    assert isinstance(kind, Image), "boxes are in pictures"
    wanted = int(np.ceil(max(kind.height, kind.width) * SMALL / np.median(mean[small]) / 32)) * 32
    return about(rows, boxes.row[small], degree(boxes.row[small], len(boxes.row), MANY), "boxes too small to be found",
                  f"At {kind.width} x {kind.height} pixels they are below {SMALL:g} pixels a side, the smallest {mean.min():.2g}.",
                  f"Train with larger pictures, as `size={wanted}` (those above {LARGE} are seen by tiles), or leave such boxes out.")


def _long(rows: Rows, boxes: Marked) -> list[Problem]:
    ratio = boxes.sides.max(1) / boxes.sides.min(1).clip(1e-6)
    long = np.flatnonzero(ratio > LONG)
    return about(rows, boxes.row[long], degree(boxes.row[long], len(boxes.row), MANY), "boxes far longer than broad",
                  f"One side is more than {LONG:g} times the other, up to {ratio.max(initial=0):.0f} times: they are hard to match.",
                  "See whether they hold one object each; several short boxes are found more easily.")


def _crowded(rows: Rows, boxes: Marked) -> list[Problem]:
    kind, counts = rows.data.spec.input, np.bincount(boxes.row, minlength=len(rows))
    assert isinstance(kind, Image), "boxes are in pictures"
    sides = kind.height, kind.width
    most = CROWDED * usual(sides).count(sides)
    crowded = np.argsort(-counts, kind="stable")[: int((counts > most).sum())]
    return about(rows, crowded, degree(crowded, len(rows), MANY), "pictures with very many boxes",
                  f"More than {most}, up to {counts.max(initial=0)}: a network answers with so many at most, unless told otherwise.",
                  "Train with tiles, as `tile=320`, or cut the photos into pieces.")


def _twice(rows: Rows, boxes: Marked) -> list[Problem]:
    """Boxes of one class in one picture that are nearly the same. A box's twin begins at about its own left edge, so that after sorting
    by it only neighbours have to be compared."""
    order = np.lexsort((boxes.corners[:, 0], boxes.classes, boxes.row))
    corners, row, classes = boxes.corners[order], boxes.row[order], boxes.classes[order]
    again = np.zeros(len(order), bool)
    for step in range(1, min(NEIGHBOURS, len(order))):
        a, b = corners[:-step], corners[step:]
        same = (row[:-step] == row[step:]) & (classes[:-step] == classes[step:])
        again[step:] |= same & (_overlap(a, b) > TWICE)
    twice = np.flatnonzero(again)
    return about(rows, row[twice], degree(row[twice], len(order), MANY), "boxes drawn twice",
                  "Two boxes of one class lie on one another: one of them can never be found.", "Take one of each pair out.")


def _overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (M, 4) with as many others, (M,)."""
    shared = (np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])).clip(0).prod(1)
    areas = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1)
    found: np.ndarray = shared / np.maximum(areas - shared, 1e-12)
    return found


def _of_masks(rows: Rows, target: Mask) -> list[Problem]:
    shares = shares_of(rows)
    classes = shares[:, : target.size]
    seen = np.stack([(classes[rows.part == part] > 0).sum(0) for part in range(len(PARTS))])
    found = few(seen[0], target.names, "pictures") + unseen(seen, target.names, "pixel")
    found += _rare(rows, classes, target) + _one_class(rows, classes)
    return found + _nobody(rows, shares[:, IGNORED]) + _unknown(rows, shares, target)


def _rare(rows: Rows, classes: np.ndarray, target: Mask) -> list[Problem]:
    of_all = classes[rows.part == 0].mean(0)
    of_all = of_all / max(of_all.sum(), 1e-12)
    rare = [place for place in np.argsort(of_all).tolist() if 0 < of_all[place] < HARDLY]
    if not rare:
        return []
    return [Problem("classes that are hardly there", "worth", len(rare),
                    f"Each covers less than {HARDLY:.1%} of the pixels to train on: a network that never answers it loses nearly nothing.",
                    "Train with `class_weights=0.5` or `loss=dice`, add pictures with them, or join them to a class like them.",
                    tuple(f"{target.names[place]}: {of_all[place]:.3%}" for place in rare[:EXAMPLES]))]


def _one_class(rows: Rows, classes: np.ndarray) -> list[Problem]:
    plain = np.flatnonzero((classes > 0).sum(1) == 1)
    return about(rows, plain, degree(plain, len(rows), 0.5), "masks of one class only",
                  "They have no border to learn; where all is background, something may have been forgotten.", "Look at some of them.")


def _nobody(rows: Rows, share: np.ndarray) -> list[Problem]:
    empty = np.flatnonzero(share > NOBODY)
    return about(rows, empty, degree(empty, len(rows), MANY), "masks that say little",
                  f"More than {NOBODY:.0%} of their pixels are nobody's, which are neither learned nor judged.",
                  "Finish drawing them, or name the values that are left: `data.names`.")


def _unknown(rows: Rows, shares: np.ndarray, target: Mask) -> list[Problem]:
    """Values that are no class: data handed over from Python, as the readers let none through."""
    strange = np.flatnonzero(shares[:, target.size : IGNORED].any(1))
    return about(rows, strange, "serious", "masks with unknown values",
                  f"They hold values that are none of the {target.size} classes and not {IGNORED}.", f"Set such pixels to {IGNORED}.")
