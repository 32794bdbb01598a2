"""Tables of a person's own: one file, or a folder of train, valid and test files.

What a column means is guessed from its cells and said (data/columns.py); rows without an answer, and rows that are no
rows, are refused and counted. Splits do not leak: `group` keeps rows together, `time` holds the latest out, and rows that
are equal in everything are kept on one side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.data import Account, Data, Refusal
from lamina.core.errors import DataError, unknown
from lamina.core.say import say
from lamina.core.spec import Column, Numbers, Spec, Table, Vector
from lamina.data import answers as asking
from lamina.data import cells as reading
from lamina.data import columns as columns_of
from lamina.data.answers import Answers, Question
from lamina.data.arrays import ArraySplit, Given, cut
from lamina.data.columns import Meaning
from lamina.data.sheet import Sheet
from lamina.data.table_files import digest_of, is_table, open_sheet

PARTS = {"train": "train", "training": "train", "valid": "valid", "val": "valid", "validation": "valid", "test": "test"}
LEAST_ROWS = 10


class Config(knobs.Config):
    """How a table is read."""

    target: str = knob("", "column to predict; guessed by its name, else the last, if left out")
    group: str = knob("", "column whose equal values stay in the same split")
    time: str = knob("", "column by which the latest rows are held out")
    allow_refused: float = knob(0.05, "share of rows that may be refused", low=0, high=1)
    question: Question = knob("auto", "auto, classes, number, or ordered_classes: a number cut into classes")
    cuts: int = knob(3, "classes into which ordered_classes cuts a number", low=2, high=20)
    as_number: tuple[str, ...] = knob((), "columns to take as numbers, as a,b")
    as_category: tuple[str, ...] = knob((), "columns to take as categories, as a,b")
    drop: tuple[str, ...] = knob((), "columns to leave out, as a,b")
    header: bool | None = knob(None, "whether the first row names the columns; guessed if left out")


@dataclass(frozen=True)
class _Rows:
    """All rows of all files: cleaned cells, the place and the part (train, valid, test) of each, and what was said and refused."""

    frame: pl.DataFrame
    where: np.ndarray
    part: np.ndarray
    notes: tuple[str, ...]
    refused: tuple[Refusal, ...]

    def only(self, keep: np.ndarray, refused: Sequence[Refusal]) -> "_Rows":
        return _Rows(self.frame.filter(pl.Series(keep)), self.where[keep], self.part[keep], self.notes, (*self.refused, *refused))


class TableReader:
    """CSV, TSV, JSON lines, Parquet and Excel files, also packed by gz, xz or zip."""

    def __init__(self, path: Path, config: Config) -> None:
        self.path, self.config = path, config

    @staticmethod
    def suits(path: Path) -> bool:
        return is_table(path) if path.is_file() else path.is_dir() and "train" in _parts(path)

    # -- to learn from --------------------------------------------------------------------------------

    def data(self, seed: int) -> Data:
        rows = self._rows()
        Account(rows.frame.height, rows.refused).check(self.config.allow_refused, self.path.name)
        target, how = asking.target_name(rows.frame.columns, self.config.target)
        self._check_knobs(rows.frame.columns, target)
        rows = self._answerable(rows, target)
        if self.config.question == "auto" and columns_of.numbers_the_rows(target, reading.numbers(rows.frame[target]).drop_nulls()):
            raise DataError("a target to learn", f"`{target}`, whose numbers only tell the rows apart",
                            "Name another column: `--target COLUMN`; or ask for it: `question=number`.")
        answers = asking.answers(target, rows.frame[target], self.config.question, self.config.cuts)
        rows, answers = _answered(rows, answers)
        account = Account(rows.frame.height, rows.refused).check(self.config.allow_refused, self.path.name)
        if rows.frame.height < LEAST_ROWS:
            raise DataError(f"at least {LEAST_ROWS} rows with a target", f"`{rows.frame.height}` in `{self.path.name}`", "Add rows.")
        meanings = self._meanings(rows.frame, target)
        data = self._split(rows, answers, meanings, seed)
        lines = (*rows.notes, f"{answers.line}, {how}; another: `--target COLUMN`", *(found.line for found in meanings))
        sheet = f"table `{self.path.name}`: {rows.frame.height} rows, {len(meanings)} columns and the target `{target}`"
        return replace(data, sheet=sheet, meaning=lines, account=account, fingerprint=digest_of(self._files().values()))

    def _split(self, rows: _Rows, answers: Answers, meanings: list[Meaning], seed: int) -> Data:
        """Cut places of rows, learn the columns from those of training, then fetch the cells."""
        if all(found.kind == "left out" for found in meanings):
            raise DataError("columns to learn from", "none that is more than a constant or an identifier",
                            "Add columns, or say what they are: `as_category=a,b`, `as_number=a,b`.")
        places = ArraySplit(torch.arange(len(rows.where)), answers.y)
        given = {part: places.part(torch.from_numpy(rows.part == part).nonzero().flatten()) for part in ("train", "valid", "test")}
        held = given["test"] if len(given["test"]) else given["valid"]
        named = Given(
            valid=given["valid"] if len(given["test"]) and len(given["valid"]) else None, test=held if len(held) else None,
            groups=self._groups(rows, [found.name for found in meanings if found.kind != "left out"]), moments=self._moments(rows),
        ).part(given["train"].x)  # fmt: skip
        blank = Spec(input=Table(columns=()), target=answers.target)
        parts = cut(self.path.name, blank, given["train"], seed, named)
        splits = [split for split in (parts.train, parts.valid, parts.test) if isinstance(split, ArraySplit)]
        table = columns_of.learned(rows.frame[splits[0].x.numpy()], meanings)
        x = columns_of.encoded(rows.frame, table, ())
        filled = [ArraySplit(x[s.x], s.y, None, rows.where[s.x.numpy()].tolist()) for s in splits]
        train, valid, test = filled
        return Data(parts.name, Spec(input=table, target=answers.target), train, valid, test)

    def _rows(self) -> _Rows:
        """The rows of every file, in the columns of the training file."""
        sheets = {part: open_sheet(path, self.config.header) for part, path in self._files().items()}
        known = sheets["train"].frame.columns
        frames, where, part, notes = [], [], [], list(sheets["train"].notes)
        for name, sheet in sheets.items():
            if missing := [column for column in known if column not in sheet.frame.columns]:
                notes.append(f"`{sheet.name}` has no column {', '.join(f'`{m}`' for m in missing)}: missing there")
            frames.append(sheet.frame.select(pl.col(c) if c in sheet.frame.columns else pl.lit(None, pl.String).alias(c) for c in known))
            where += sheet.where()
            part += [name] * sheet.frame.height
        frame = reading.cleaned(pl.concat(frames))
        if not frame.height:
            raise DataError("rows below the header", f"none in `{self.path.name}`", "Add rows.")
        return _Rows(frame, np.asarray(where), np.asarray(part), tuple(notes), tuple(r for s in sheets.values() for r in s.refused))

    def _files(self) -> dict[str, Path]:
        return _parts(self.path) if self.path.is_dir() else {"train": self.path}

    def _answerable(self, rows: _Rows, target: str) -> _Rows:
        """Without the rows that have no `time`, and without a test file that holds no answers at all."""
        for part in ("valid", "test"):
            mine = rows.part == part
            if mine.any() and not rows.frame[target].is_not_null().to_numpy()[mine].any():
                said = f"the {part} file has no answers: not used; `lamina predict RUN` it"
                rows = replace(rows.only(~mine, ()), notes=(*rows.notes, said))
        if not self.config.time:
            return rows
        known = ~np.isnan(self._raw_moments(rows))
        reason = f"no moment in `{self.config.time}`"
        return rows.only(known, [Refusal(str(place), reason, "Fill it in or delete the row.") for place in rows.where[~known]])

    def _check_knobs(self, columns: list[str], target: str) -> None:
        c = self.config
        for name in (*filter(None, (c.group, c.time)), *c.as_number, *c.as_category, *c.drop):
            if name not in columns:
                raise unknown("column", name, columns)
        if target in (c.group, c.time, *c.drop):
            raise DataError("a target that is not also a knob", f"`{target}` as both", "Name another column: `--target COLUMN`.")

    def _meanings(self, frame: pl.DataFrame, target: str) -> list[Meaning]:
        c, found = self.config, []
        asked = dict.fromkeys(c.as_number, "number") | dict.fromkeys(c.as_category, "category")
        out = {c.group: "keeps its rows together", c.time: "orders the rows, the latest are held out"} | dict.fromkeys(c.drop, "as asked")
        for name in frame.columns:
            if name in out:
                found.append(Meaning(name, "left out", f"`{name}`: {out[name]}: no input"))
            elif name != target:
                found.append(columns_of.meaning(name, frame[name], asked.get(name, "")))
        return found

    def _groups(self, rows: _Rows, inputs: list[str]) -> torch.Tensor | None:
        """By the column `group`, else rows that are equal in inputs and target; None where every row differs."""
        if self.config.time:
            return None
        target, _ = asking.target_name(rows.frame.columns, self.config.target)
        by = [self.config.group] if self.config.group else [*inputs, target]
        _, groups = np.unique(rows.frame.select(by).hash_rows(seed=0).to_numpy(), return_inverse=True)
        if groups.max(initial=0) == 0 and self.config.group:
            raise DataError(f"different groups in `{self.config.group}`", "one value in every row", "Name another column.")
        return torch.from_numpy(groups) if self.config.group or groups.max(initial=0) + 1 < len(groups) else None

    def _moments(self, rows: _Rows) -> torch.Tensor | None:
        return torch.from_numpy(self._raw_moments(rows)) if self.config.time else None

    def _raw_moments(self, rows: _Rows) -> np.ndarray:
        cells = rows.frame[self.config.time]
        values = reading.dates(cells)[0] if reading.date_like(cells) else reading.numbers(cells)
        found: np.ndarray = values.cast(pl.Float64).fill_null(np.nan).to_numpy().copy()
        if len(np.unique(found[~np.isnan(found)])) < 3:
            raise DataError(f"dates or numbers in `{self.config.time}`, to order the rows by", f"`{cells.drop_nulls().head(1).to_list()}`",
                            "Name another column: `--time COLUMN`.")
        return found

    # -- in the terms of what was learned -------------------------------------------------------------

    def rows(self, spec: Spec) -> ArraySplit:
        frame, sheet = self._known(spec)
        guessed = spec.target.names[0] if isinstance(spec.target, Numbers) else asking.target_name(frame.columns, "")[0]
        target = self.config.target or guessed
        if target not in frame.columns:
            raise DataError(f"the answers, in a column `{target}`", f"`{sheet.name}` without it", f"Call the column of answers `{target}`.")
        y, known = asking.known_answers(spec.target, target, frame[target])
        x = _inputs(frame, spec, sheet.where())
        keep = torch.from_numpy(known).nonzero().flatten()
        Account(len(keep), tuple(Refusal(w, "its target is missing") for w, k in zip(sheet.where(), known, strict=True) if not k)).check(
            self.config.allow_refused, sheet.name)  # fmt: skip
        if not len(keep):
            raise DataError("rows with answers", f"none in `{sheet.name}`", "Use `lamina predict` where there are no answers.")
        return ArraySplit(x, y, None, sheet.where()).part(keep)

    def inputs(self, spec: Spec) -> tuple[Sequence[str], torch.Tensor]:
        frame, sheet = self._known(spec)
        return sheet.where(), _inputs(frame, spec, sheet.where())

    def _known(self, spec: Spec) -> tuple[pl.DataFrame, Sheet]:
        """The cleaned cells of the one file; its refusals are an error past the share that is allowed, else said."""
        if self.path.is_dir():
            raise DataError("one table", f"the folder `{self.path}`", "Name the file.")
        sheet = open_sheet(self.path, self.config.header)
        for note in (*sheet.notes, *Account(sheet.frame.height, sheet.refused).check(self.config.allow_refused, sheet.name).lines()):
            say(f"{sheet.name}: {note}")
        if not sheet.frame.height:
            raise DataError("rows below the header", f"none in `{sheet.name}`", "Add rows.")
        return reading.cleaned(sheet.frame), sheet


def _inputs(frame: pl.DataFrame, spec: Spec, where: Sequence[str]) -> torch.Tensor:
    """(N, D): the columns of a learned table, or of a learned vector whose columns have names."""
    table = spec.input if isinstance(spec.input, Table) else None
    if table is None:
        assert isinstance(spec.input, Vector), "a table's rows are read for models of tables"
        table = Table(columns=tuple(Column(name=name) for name in spec.input.names or frame.columns[: spec.input.size]))
    for line in columns_of.unseen(frame, table):
        say(line)
    x = columns_of.encoded(frame, table, where, strict=True)
    if isinstance(spec.input, Vector) and x.isnan().any():
        row, column = x.isnan().nonzero()[0].tolist()
        raise DataError("a number in every cell, as the model knows no missing ones", f"none in `{table.names[column]}`, {where[row]}",
                        "Fill it in.")
    return x


def _answered(rows: _Rows, answers: Answers) -> tuple[_Rows, Answers]:
    """Only the rows that have an answer; the others are refused."""
    refused = [Refusal(str(place), answers.reason, "Fill it in or delete the row.") for place in rows.where[~answers.known]]
    return rows.only(answers.known, refused), replace(answers, y=answers.y[torch.from_numpy(answers.known)])


def _parts(folder: Path) -> dict[str, Path]:
    """Files named train, valid and test in a folder."""
    try:
        tables = [path for path in sorted(folder.iterdir()) if path.is_file() and is_table(path)]
    except OSError:
        return {}
    named = {PARTS[stem]: path for path in tables if (stem := path.name.split(".")[0].lower()) in PARTS}
    return {part: named[part] for part in ("train", "valid", "test") if part in named}


