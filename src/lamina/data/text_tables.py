"""Tables whose one useful column is free text, beside a column of labels: reviews.csv, or train, dev and test files of them."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl

from lamina.core.data import Refusal
from lamina.core.errors import DataError, quoted, unknown
from lamina.data import cells as reading
from lamina.data import csv_text
from lamina.data.answers import NAMES, target_name
from lamina.data.columns import meaning
from lamina.data.layout import by_part
from lamina.data.sheet import Sheet
from lamina.data.table_files import JSON, TYPED, ending, is_table, open_packed, open_sheet

WORDS, DIFFERENT = 4.0, 0.5  # words a cell on average, and share of different cells, from which a column is free text
HEAD = 1 << 18  # bytes that are enough to know what a table is


@dataclass(frozen=True)
class TextTable:
    """All rows of all files: cleaned cells (None where missing), the place and the part of each, what was said and refused."""

    frame: pl.DataFrame
    where: list[str]
    part: np.ndarray
    notes: tuple[str, ...]
    refused: tuple[Refusal, ...]

    def only(self, keep: np.ndarray) -> "TextTable":
        """The rows where `keep` (N,) is true."""
        where = [self.where[i] for i in np.flatnonzero(keep).tolist()]
        return TextTable(self.frame.filter(pl.Series(keep)), where, self.part[keep], self.notes, self.refused)


def looks_like_texts(path: Path) -> bool:
    """Whether the table at `path`, by its first rows, has a column of free text, a column of labels and nothing else of use."""
    frame = reading.cleaned(head(path).frame)
    free = [name for name in frame.columns if is_free(frame[name])]
    others = [name for name in frame.columns if name not in free]
    if not free or not others:
        return False
    target = target_name(others, "")[0]
    return all(name == target or meaning(name, frame[name]).kind == "left out" for name in others)


def is_free(cells: pl.Series) -> bool:
    """Whether a column is free text: cells of several words, mostly different."""
    present = cells.drop_nulls()
    words = present.str.count_matches(r"\S+").mean() or 0.0
    return len(present) > 0 and float(words) > WORDS and present.n_unique() > DIFFERENT * len(present)  # type: ignore[arg-type]


def parts_of(path: Path) -> dict[str, Path]:
    """The files by part: one table is all of train; in a folder, those named train, valid (dev) and test."""
    if path.is_file():
        return {"train": path} if is_table(path) else {}
    return by_part(one for one in sorted(path.iterdir()) if one.is_file() and is_table(one))


def read(files: Mapping[str, Path], header: bool | None = None) -> TextTable:
    """The rows of every file, in the columns of the first; DataError where another lacks one of them."""
    sheets = {part: open_sheet(path, header) for part, path in files.items()}
    first = next(iter(sheets.values()))
    for sheet in sheets.values():
        if missing := [name for name in first.frame.columns if name not in sheet.frame.columns]:
            raise DataError(f"the columns of `{first.name}` in `{sheet.name}` too", f"no {quoted(missing)}",
                            "Give all files the same columns.")
    frame = reading.cleaned(pl.concat([sheet.frame.select(first.frame.columns) for sheet in sheets.values()]))
    part = np.concatenate([np.full(sheet.frame.height, name) for name, sheet in sheets.items()])
    where = [place for sheet in sheets.values() for place in sheet.where()]
    return TextTable(frame, where, part, first.notes, tuple(r for sheet in sheets.values() for r in sheet.refused))


def columns_of(frame: pl.DataFrame, text: str, target: str) -> tuple[str, str, str]:
    """(the column of texts, the column of answers, how they were chosen)."""
    for name in filter(None, (text, target)):
        if name not in frame.columns:
            raise unknown("column", name, frame.columns)
    lengths = {name: float(frame[name].str.len_chars().mean() or 0) for name in frame.columns if name != target}  # type: ignore[arg-type]
    if not lengths or (text and text == target):
        raise DataError("a column of texts and one of answers", quoted(frame.columns), "Name them: `text=COLUMN --target COLUMN`.")
    column = text or max(lengths, key=lengths.__getitem__)
    others = [name for name in frame.columns if name != column]
    if not others:
        raise DataError("a column of answers beside the texts", f"only `{column}`", "Add it, or give the texts in one folder a class.")
    answer, how = target_name(others, target)
    return column, answer, how


def answers_in(frame: pl.DataFrame, target: str) -> str:
    """The column of answers in another table: as asked, else by its usual names; "" where there is none."""
    named = [name for wanted in ((target,) if target else NAMES) for name in frame.columns if name.lower() == wanted.lower()]
    return named[0] if named else ""


def head(path: Path) -> Sheet:
    """The first rows of a table; DataError where they are none."""
    kind = ending(path)
    if kind in TYPED or kind == ".json":
        return open_sheet(path)
    with open_packed(path) as file:
        first = file.read(HEAD)
        whole = len(first) < HEAD
    if kind in JSON:
        found = [json.loads(line) for line in first.splitlines()[: None if whole else -1] if line.strip()]
        frame = pl.DataFrame([{k: str(v) for k, v in one.items()} for one in found])
        return Sheet(path.name, frame, np.arange(1, frame.height + 1))
    lines = first.splitlines(keepends=True)
    end = len(lines) if whole else len(lines) - 1
    while end > 0:
        with suppress(DataError):
            return csv_text.read(lambda end=end: BytesIO(b"".join(lines[:end])), path.name)  # type: ignore[misc]
        end //= 2  # a quoted cell, or half a character, may go on past the end
    return open_sheet(path)  # which says what is wrong with it


def cells_of(frame: pl.DataFrame, name: str) -> list[str | None]:
    """The cells of the column `name`; UsageError where there is none."""
    if name not in frame.columns:
        raise unknown("column", name, frame.columns)
    return frame[name].to_list()


def moments(frame: pl.DataFrame, name: str) -> np.ndarray:
    """(N,) the moment of each row by the column `name`, dates as days since 1970; NaN where there is none."""
    cells_of(frame, name)
    values = reading.dates(frame[name])[0] if reading.date_like(frame[name]) else reading.numbers(frame[name])
    found: np.ndarray = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
    if len(np.unique(found[~np.isnan(found)])) < 3:
        raise DataError(f"dates or numbers in `{name}`, to order the rows by", f"`{frame[name].head(1).to_list()}`", "Name another column.")
    return found
