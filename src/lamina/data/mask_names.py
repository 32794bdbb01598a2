"""The names of the classes of masks, where a file beside them lists them: `classes.txt`, `class_dict.csv` and the like."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lamina.core.errors import DataError
from lamina.data.files import Entry, Files

STEMS = ("classes", "class_dict", "class_names", "labels", "label_names", "label_colors", "label_colours", "labelmap", "classnames")
ENDINGS = (".txt", ".csv")
MOST = 1 << 20  # bytes of such a file
HEADS = {"name", "class", "label", "classes", "labels"}
COLOURED = re.compile(r"(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\D.*)")  # 64 128 64 Animal
NUMBERED = re.compile(r"(\d{1,3})[\s,;:=]+(\D.*)")  # 0 Sky


@dataclass
class Names:
    """Class names by the value of a pixel, and by its colour (a number as `mask_files.packed` makes it); `file` they are from."""

    of_value: dict[int, str] = field(default_factory=dict)
    of_colour: dict[int, str] = field(default_factory=dict)
    file: Entry | None = None


def listed(files: Files) -> Names:
    """The names that a file lists, the one that lies above all others; none where there is no such file."""
    found = [entry for entry in files.listing.entries if entry.ending in ENDINGS and entry.size <= MOST
             and entry.name.rpartition("/")[2].rpartition(".")[0].lower() in STEMS]
    if not found:
        return Names()
    entry = min(found, key=lambda one: (one.name.count("/"), one.name))
    _, load = next(files.contents([entry]))
    names = read_names(load().decode("utf-8-sig", errors="replace"), entry.name)
    names.file = entry
    return names


def read_names(text: str, where: str) -> Names:
    """One class a line: its name, a number and its name, a colour and its name, or a table with columns name, r, g, b.

    >>> read_names("64 128 64 Animal", "").of_colour, read_names("Sky\\nRoad", "").of_value
    ({4227136: 'Animal'}, {0: 'Sky', 1: 'Road'})
    """
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    cells = [[cell.strip() for cell in next(csv.reader([line]))] for _, line in lines]
    head = [cell.lower() for cell in cells[0]] if cells else []
    if len(head) > 1 and HEADS & set(head):
        return _table(head, cells[1:], where)
    found = Names()
    for place, (_, line) in enumerate(lines):
        coloured, numbered = COLOURED.fullmatch(line), NUMBERED.fullmatch(line)
        if coloured:
            found.of_colour[_colour(coloured.groups()[:3], where, line)] = coloured.group(4)
        elif numbered:
            found.of_value[int(numbered.group(1))] = numbered.group(2)
        else:
            found.of_value[place] = line.rstrip(",;")
    return found


def _table(head: list[str], rows: Sequence[list[str]], where: str) -> Names:
    """A table with a column of names, and columns r, g, b or one of values."""
    name = next(i for i, cell in enumerate(head) if cell in HEADS)
    colours = [next((i for i, cell in enumerate(head) if cell[:1] == colour and cell in (colour, long)), -1)
               for colour, long in (("r", "red"), ("g", "green"), ("b", "blue"))]
    value = next((i for i, cell in enumerate(head) if cell in ("value", "id", "index", "number", "pixel")), -1)
    found = Names()
    for place, row in enumerate(rows):
        if len(row) < len(head):
            raise DataError(f"{len(head)} cells in each row of `{where}`", f"`{','.join(row)}`", "Fill it up.")
        if min(colours) >= 0:
            found.of_colour[_colour([row[i] for i in colours], where, ",".join(row))] = row[name]
        else:
            found.of_value[int(row[value]) if value >= 0 and row[value].isdecimal() else place] = row[name]
    return found


def _colour(cells: Sequence[str], where: str, line: str) -> int:
    if not all(cell.isdecimal() and int(cell) < 256 for cell in cells):
        raise DataError(f"red, green and blue of 0 to 255 in `{where}`", f"`{line}`", "Write them as whole numbers.")
    red, green, blue = map(int, cells)
    return red << 16 | green << 8 | blue
