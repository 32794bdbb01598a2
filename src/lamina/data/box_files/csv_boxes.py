"""Boxes in tables: CSV or TSV, a row a box, with a column of file names, four of corners, and one of classes, known by their names.

Corners are two ends of each side (`xmin ymin xmax ymax`), or a beginning and a length (`x y w h`). A row with a file name alone is a
picture without boxes. A table without a head has the file, x0, y0, x1, y1 and the class in this order.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lamina.core.data import Refusal
from lamina.core.errors import DataError, quoted
from lamina.data.box_files import Annotated, Said, named, number, picked, size_of
from lamina.data.files import Entry, Files
from lamina.data.labelling import ENDINGS, table
from lamina.data.layout import PARTS
from lamina.data.parts import part_called, part_of
from lamina.data.picture_names import PictureNames
from lamina.data.pictures import ENDINGS as PICTURES

FILES = ("filename", "file", "file_name", "image", "image_name", "image_path", "image_id", "imageid", "path", "img", "name")
CLASSES = ("class", "label", "class_name", "classname", "labelname", "label_name", "category", "category_name", "name")
ENDS = ("xmin ymin xmax ymax", "x_min y_min x_max y_max", "x0 y0 x1 y1", "x1 y1 x2 y2", "left top right bottom")
LENGTHS = ("x y w h", "x y width height", "left top width height", "bbox_x bbox_y bbox_w bbox_h", "bbox_x bbox_y bbox_width bbox_height",
           "xmin ymin width height", "xmin ymin w h")  # fmt: skip
SPLIT, DIFFICULT = ("split", "set", "subset", "part"), ("difficult", "iscrowd", "ignore")
NO_NAME = "object"  # of the one class where no column names classes


@dataclass(frozen=True)
class Columns:
    """The places of the columns in a row, -1 for one that is not there. lengths: the third and fourth corner are lengths."""

    file: int
    corners: tuple[int, ...]
    lengths: bool
    label: int
    part: int = -1
    difficult: int = -1
    size: tuple[int, int] = (-1, -1)


class CsvBoxes:
    """Tables, a row a box."""

    @staticmethod
    def files(files: Files, labels: str) -> list[Entry]:
        found = picked(files.listing.entries, ENDINGS, labels)
        return [found[place] for place, load in files.contents(found) if _columns(_first_row(load())) is not None]

    @staticmethod
    def read(files: Files, entries: Sequence[Entry], names: PictureNames) -> Said:
        said, rows = Said(files=list(entries)), defaultdict[tuple[str, str], list[tuple[list[str], Columns]]](list)
        contents = {place: load() for place, load in files.contents(entries)}
        for place, entry in enumerate(entries):
            below, head = table(contents[place], entry.name)
            columns = _columns(head)
            if columns is None:  # its first line was one, but a quote in it does not end there
                raise DataError("a table of boxes", f"`{entry.name}` with the columns {quoted(head)}", "Save it again as CSV.")
            for line, row in below if _has_head(head) else [(1, head), *below]:
                where = f"{entry.name}, row {line}"
                cell = _cell(row, columns.file)
                picture = named(names.meant(cell, entry.name), cell, where)
                if isinstance(picture, Refusal):
                    said.refused.append(picture)
                else:
                    rows[picture, entry.name].append((row, columns))
        said.pictures = [_annotated(picture, where, found) for (picture, where), found in sorted(rows.items())]
        return said


def _columns(head: Sequence[str]) -> Columns | None:
    """The columns by their names; None where it is no table of boxes."""
    if not _has_head(head):
        return Columns(0, (1, 2, 3, 4), False, 5)
    plain = [cell.strip().lower() for cell in head]

    def at(names: Sequence[str], but: int = -1) -> int:
        return next((plain.index(name) for name in names if name in plain and plain.index(name) != but), -1)

    ends, lengths = (next((form.split() for form in forms if set(form.split()) <= set(plain)), None) for forms in (ENDS, LENGTHS))
    corners, file = ends or lengths, at(FILES)
    if corners is None or file < 0:
        return None
    size = (at(("height", "image_height")), at(("width", "image_width"))) if ends else (at(("image_height",)), at(("image_width",)))
    return Columns(file, tuple(plain.index(name) for name in corners), ends is None, at(CLASSES, file), at(SPLIT), at(DIFFICULT), size)


def _has_head(head: Sequence[str]) -> bool:
    """Whether the first row names columns; of a table without a head it names a picture, and four numbers or nothing."""
    some = [cell.strip() for cell in head[1:5]]
    is_picture = len(head) == 6 and head[0].lower().endswith(tuple(PICTURES))
    return not (is_picture and (all(np.isfinite(number(cell)) for cell in some) or not any(some)))


def _first_row(content: bytes) -> list[str]:
    try:
        return table(content.partition(b"\n")[0], "")[1]
    except DataError:
        return []


def _annotated(picture: str, where: str, rows: Sequence[tuple[list[str], Columns]]) -> Annotated:
    """The boxes of one picture; a row without a corner says that it is there."""
    boxes = [(row, at) for row, at in rows if any(_cell(row, place) for place in at.corners)]
    corners = np.array([[number(_cell(row, place)) for place in at.corners] for row, at in boxes]).reshape(-1, 4)
    lengths = np.array([at.lengths for _, at in boxes], bool)
    corners[lengths, 2:] += corners[lengths, :2]
    names = [_cell(row, at.label) if at.label >= 0 else NO_NAME for row, at in boxes]
    ignored = np.array([number(_cell(row, at.difficult)) == 1 for row, at in boxes], bool)
    row, at = rows[0]
    part = PARTS.get(_cell(row, at.part).lower(), "") or part_called(where.rpartition("/")[2]) or part_of(picture)
    size = size_of(*(_cell(row, place) for place in at.size))
    return Annotated(picture, corners, names, ignored, f"{where}, rows of `{picture.rpartition('/')[2]}`", part, size)


def _cell(row: Sequence[str], place: int) -> str:
    return row[place].strip() if 0 <= place < len(row) else ""
