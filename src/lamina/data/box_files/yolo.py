"""Boxes as YOLO writes them: one txt file a picture, a line a box: class number, middle x and y, width and height, as shares.

A line of more numbers is an outline of x, y pairs, of which the box around it is taken. Files lie beside the pictures, or in `labels`
where these lie in `images`; a picture without a file has no boxes. Names are in `data.yaml`, `classes.txt` or `obj.names`.
"""

import re
from collections.abc import Sequence

import numpy as np

from lamina.core.data import Refusal
from lamina.data.box_files import Annotated, Said, named, number, picked, some_contents
from lamina.data.box_files.yolo_names import names_of
from lamina.data.files import Entry, Files
from lamina.data.parts import part_of
from lamina.data.picture_names import PictureNames
from lamina.data.pictures import ENDINGS

FOLDER, PICTURES = "labels", "images"
OTHERS = ("classes.txt", "labels.txt", "predefined_classes.txt", "notes.txt")
BOX = 5  # numbers of a line


class Yolo:
    """One txt file a picture, shares of its sides."""

    @staticmethod
    def files(files: Files, labels: str) -> list[Entry]:
        stems = {_stem(entry.name).casefold() for entry in files.listing.entries if entry.ending in ENDINGS}
        texts = [entry for entry in picked(files.listing.entries, (".txt",), labels) if entry.name.rpartition("/")[2].lower() not in OTHERS]
        found = [entry for entry in texts if _stem(entry.name).casefold() in stems]
        known, folders = {entry.name for entry in found}, {entry.name.rpartition("/")[0] for entry in found}
        found += [entry for entry in texts if entry.name not in known and FOLDER in entry.name.lower().split("/")[:-1]
                  and (not folders or entry.name.rpartition("/")[0] in folders)]
        written = [content for content in some_contents(files, found) if content.strip()]
        return found if written and sum(_is_written_so(content) for content in written) * 2 > len(written) else []

    @staticmethod
    def read(files: Files, entries: Sequence[Entry], names: PictureNames) -> Said:
        listed = names_of(files)
        said = Said(relative=True, complete=True, files=[*entries, *listed.files])
        for place, load in files.contents(entries):
            entry = entries[place]
            folders = [PICTURES if folder.lower() == FOLDER else folder for folder in entry.name.split("/")[:-1]]
            cell = "/".join([*folders, _stem(entry.name)])
            picture = named(names.meant(cell, entry.name), _stem(entry.name), entry.name)
            if isinstance(picture, Refusal):
                said.refused.append(picture)
            else:
                said.pictures.append(_annotated(load(), entry, picture, listed.names, said))
        said.pictures.sort(key=lambda one: one.picture)
        said.meaning += listed.lines
        return said


def _annotated(content: bytes, entry: Entry, picture: str, known: dict[int, str], said: Said) -> Annotated:
    boxes, classes = [], []
    for place, line in enumerate(content.decode("utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        found = _line(line)
        if found is None:
            said.refused.append(Refusal(f"{entry.name}, line {place}", "a line that is no box",
                                        "Write `class x y width height`, with numbers between 0 and 1."))
        elif known and found[0] not in known:
            said.refused.append(Refusal(f"{entry.name}, line {place}", "a class number without a name",
                                        f"Add the name of {found[0]} to the list of names, or take the line out."))
        else:
            classes.append(known.get(found[0], f"class {found[0]}"))
            boxes.append(found[1])
    return Annotated(picture, np.array(boxes).reshape(-1, 4), classes, np.zeros(len(boxes), bool), entry.name, part_of(picture))


def _line(line: str) -> tuple[int, list[float]] | None:
    """The class and the corners that a line gives; None where it is no box."""
    words = re.split(r"[\s,]+", line.strip())
    try:
        values = [number(float(word)) for word in words]
    except ValueError:
        return None
    if len(values) < BOX or len(values) % 2 == 0 or not values[0].is_integer() or values[0] < 0:
        return None
    if len(values) > BOX:
        xs, ys = values[1::2], values[2::2]
        return int(values[0]), [min(xs), min(ys), max(xs), max(ys)]
    x, y, width, height = values[1:]
    return int(values[0]), [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


def _is_written_so(content: bytes) -> bool:
    lines = [line for line in content.decode("utf-8", errors="replace").splitlines() if line.strip()]
    return sum(_line(line) is not None for line in lines) * 2 > len(lines)


def _stem(name: str) -> str:
    return name.rpartition("/")[2].rpartition(".")[0]
