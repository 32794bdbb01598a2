"""Series of numbers in a table: a row a moment, in the order of time; one series, or several one under another told apart by a column.

Moments that come twice and rows whose moment cannot be read are refused; missing numbers become the last before them, and are counted.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import torch

from lamina.core.config import knob
from lamina.core.data import Account, Data, Refusal
from lamina.core.errors import DataError, UsageError, unknown
from lamina.core.say import say
from lamina.core.spec import Series, Spec
from lamina.data import cells as reading
from lamina.data import series, text_tables
from lamina.data.series import Told
from lamina.data.sheet import Sheet
from lamina.data.table_files import digest_of, is_table, open_sheet
from lamina.data.window_split import WindowSplit

PLAIN = 0.95  # share of a column's cells that must be numbers
EVEN = 0.9  # share of the steps that must be alike, so that a table is a series unasked
LEAST_UNASKED = 30  # rows
MANY_MISSING = 0.5
TWICE = "Keep one of the rows, or name the column that tells the series apart: `data.key=COLUMN`."


class Config(series.Config):
    """Which columns are what."""

    target: str = knob("", "column that is forecast; the last column of numbers if left out")
    time: str = knob("", "column of the moments; the first column of dates if left out, else rows are in their order")
    key: str = knob("", "column that tells several series apart")
    columns: tuple[str, ...] = knob((), "columns that are looked at, as a,b; all of numbers if left out")
    allow_refused: float = knob(0.05, "share of rows that may be refused", low=0, high=1)


class SeriesReader:
    """A table of which the rows follow one another in time."""

    def __init__(self, path: Path, config: Config) -> None:
        if not path.is_file() or not is_table(path):
            raise DataError("a table of numbers in the order of time", f"`{path}`", "Give a CSV, TSV, Parquet, JSON-lines or Excel file.")
        self.path, self.config = path, config

    @staticmethod
    def suits(path: Path) -> bool:
        """A column of dates in even steps, and one of numbers: such a table asks nothing else."""
        try:
            if not path.is_file() or not is_table(path):
                return False
            frame = reading.cleaned(text_tables.head(path).frame)
            if frame.width != 2 or frame.height < LEAST_UNASKED or not reading.date_like(frame[:, 0]):
                return False
            steps = np.diff(reading.dates(frame[:, 0])[0].drop_nulls().to_numpy())
            even = len(steps) and (steps > 0).all() and np.mean(np.abs(steps / np.median(steps) - 1) < 0.15) >= EVEN  # months differ
            return bool(even) and _are_numbers(frame[:, 1])
        except (OSError, DataError, ValueError, pl.exceptions.PolarsError):
            return False

    def data(self, seed: int) -> Data:
        sheet, frame = self._opened()
        spec = self._spec(frame)
        told, refused = _series(sheet, frame, spec)
        account = Account(sum(len(one.values) for one in told), (*sheet.refused, *refused)).check(self.config.allow_refused, self.path.name)
        told, lines = _filled(told, spec)
        data = series.data_of(self.path.name, told, spec, self.config)
        return replace(data, account=account, meaning=(*sheet.notes, *data.meaning, *lines), fingerprint=digest_of([self.path]))

    def rows(self, spec: Spec) -> WindowSplit:
        return series.rows_of(spec, self._known(spec))

    def inputs(self, spec: Spec) -> tuple[Sequence[str], torch.Tensor]:
        """The end of each series, from which it is told how it goes on."""
        assert isinstance(spec.input, Series), "series"
        past = spec.input.past
        told = [one for one in self._known(spec) if len(one.values) >= past]
        if not told:
            raise DataError(f"a series of {past} moments and more, on which the run looks back", f"fewer in `{self.path}`", "Add rows.")
        names = [f"{one.name or self.path.name} after {one.moments[-1]}" for one in told]
        return names, torch.from_numpy(np.stack([one.values[-past:] for one in told]))

    def _opened(self) -> tuple[Sheet, pl.DataFrame]:
        sheet = open_sheet(self.path)
        return sheet, reading.cleaned(sheet.frame)

    def _known(self, spec: Spec) -> list[Told]:
        assert isinstance(spec.input, Series), "series"
        sheet, frame = self._opened()
        if missing := [name for name in spec.input.names if name not in frame.columns]:
            raise unknown("column", missing[0], frame.columns)
        given = spec.input.model_copy(update={name: "" for name in ("time", "key") if getattr(spec.input, name) not in frame.columns})
        told, refused = _series(sheet, frame, given)
        for line in Account(0, tuple(refused)).lines():
            say(line)
        return _filled(told, given)[0]

    def _spec(self, frame: pl.DataFrame) -> Series:
        """What the columns are."""
        c = self.config
        for name in (c.target, c.time, c.key, *c.columns):
            if name and name not in frame.columns:
                raise unknown("column", name, frame.columns)
        dated = next((name for name in frame.columns if reading.date_like(frame[name])), "")
        time = c.time or dated
        numeric = [n for n in frame.columns if n not in (time, c.key) and _are_numbers(frame[n])]
        if not numeric or (c.target and c.target not in numeric):
            raise DataError("a column of numbers to forecast", f"`{c.target}`" if c.target else f"none in `{self.path.name}`",
                            "Name another column: `--target COLUMN`.")
        asked = c.target or numeric[-1]
        names = tuple(c.columns or numeric)
        if strange := [name for name in names if name not in numeric]:
            raise UsageError("columns of numbers", f"`{strange[0]}`", "Leave it out of `columns`.")
        return Series(names=names if asked in names else (*names, asked), past=1, asked=asked, time=time, key=c.key)


def _are_numbers(cells: pl.Series) -> bool:
    known = cells.drop_nulls()
    values = reading.numbers(cells)
    return len(known) > MANY_MISSING * len(cells) and values.count() >= PLAIN * len(known) and values.drop_nulls().n_unique() > 1


def _series(sheet: Sheet, frame: pl.DataFrame, spec: Series) -> tuple[list[Told], list[Refusal]]:
    """The series of a table in the order of time, and the rows that are refused."""
    where = np.asarray(sheet.where())
    moments = text_tables.moments(frame, spec.time) if spec.time else np.arange(frame.height, dtype=np.float64)
    keys = np.asarray([key or "" for key in frame[spec.key].to_list()] if spec.key else [""] * frame.height, object)
    labels = frame[spec.time].to_list() if spec.time else [f"row {n}" for n in range(1, frame.height + 1)]
    values = np.stack([reading.numbers(frame[n]).cast(pl.Float64).fill_null(np.nan).to_numpy() for n in spec.names], 1).astype(np.float32)
    unknown_moment = np.flatnonzero(np.isnan(moments))
    refused = [Refusal(str(where[i]), f"no moment in `{spec.time}`", "Write a date or a number.") for i in unknown_moment]
    found = []
    for key in dict.fromkeys(keys.tolist()):
        mine = np.flatnonzero((keys == key) & ~np.isnan(moments))
        mine = mine[np.argsort(moments[mine], kind="stable")]
        twice = np.flatnonzero(np.diff(moments[mine]) == 0) + 1
        refused += [Refusal(str(where[mine[i]]), "a moment that was there before", TWICE) for i in twice]
        mine = np.delete(mine, twice)
        if len(mine):
            found.append(Told(key, values[mine], [str(labels[i]) for i in mine]))
    return found, refused


def _filled(told: Sequence[Told], spec: Series) -> tuple[list[Told], list[str]]:
    """Series without gaps, and what is said of them."""
    both = [series.with_gaps_filled(one) for one in told]
    empty = [one.name or spec.asked for one, _ in both if np.isnan(one.values).any()]
    if empty:
        raise DataError("a number in every column of a series", f"none in one of `{empty[0]}`", "Leave the column or the series out.")
    missing = sum(count for _, count in both)
    lines = [f"{missing:,} missing numbers are taken to be the last before them"] if missing else []
    return [one for one, _ in both], lines + _uneven(told, spec)


def _uneven(told: Sequence[Told], spec: Series) -> list[str]:
    if not spec.time:
        return ["no column of moments: rows are taken to follow one another in even steps"]
    moments = reading.dates(pl.Series([moment for one in told for moment in one.moments]))[0].drop_nulls().to_numpy()
    steps = np.diff(moments)
    steps = steps[steps > 0]
    if not len(steps):
        return []
    usual = float(np.median(steps))
    odd = int((np.abs(steps / usual - 1) > 0.5).sum())
    step = f"a step is {usual:.3g} days" if usual >= 1 else f"a step is {24 * usual:.3g} hours"
    return [step + (f"; {odd:,} steps are longer or shorter, and are counted as one all the same" if odd else "")]
