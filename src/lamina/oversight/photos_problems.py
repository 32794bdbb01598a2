"""What is wrong with photos: the same photo twice, too dark, too bright, empty, blurred, too small, unlike all others."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from lamina.core.data import Twins
from lamina.core.spec import Classes, Image, Labels, Numbers
from lamina.data import duplicates, overlay
from lamina.data.duplicates import Pair
from lamina.oversight import shift
from lamina.oversight.photos_measures import Measures, loneliness, measure, sizes
from lamina.oversight.problems import Problem, about, degree
from lamina.oversight.rows import Rows
from lamina.oversight.same import NEARLY, equal, of_groups
from lamina.oversight.tables_problems import unlike

DARK, BRIGHT = 40.0, 225.0  # mean light of 0..255
FAINT = 20.0  # contrast (standard deviation) above which a subject stands out, on however dark or bright a ground
EMPTY = 4.0  # and below which nothing is to be seen
FAR = 6.0  # robust deviations from the other photos
LONG = 3.0  # sides of a photo that is far from square
SMALLEST_PHOTO = 32  # pixels; smaller ones are drawings or digits, whose light is not judged
COARSE = 0.6  # of the training size: photos with a shorter side stay coarse
MANY = 0.05  # share of photos from which it is more than a note


def problems(rows: Rows) -> list[Problem]:
    """What is found in photos, or other pictures."""
    kind = rows.data.spec.input
    assert isinstance(kind, Image), "photos are pictures"
    found = same_photos(rows)
    measures = measure(rows)
    if kind.ground is None and min(kind.height, kind.width) >= SMALLEST_PHOTO:
        found += _light(rows, measures) + _blurred(rows, measures)
        found += _sizes(rows, kind) if isinstance(rows.data.spec.target, Classes | Labels | Numbers) else []  # scenes keep their shape
        found += _strange(rows, measures)
    _, low = shift.told_apart(measures.features(), rows.part)
    return found + ([unlike(low)] if low > shift.MARGIN else [])


def same_photos(rows: Rows) -> list[Problem]:
    """Photos that are equal pixel by pixel, and those that are nearly so: compressed again, resized, slightly cropped."""
    exact, alike = _told(rows, rows.data.twins) if rows.data.twins is not None else _found(rows)
    known = {tuple(members.tolist()) for members in exact}
    nearly = [members for members in alike if tuple(members.tolist()) not in known]
    return of_groups(rows, exact, unlikely=True, what="photos") + of_groups(rows, nearly, unlikely=True, what="photos", how=NEARLY)


def _told(rows: Rows, twins: Sequence[Twins]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Groups of equal photos, and of equal or nearly equal ones, as whoever read them found them."""
    place = {rows.file(row): row for row in range(len(rows))}
    pairs = [Pair(place[one.first], place[one.second], "exact" if one.exact else "near", 1.0) for one in twins]
    return _grouped([pair for pair in pairs if pair.kind == "exact"], len(rows)), _grouped(pairs, len(rows))


def _found(rows: Rows) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The same where nobody looked for them before. They are compared by thumbnails, made batch by batch."""
    exact, kind = equal(rows), rows.data.spec.input
    assert isinstance(kind, Image), "photos are pictures"
    if min(kind.height, kind.width) < duplicates.SMALLEST:
        return exact, []
    small = torch.cat([F.interpolate(x, (overlay.SIDE, overlay.SIDE), mode="bilinear", antialias=True) for x in rows.batches()])
    return exact, _grouped(duplicates.pairs(small), len(rows))


def _grouped(pairs: Sequence[Pair], count: int) -> list[np.ndarray]:
    """Rows that belong together, two and more, each group in the order of the rows."""
    group = duplicates.groups_of(pairs, count).numpy()
    order = np.argsort(group, kind="stable")
    return [members for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1) if len(members) > 1]


def _light(rows: Rows, found: Measures) -> list[Problem]:
    faint = (found.contrast >= EMPTY) & (found.contrast < FAINT)
    bad = {
        "photos that show nothing": (found.contrast < EMPTY, "They are nearly of one colour.", "Remove them."),
        "photos that are too dark": ((found.light < DARK) & faint, "Little can be seen in them.",
                                     "Brighten them, or keep them if new photos will be as dark."),
        "photos that are too bright": ((found.light > BRIGHT) & faint, "Little can be seen in them.",
                                       "Expose them again, or keep them if new photos will be as bright."),
    }  # fmt: skip
    return [problem for name, (mask, means, do) in bad.items() for problem in _about(rows, np.flatnonzero(mask), name, means, do)]


def _blurred(rows: Rows, found: Measures) -> list[Problem]:
    sharp = deviations(found.sharpness)
    blurred = np.flatnonzero(sharp < -FAR)
    return _about(rows, blurred[np.argsort(sharp[blurred])], "photos that are far less sharp than the others",
                  "Out of focus, moved, or enlarged from a small picture.", "Look at them; keep them if new photos will be like them.")


def _sizes(rows: Rows, kind: Image) -> list[Problem]:
    found = sizes(rows)
    if not len(found):
        return []
    small = np.flatnonzero(found.min(1) < COARSE * min(kind.height, kind.width))
    sides = found.max(1) / found.min(1).clip(1)
    coarse = f"They are enlarged to {kind.width} x {kind.height} pixels and stay coarse; sides: {found.min()} to {found.max()} pixels."
    return [
        *_about(rows, small, "photos far smaller than the training size", coarse,
                f"Train with a smaller side: `size={max(8, int(np.median(found.min(1))) // 8 * 8)}`, or find larger originals."),
        *_about(rows, np.flatnonzero(sides > LONG), "photos that are far from square",
                f"One side is more than {LONG:g} times the other: brought to a square, little of them is left.",
                "Cut them to what matters."),
    ]


def _strange(rows: Rows, found: Measures) -> list[Problem]:
    lonely = deviations(np.log(loneliness(found.features()) + 1e-6))
    far = np.flatnonzero(lonely > FAR)
    return _about(rows, far[np.argsort(-lonely[far])], "photos unlike all others",
                  "In light and colours nothing else in the set is near them.", "Look at them: they may belong to something else.")


def _about(rows: Rows, those: np.ndarray, name: str, means: str, do: str) -> list[Problem]:
    return about(rows, those, degree(those, len(rows), MANY), name, means, do)


def deviations(values: np.ndarray) -> np.ndarray:
    """Signed distance from the median in robust standard deviations; zeros where most values are equal."""
    away = values - np.median(values)
    scale = 1.4826 * np.median(np.abs(away))
    found: np.ndarray = away / scale if scale > 0 else np.zeros(len(values))
    return found
