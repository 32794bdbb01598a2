"""What the columns of a table mean, and a table as numbers: the terms of `core/spec.py:Table`.

The kind of a column is told from all rows (`meanings`); the words of a category are those of the training rows
(`learned`), so that a word which only the test has is unseen there, as it will be in life.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
import torch

from lamina.core.errors import DataError, quoted
from lamina.core.say import say
from lamina.core.spec import Column, Table
from lamina.data import cells as reading

Kind = Literal["number", "category", "date", "left out"]
PLAIN = 0.8  # share of the cells that must be numbers (dates) for a column of numbers (dates)
FEW_WORDS, MOST_WORDS = 20, 1000
WORDS_SHARE = 0.3  # of the cells that may be different words in a column of categories
LEAST_SEEN = 2  # training rows in which a word must stand to have an embedding of its own
ENOUGH_DATES = 60
SPELT = {"%d.%m.%Y": "day.month.year", "%m/%d/%Y": "month/day/year", "%d/%m/%Y": "day/month/year", "%d-%m-%Y": "day-month-year"}
PARTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "day of year": lambda days: _days(days) - _days(days).astype("datetime64[Y]").astype("datetime64[D]") + 1,
    "weekday": lambda days: (np.floor(days) + 3) % 7 + 1,  # 1970 began on a Thursday; Monday is 1
    "hour": lambda days: (days % 1) * 24,
}  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """What a column was taken to be, and what was counted on the way: `missing` cells, `strange` ones that are not of the
    kind (the first at row `first_strange`), and `distinct` values."""

    name: str
    kind: Kind
    line: str
    missing: int = 0
    strange: int = 0
    first_strange: int = -1
    distinct: int = 0


def meaning(name: str, cells: pl.Series, kind: str = "") -> Meaning:
    """What the cleaned cells (N,) of a column are taken for; `kind` number or category overrules.

    >>> meaning("cyl", pl.Series(["4", "6", None, "8"])).line
    '`cyl`: 3 different whole numbers, taken as a number; 1 missing'
    """
    present, missing = cells.drop_nulls(), cells.null_count()
    count, distinct = len(present), present.n_unique()
    if distinct <= 1 and not kind:
        what = "nothing in it" if not count else f"`{_short(present[0])}` in every row" + (" that has a value" if missing else "")
        return Meaning(name, "left out", f"`{name}`: {what}: left out", missing, distinct=distinct)
    if kind != "category":
        numbers = reading.numbers(cells)
        if kind == "number" or numbers.count() >= PLAIN * count:
            return _number(name, cells, numbers, bool(kind))
        if reading.date_like(cells) and (found := reading.dates(cells))[0].count() >= PLAIN * count:
            return _date(name, cells, *found)
    return _words(name, cells, bool(kind))


def _number(name: str, cells: pl.Series, numbers: pl.Series, asked: bool) -> Meaning:
    strange = cells.is_not_null() & numbers.is_null()
    values = numbers.drop_nulls()
    distinct, whole = values.n_unique(), bool((values == values.round()).all())
    counted = {"missing": cells.null_count(), "strange": int(strange.sum()), "distinct": distinct,
               "first_strange": _first(strange)}  # fmt: skip
    if not asked and numbers_the_rows(name, values):
        return Meaning(name, "left out", f"`{name}`: different in every row, an identifier: left out", **counted)
    what = f"{distinct} different whole numbers, taken as a number" if whole and distinct <= FEW_WORDS else \
        f"{'whole ' if whole else ''}numbers from {float(values.min() or 0):g} to {float(values.max() or 0):g}"  # type: ignore[arg-type]
    comma = ", with decimal commas" if reading.has_decimal_commas(cells) else ""
    return Meaning(name, "number", f"`{name}`: {what}{comma}" + _gaps(cells, strange), **counted)


def numbers_the_rows(name: str, values: pl.Series) -> bool:
    """Whether numbers only tell the rows apart: whole, each once, and without a gap or with the name of an identifier."""
    if values.n_unique() < len(values) or len(values) < FEW_WORDS or bool((values != values.round()).any()):
        return False
    span = float(np.ptp(values.to_numpy())) + 1
    return span == len(values) or name.lower() in ("id", "index", "key", "uid") or name.lower().endswith(("_id", " id"))


def _first(rows: pl.Series) -> int:
    """The first row that is true; -1 where none is."""
    return int(rows.arg_max() or 0) if rows.any() else -1


def _gaps(cells: pl.Series, strange: pl.Series) -> str:
    told = f"; {cells.null_count()} missing" if cells.null_count() else ""
    if strange.any():
        told += f"; {strange.sum()} not of that kind, as `{_short(cells[strange.arg_max() or 0])}`, taken as missing"
    return told


def _date(name: str, cells: pl.Series, days: pl.Series, form: str) -> Meaning:
    strange = cells.is_not_null() & days.is_null()
    way = "" if form.startswith("%Y") else f", read as {SPELT[form]}"
    line = f"`{name}`: dates{way}" + _gaps(cells, strange)
    return Meaning(name, "date", line, cells.null_count(), int(strange.sum()), _first(strange), days.n_unique())


def _words(name: str, cells: pl.Series, asked: bool) -> Meaning:
    present = cells.drop_nulls()
    distinct, count = present.n_unique(), len(present)
    gaps = _gaps(cells, pl.Series([False]))
    if not asked and distinct > FEW_WORDS:
        thousands = "; they look like numbers with marks of thousands: write them without" if reading.has_thousands(cells) else ""
        text = present.str.count_matches(r"\S+").mean() or 0
        many = "an identifier" if distinct == count else "too many different words"
        if distinct == count or distinct > WORDS_SHARE * count or thousands:
            why = "free text" if float(text) >= 4 else f"{distinct} different words in {count} rows, {many}"  # type: ignore[arg-type]
            return Meaning(name, "left out", f"`{name}`: {why}: left out{thousands}{gaps}", cells.null_count(), distinct=distinct)
    what = f"{distinct} words, a category" if distinct <= MOST_WORDS else f"{distinct} words, a category of the {MOST_WORDS} most frequent"
    return Meaning(name, "category", f"`{name}`: {what}{gaps}", cells.null_count(), distinct=distinct)


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:29] + "…"


def learned(frame: pl.DataFrame, meanings: Sequence[Meaning]) -> Table:
    """The columns in the terms of the training rows `frame`: their categories, and the parts of dates that tell them apart."""
    columns: list[Column] = []
    for found in meanings:
        if found.kind == "category":
            columns.append(Column(name=found.name, kind="category", categories=_vocabulary(frame[found.name])))
        elif found.kind == "date":
            columns += [Column(name=found.name, kind="date"), *_parts(found.name, reading.dates(frame[found.name])[0])]
        elif found.kind == "number":
            columns.append(Column(name=found.name))
    return Table(columns=tuple(columns))


def _vocabulary(cells: pl.Series) -> tuple[str, ...]:
    """The words of enough training rows, the most frequent `MOST_WORDS` of them, in alphabetical order."""
    counts = cells.drop_nulls().value_counts().filter(pl.col("count") >= LEAST_SEEN).sort(["count", cells.name], descending=[True, False])
    return tuple(sorted(counts[cells.name].head(MOST_WORDS).to_list()))


def _parts(name: str, days: pl.Series) -> list[Column]:
    found = days.drop_nulls().to_numpy()
    if len(np.unique(found)) < ENOUGH_DATES:
        return []
    return [Column(name=name, part=part) for part, of in PARTS.items() if len(np.unique(of(found))) > 1]  # type: ignore[arg-type]


def _days(days: np.ndarray) -> np.ndarray:
    return np.floor(days).astype("datetime64[D]")


def encoded(frame: pl.DataFrame, table: Table, where: Sequence[str], strict: bool = False) -> torch.Tensor:
    """Cleaned rows as (N, D) float32, columns found by name. Missing columns, words that were not seen and columns that are
    not known are said; with `strict` a cell of the wrong kind is refused, else it is missing."""
    _compare(frame.columns, table.names)
    found = {name: frame[name] if name in frame.columns else pl.Series(name, [None] * frame.height, pl.String) for name in table.names}
    parsed: dict[str, pl.Series] = {}
    arrays = [_column(column, found[column.name], where, strict, parsed) for column in table.columns]
    return torch.from_numpy(np.stack(arrays, 1).astype(np.float32) if arrays else np.zeros((frame.height, 0), np.float32))


def _compare(came: Sequence[str], known: Sequence[str]) -> None:
    if missing := [name for name in known if name not in came]:
        if len(missing) == len(known):
            raise DataError(f"some of the columns {quoted(known)}", f"others: {quoted(came)}",
                            "Give rows with the names of the training table.")
        say(f"columns that are not there, taken as missing: {quoted(missing)}")


def _column(column: Column, cells: pl.Series, where: Sequence[str], strict: bool, parsed: dict[str, pl.Series]) -> np.ndarray:
    if column.kind == "category":
        return _places(column, cells)
    dated = column.kind == "date" or bool(column.part)
    key = f"{column.name}:{dated}"
    if key not in parsed:
        parsed[key] = reading.dates(cells)[0] if dated else reading.numbers(cells)
        if strict:
            _refuse_strange(column, cells, parsed[key], where)
    values: np.ndarray = parsed[key].cast(pl.Float64).fill_null(np.nan).to_numpy()
    if column.part:
        known = ~np.isnan(values)
        parts = np.full(len(values), np.nan)
        parts[known] = PARTS[column.part](values[known]).astype(np.float64)
        return parts
    return values


def _refuse_strange(column: Column, cells: pl.Series, values: pl.Series, where: Sequence[str]) -> None:
    strange = cells.is_not_null() & values.is_null()
    if strange.any():
        row = strange.arg_max() or 0
        kind = "a date as `2020-01-31`" if column.kind == "date" or column.part else "a number"
        raise DataError(f"{kind} in the column `{column.name}`", f"`{_short(cells[row])}` in {where[row]} ({strange.sum()} such cells)",
                        "Correct it, or leave the cell empty.")


def _places(column: Column, cells: pl.Series) -> np.ndarray:
    """The place of each word in `categories` from 1 on; 0 where it is missing or unseen."""
    places: Mapping[str, int] = {word: place for place, word in enumerate(column.categories, 1)}
    found = cells.replace_strict(places, default=0, return_dtype=pl.Int32) if places else pl.Series([0] * len(cells), dtype=pl.Int32)
    return found.fill_null(0).to_numpy()


def unseen(frame: pl.DataFrame, table: Table) -> list[str]:
    """A sentence for each column of `frame` with words that were not learned."""
    told = []
    for column in table.columns:
        if column.kind == "category" and column.name in frame.columns:
            strange = frame[column.name].filter(frame[column.name].is_not_null() & ~frame[column.name].is_in(column.categories))
            if len(strange):
                told.append(f"`{column.name}`: {len(strange)} cells with a word that was not learned, as `{_short(strange[0])}`: "
                            "taken as missing")
    return told
