"""What files say of the boxes in pictures: one way of writing them a file, behind one interface; which it is, is recognised."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from lamina.core.data import Refusal
from lamina.core.errors import DataError, quoted
from lamina.core.registry import Registry
from lamina.data.files import Entry, Files
from lamina.data.picture_names import PictureNames

FORMATS = Registry("way of writing boxes", {
    "COCO JSON": "lamina.data.box_files.coco:Coco",
    "Pascal VOC XML": "lamina.data.box_files.voc:Voc",
    "YOLO txt": "lamina.data.box_files.yolo:Yolo",
    "CSV": "lamina.data.box_files.csv_boxes:CsvBoxes",
})  # fmt: skip
SAMPLED = 8  # files that are looked into, to know what they are
MOST_OF_ONE = 1 << 30  # bytes of one file
MOST_SIDE, MOST_NUMBER = 1e6, 1e12  # pixels of a side; what a corner can be at all


@dataclass(frozen=True)
class Annotated:
    """What a file says of one picture.

    boxes: (N, 4) float64 x0, y0, x1, y1 from the left and the top, NaN where it is no number; names: of their classes, "" where it is
    missing; ignored: (N,) bool; where: the file, and the place in it; size: (H, W) of the picture as the file gives it.
    """

    picture: str
    boxes: np.ndarray
    names: Sequence[str]
    ignored: np.ndarray
    where: str
    part: str = ""
    size: tuple[int, int] | None = None


@dataclass
class Said:
    """What the files of one kind say. relative: boxes are shares of the picture, not pixels; complete: a picture that they do not
    name has no boxes; files: those that were read; parts_by: what names the parts, in words."""

    pictures: list[Annotated] = field(default_factory=list)
    relative: bool = False
    complete: bool = False
    refused: list[Refusal] = field(default_factory=list)
    meaning: list[str] = field(default_factory=list)
    files: list[Entry] = field(default_factory=list)
    parts_by: str = "from the names of folders"


class Format(Protocol):
    """One way of writing boxes."""

    @staticmethod
    def files(files: Files, labels: str) -> list[Entry]:
        """The files written in this way, by a look into a few of them; [] if none are. `labels`: the end of the name of the only one
        that is wanted, where the user said one."""
        ...

    @staticmethod
    def read(files: Files, entries: Sequence[Entry], names: PictureNames) -> Said:
        """Everything that they say; what cannot be read is refused by file and place. DataError where nothing can."""
        ...


def recognised(files: Files, labels: str = "") -> tuple[type[Format], list[Entry], list[str]]:
    """The first way in which files beside the pictures are written, those files, and what is told of other ways.

    DataError where there are none, or none called `labels`.
    """
    found = [(name, entries) for name in FORMATS if (entries := FORMATS[name].files(files, labels))]
    if not found:
        called = f" called `{labels}`" if labels else ""
        raise DataError(f"files of boxes{called} beside the photos: COCO JSON, Pascal VOC XML, YOLO txt or CSV", "none that is known",
                        "Export the boxes in one of these ways into the folder of the photos.")
    (name, entries), others = found[0], found[1:]
    lines = [f"boxes from {len(entries)} files of {name}"]
    lines += [f"boxes are also there as {other}, {quoted((e.name for e in more), 3)}: left out; `data.labels=FILE` names one"
              for other, more in others]
    return FORMATS[name], entries, lines


def is_there(files: Files) -> bool:
    """Whether any file beside the pictures is one of boxes."""
    return any(FORMATS[name].files(files, "") for name in FORMATS)


def picked(entries: Sequence[Entry], endings: Sequence[str], labels: str) -> list[Entry]:
    """The files with one of the endings; of them, if asked for, the one whose name ends in `labels`."""
    return [entry for entry in entries if entry.ending in endings and entry.size <= MOST_OF_ONE
            and (not labels or entry.name == labels or entry.name.endswith("/" + labels))]


def some_contents(files: Files, entries: Sequence[Entry]) -> list[bytes]:
    """The contents of a few of the files, evenly spread."""
    return [load() for _, load in files.contents(entries[:: max(1, -(-len(entries) // SAMPLED))])]


def number(told: object) -> float:
    """A number, NaN for what is none or is too large to be reckoned with."""
    try:
        found = float(told) if isinstance(told, int | float | str) else float("nan")
    except (ValueError, OverflowError):
        return float("nan")
    return found if abs(found) < MOST_NUMBER else float("nan")


def size_of(height: object, width: object) -> tuple[int, int] | None:
    """The size of a picture as a file tells it; None where that is none."""
    sides = number(height), number(width)
    return (int(sides[0]), int(sides[1])) if all(1 <= side < MOST_SIDE for side in sides) else None


def named(found: Sequence[str], cell: str, where: str) -> str | Refusal:
    """The one picture that a label file means, or why it is none."""
    if len(found) == 1:
        return found[0]
    if found:
        return Refusal(where, "boxes of a picture of which there are two with one name",
                       f"Rename one of {quoted(found, 3)}, or write its folder into the file of boxes.")
    return Refusal(where, "boxes of a picture that is not there", f"Add `{cell}`, or take them out.")
