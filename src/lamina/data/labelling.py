"""A table of labels beside photos: which column names the files, which holds the label, which the group."""

import csv
import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from lamina.core.data import Refusal
from lamina.core.errors import DataError, quoted, unknown

ENDINGS = (".csv", ".tsv")
LABELS = ("label", "labels", "class", "target", "category", "y")  # names by which a column is known to hold the label
LEAST_FOUND = 0.5  # share of a column's cells that must name files for it to be the files' column
SAMPLE = 1000  # rows by which the columns are told apart
MOST_CELL = 1 << 20


@dataclass
class Labelling:
    """What a table says of the files: the label of each, by its name, and its group if a column of groups was asked for."""

    column: str = ""
    file_column: str = ""
    label: dict[str, str] = field(default_factory=dict)
    group: dict[str, str] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True)
class Columns:
    """The places of the columns that are needed; `group` is None if none was asked for."""

    file: int
    label: int
    group: int | None


def labelling(content: bytes, where: str, names: Sequence[str], target: str = "", group: str = "") -> Labelling:
    """The table in `content` read against the files' names. Rows without their file, or without label, are refused by row."""
    rows, head = table(content, where)
    find = Finder(names)
    columns = _columns(rows, head, find, where, (target, group))
    found = Labelling(head[columns.label], head[columns.file])
    for number, row in rows:
        _take(found, row, columns, find, f"{where}, row {number}")
    return found


def _take(found: Labelling, row: list[str], columns: Columns, find: "Finder", place: str) -> None:
    cells = [row[i].strip() if i < len(row) else "" for i in (columns.file, columns.label)]
    name, reason, repair = find(cells[0]), "", ""
    if name is None:
        reason, repair = "a label for a file that is not there", f"Add `{cells[0]}`, or take the row out."
    elif not cells[1]:
        reason, repair = "a row without its label", "Fill it in."
    elif found.label.get(name, cells[1]) != cells[1]:
        reason, repair = "a second, other label for a file", f"Keep one of the rows of `{name}`."
    if reason or name is None:
        found.refused.append(Refusal(place, reason, repair))
        return
    found.label[name] = cells[1]
    if columns.group is not None:
        found.group[name] = row[columns.group].strip() if columns.group < len(row) else ""


def table(content: bytes, where: str) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """The numbered rows below the head, and the head, of a CSV with any usual separator."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    first = text.partition("\n")[0]
    separator = max(",;\t|", key=first.count)
    csv.field_size_limit(MOST_CELL)
    try:
        rows = [(n, row) for n, row in enumerate(csv.reader(io.StringIO(text), delimiter=separator), 1) if any(row)]
    except csv.Error as error:
        raise DataError("a table of file names and labels", f"`{where}`: {error}", "Save it again as CSV.") from error
    if not rows or len(rows[0][1]) < 2:
        raise DataError("a table with a column of file names and one of labels", f"`{where}` with fewer", "Add the column.")
    return rows[1:], [cell.strip() for cell in rows[0][1]]


def _columns(rows: list[tuple[int, list[str]]], head: list[str], find: "Finder", where: str, asked: tuple[str, str]) -> Columns:
    some = [row for _, row in rows[:: max(1, len(rows) // SAMPLE)]]
    shares = [sum(i < len(row) and find(row[i].strip()) is not None for row in some) / max(len(some), 1) for i in range(len(head))]
    file = max(range(len(head)), key=shares.__getitem__)
    if shares[file] < LEAST_FOUND:
        first = some[0][file] if some and file < len(some[0]) else ""
        raise DataError("a column that names the photos", f"`{where}`, where at best {shares[file]:.0%} of `{head[file]}` do, as `{first}`",
                        "Check the names, and that the photos lie beside the table.")
    label, group = (_named(head, name) for name in asked)
    if label is None:
        label = _only_label(head, file, group, where)
    return Columns(file, label, group)


def _named(head: list[str], name: str) -> int | None:
    if not name:
        return None
    if name not in head:
        raise unknown("column", name, head)
    return head.index(name)


def _only_label(head: list[str], file: int, group: int | None, where: str) -> int:
    others = [i for i in range(len(head)) if i not in (file, group)]
    named = [i for i in others if head[i].lower() in LABELS]
    if len(named) != 1 and len(others) != 1:
        came = f"`{where}` with {quoted(head[i] for i in others) or 'none'}"
        raise DataError("one column of labels", came, "Name it: `--target COLUMN`.")
    return named[0] if len(named) == 1 else others[0]


class Finder:
    """The file that a cell means: by its whole name, by its last part, with or without ending, in any case."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names: dict[str, str | None] = {}
        for name in names:
            path = PurePosixPath(name)
            for key in {_key(key) for key in (name, path.name, str(path.with_suffix("")), path.stem)}:
                self._names[key] = None if key in self._names else name  # two files of one name: neither is meant
        for name in names:
            self._names[_key(name)] = name

    def __call__(self, cell: str) -> str | None:
        plain = _key(cell.replace("\\", "/").removeprefix("./"))
        while plain:
            if self._names.get(plain):
                return self._names[plain]
            plain = plain.partition("/")[2]
        return None


def _key(name: str) -> str:
    """One spelling of a name: accents are written in two ways, and systems differ in their regard for case."""
    return unicodedata.normalize("NFC", name).casefold()
