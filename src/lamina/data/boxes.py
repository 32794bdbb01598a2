"""Boxes as files give them, checked one by one against the picture that they lie in: nothing is changed or left out in silence.

What can be repaired without a guess is, and counted: corners the wrong way round, boxes that reach out of the picture. What cannot
is refused with its place: no size, wholly outside, no number, no class, shares among pixels or pixels among shares.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lamina.core.data import Refusal
from lamina.data.box_files import Annotated, Said
from lamina.data.jpeg import LYING, MIRRORED, UPSIDE_DOWN
from lamina.data.pictures import Head

SLACK = 0.5  # pixels by which a corner may lie outside through rounding
FAR_FROM_SHARES = 2.0  # a share above it is a number of pixels

REASONS = {
    "a corner that is no number": "Draw the box again, or take it out.",
    "a box without a class": "Give it one, or take it out.",
    "a box without a size": "It is a click, not a box: draw it again, or take it out.",
    "fractions where pixels are expected": "Multiply it by the size of the picture, or take it out.",
    "pixels where fractions are expected": "Divide it by the size of the picture, or take it out.",
    "a box wholly outside the picture": "It may belong to another picture or another size of it: draw it again, or take it out.",
}


@dataclass
class Repairs:
    """What was put right: each kind, how often, and where first."""

    found: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, kind: str, where: str, count: int = 1) -> None:
        """Count repairs of one kind."""
        if count:
            before, first = self.found.get(kind, (0, where))
            self.found[kind] = before + count, first

    def lines(self) -> list[str]:
        """For a person: each kind with its count and first place."""
        return [f"{count} {kind}; the first: `{first}`" for kind, (count, first) in self.found.items()]


@dataclass(frozen=True)
class Drawn:
    """The boxes of one picture that can be used: (N, 4) float64 in pixels of the upright photo, classes by name, ignored or not."""

    boxes: np.ndarray
    names: Sequence[str]
    ignored: np.ndarray


def in_pixels(said: Said) -> Said:
    """The same with the right unit: shares that are written as pixels all through, or pixels as shares, are taken as what they are."""
    boxes = np.concatenate([one.boxes for one in said.pictures]) if said.pictures else np.zeros((0, 4))
    largest = np.abs(boxes[np.isfinite(boxes).all(1)]).max(1, initial=0)
    if not len(largest):
        return said
    if said.relative and np.median(largest) > FAR_FROM_SHARES:
        line = "corners are pixels, though this kind of file has shares of the picture"
        return replace(said, relative=False, meaning=[*said.meaning, line])
    if not said.relative and largest.max() <= 1:
        line = "no corner is above 1: they are shares of the picture, not pixels"
        return replace(said, relative=True, meaning=[*said.meaning, line])
    return said


def checked(one: Annotated, relative: bool, head: Head, repairs: Repairs) -> tuple[Drawn, list[Refusal]]:
    """The boxes of one picture that can be used, and the refusals of the others."""
    height, width = head.height, head.width
    boxes = _upright(one, relative, head, repairs)
    scaled = boxes * np.array([width, height, width, height]) if relative else boxes
    ordered = np.concatenate([np.minimum(scaled[:, :2], scaled[:, 2:]), np.maximum(scaled[:, :2], scaled[:, 2:])], 1)
    clipped = ordered.clip(0, [width, height, width, height])
    wrong = _reasons(one, boxes, relative, ordered, clipped)
    good = wrong < 0
    _tell(one, repairs, good & (ordered != scaled).any(1), "boxes had corners the wrong way round: swapped")
    _tell(one, repairs, good & (np.abs(clipped - ordered) > SLACK).any(1), "boxes reached out of their picture: cut off at its edge")
    reasons = list(REASONS)
    refused = [Refusal(_place(one, k), reasons[why], REASONS[reasons[why]]) for k, why in enumerate(wrong.tolist()) if why >= 0]
    names = [name for name, is_good in zip(one.names, good.tolist(), strict=True) if is_good]
    return Drawn(clipped[good], names, one.ignored[good]), refused


def _reasons(one: Annotated, given: np.ndarray, relative: bool, ordered: np.ndarray, clipped: np.ndarray) -> np.ndarray:
    """(N,) the place of the first reason in REASONS by which a box is refused, -1 for none."""
    largest = np.abs(given).max(1, initial=0)
    never = np.zeros(len(given), bool)
    found = np.stack([
        ~np.isfinite(given).all(1),
        np.array([not name for name in one.names], bool),
        (ordered[:, 2:] <= ordered[:, :2]).any(1),
        never if relative else largest <= 1,
        largest > FAR_FROM_SHARES if relative else never,
        (clipped[:, 2:] <= clipped[:, :2]).any(1),
    ])  # fmt: skip
    return np.where(found.any(0), found.argmax(0), -1)


def _upright(one: Annotated, relative: bool, head: Head, repairs: Repairs) -> np.ndarray:
    """The corners on the picture as it is seen; said where the file gives another size than the picture has.

    A file that gives the size of the picture as it lies in its file, before a viewer turns it as Exif says, has corners on that."""
    real = head.height, head.width
    if one.size is None or one.size == real:
        return one.boxes
    if head.orientation not in LYING or one.size != real[::-1]:
        repairs.add("pictures have another size than their file of boxes says: the real one counts", f"{one.where}: "
                    f"{one.size[1]} x {one.size[0]}, really {real[1]} x {real[0]}")
        return one.boxes
    repairs.add("pictures lie on their side and are turned by their Exif mark: their boxes were turned with them", one.where)
    return turned(one.boxes, head.orientation, (1, 1) if relative else real)


def turned(boxes: np.ndarray, orientation: int, size: tuple[int, int]) -> np.ndarray:
    """Corners (N, 4) on a picture as it lies in its file, as they are when it is seen upright, then of `size` (H, W)."""
    x, y = boxes[:, [0, 2]], boxes[:, [1, 3]]
    if orientation in LYING:
        x, y = y, x
    if orientation in MIRRORED:
        x = size[1] - x[:, ::-1]
    if orientation in UPSIDE_DOWN:
        y = size[0] - y[:, ::-1]
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], 1)


def _tell(one: Annotated, repairs: Repairs, mask: np.ndarray, kind: str) -> None:
    those = np.flatnonzero(mask)
    if len(those):
        repairs.add(kind, _place(one, int(those[0])), len(those))


def _place(one: Annotated, box: int) -> str:
    return f"{one.where}, box {box + 1}"
