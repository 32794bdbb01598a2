"""Texts of a person's own: files in one folder a class, with or without train, valid and test folders above them, also in
an archive; or a table with a column of texts and one of answers, also as files named train, valid (dev) and test."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import torch

from lamina.core.config import knob
from lamina.core.data import Account, Data, Refusal
from lamina.core.errors import DataError
from lamina.core.say import say
from lamina.core.spec import Classes, Spec, Target, Text
from lamina.data import answers as asking
from lamina.data import text_files, text_tables, texts
from lamina.data.archives import files_of, is_archive
from lamina.data.files import Entry
from lamina.data.layout import label_among, places
from lamina.data.pictures import ENDINGS as PICTURES
from lamina.data.text_split import TextSplit
from lamina.data.text_tables import TextTable
from lamina.data.texts import Labelled

ENOUGH = 1000  # files of a folder that are looked at to know its kind
TABLES = (".csv", ".tsv", ".tab", ".parquet", ".jsonl", ".ndjson", ".xlsx")


class Config(texts.Config):
    """How texts are read."""

    text: str = knob("", "column of the texts; the one with the longest cells if left out")
    target: str = knob("", "column to predict; guessed by its name, else the last, if left out")
    header: bool | None = knob(None, "whether the first row of a table names the columns; guessed if left out")
    group: str = knob("", "column whose equal values stay in the same split")
    time: str = knob("", "column by which the latest rows are held out")
    allow_refused: float = knob(0.05, "share of rows or files that may be refused", low=0, high=1)


class TextReader:
    """Texts in files by folder, or in a column of a table."""

    def __init__(self, path: Path, config: Config) -> None:
        self.path, self.config = path, config
        self.tables = {} if is_archive(path) else text_tables.parts_of(path)

    @staticmethod
    def suits(path: Path) -> bool:
        try:
            if not is_archive(path) and (tables := text_tables.parts_of(path)):
                return text_tables.looks_like_texts(next(iter(tables.values())))
            if path.is_file() and not is_archive(path):
                return path.suffix.lower() in text_files.ENDINGS
            endings = [entry.ending for entry in files_of(path).listing.entries[:ENOUGH]]
        except (DataError, OSError, ValueError, AttributeError, pl.exceptions.PolarsError):
            return False
        return any(end in text_files.ENDINGS for end in endings) and not any(end in PICTURES or end in TABLES for end in endings)

    def data(self, seed: int) -> Data:
        found, target, column = self._of_tables() if self.tables else self._of_files()
        data = texts.data_of(self.path.name, found, target, self.config, seed, column)
        data.account.check(self.config.allow_refused, self.path.name)
        return replace(data, fingerprint=self._fingerprint(found))

    def rows(self, spec: Spec) -> TextSplit:
        found = self._known_table(spec) if self.tables else self._known_files(spec)
        for line in Account(len(found.texts), found.refused).check(self.config.allow_refused, self.path.name).lines():
            say(line)
        if not found.texts:
            raise DataError("texts with answers", f"none in `{self.path.name}`", "Use `lamina predict` where there are no answers.")
        return texts.rows_of(spec, found.texts, found.y, found.where)

    def inputs(self, spec: Spec) -> tuple[Sequence[str], torch.Tensor]:
        assert isinstance(spec.input, Text), "texts are read for models of texts"
        if self.tables:
            table = self._one_table()
            column = self._text_column(table, spec.input)
            cells = [cell or "" for cell in table.frame[column].to_list()]
            split = texts.rows_of(spec, cells, torch.zeros(len(cells)), table.where)
        else:
            read = self._files()
            split = texts.rows_of(spec, read.texts, torch.zeros(len(read.texts)), read.names)
            for line in Account(len(read.texts), read.refused).check(self.config.allow_refused, self.path.name).lines():
                say(line)
        return split.where, split.batch(torch.arange(len(split)))["x"]

    # -- tables ---------------------------------------------------------------------------------------

    def _of_tables(self) -> tuple[Labelled, Target, str]:
        c, table = self.config, text_tables.read(self.tables, self.config.header)
        column, target, how = text_tables.columns_of(table.frame, c.text, c.target)
        for part in ("valid", "test"):
            mine = table.part == part
            if mine.any() and not table.frame[target].is_not_null().to_numpy()[mine].any():
                said = f"the {part} file has no answers: not used; `lamina predict RUN` it"
                table = replace(table.only(~mine), notes=(*table.notes, said))
        answers = asking.answers(target, table.frame[target], "auto", 3)
        moments = torch.from_numpy(text_tables.moments(table.frame, c.time)) if c.time else None
        groups = text_tables.cells_of(table.frame, c.group) if c.group else None
        written = table.frame[column].is_not_null().to_numpy()
        dated = np.ones(len(written), bool) if moments is None else ~moments.isnan().numpy()
        refused = (*table.refused, *_refused(table, ~answers.known, answers.reason), *_refused(table, answers.known & ~written, "no text"),
                   *_refused(table, answers.known & written & ~dated, f"no moment in `{c.time}`"))  # fmt: skip
        keep = np.flatnonzero(answers.known & written & dated)
        left = [name for name in table.frame.columns if name not in (column, target, c.group, c.time)]
        meaning = (*table.notes, f"`{column}`: the texts; another: `text=COLUMN`", f"{answers.line}, {how}; another: `--target COLUMN`",
                   *(f"`{name}`: left out, as only the texts are read" for name in left))  # fmt: skip
        found = Labelled(
            table.frame[column].gather(keep).to_list(), answers.y[torch.from_numpy(keep)], [table.where[i] for i in keep.tolist()],
            table.part[keep], None if groups is None else [groups[i] for i in keep.tolist()],
            None if moments is None else moments[torch.from_numpy(keep)], refused, meaning,
        )  # fmt: skip
        return found, answers.target, column

    def _known_table(self, spec: Spec) -> Labelled:
        assert isinstance(spec.input, Text), "texts are read for models of texts"
        table = self._one_table()
        column = self._text_column(table, spec.input)
        target = text_tables.answers_in(table.frame.drop(column), self.config.target)
        if not target:
            others = table.frame.drop(column).columns
            target = others[-1] if len(others) == 1 else ""
        if not target:
            raise DataError("the answers, in a column named as in training", f"`{self.path.name}` without it",
                            "Name it: `--target COLUMN`.")
        y, known = asking.known_answers(spec.target, target, table.frame[target])
        known = known & table.frame[column].is_not_null().to_numpy()
        keep = np.flatnonzero(known)
        return Labelled(table.frame[column].gather(keep).to_list(), y[torch.from_numpy(keep)], [table.where[i] for i in keep.tolist()],
                        refused=(*table.refused, *_refused(table, ~known, "no text or no answer")))

    def _one_table(self) -> TextTable:
        if len(self.tables) != 1:
            raise DataError("one table", f"the folder `{self.path}`", "Name the file.")
        table = text_tables.read(self.tables, self.config.header)
        for note in table.notes:
            say(f"{self.path.name}: {note}")
        return table

    def _text_column(self, table: TextTable, known: Text) -> str:
        """The column of the same name as in training, else the only one there is."""
        wanted = self.config.text or known.column
        if wanted in table.frame.columns:
            return wanted
        if len(table.frame.columns) == 1:
            return table.frame.columns[0]
        raise DataError(f"the column `{wanted}`, which held the texts in training", f"`{self.path.name}` without it", "Name it so.")

    # -- files ----------------------------------------------------------------------------------------

    def _of_files(self) -> tuple[Labelled, Target, str]:
        read = self._files()
        found = places(read.names)
        names = tuple(sorted({place.label for place in found if place.label and place.part}))
        if len(names) < 2:
            first = [f" ({len(read.refused):,} files refused, such as `{one.where}`: {one.reason})" for one in read.refused[:1]]
            raise DataError("texts of at least two classes, one folder each, or a table with a column of labels",
                            "".join([f"{len(names)} in `{self.path}`", *first]), "Put the texts of each class into a folder of its own.")
        keep = [i for i, place in enumerate(found) if place.label and place.part]
        y = torch.tensor([names.index(found[i].label) for i in keep])
        strange = tuple(Refusal(read.names[i], "in no folder of a class", "Move it into one, or away.")
                        for i, place in enumerate(found) if not (place.label and place.part))
        many = ", ".join(f"`{name}` {int((y == i).sum()):,}" for i, name in enumerate(names[:12]))
        meaning = (f"a class is a folder, a text is a file: {many}{' and more' if len(names) > 12 else ''}", *read.lines())
        labelled = Labelled([read.texts[i] for i in keep], y, [read.names[i] for i in keep], np.array([found[i].part for i in keep]),
                            refused=(*read.refused, *strange), meaning=meaning)
        return labelled, Classes(names=names), ""

    def _known_files(self, spec: Spec) -> Labelled:
        assert isinstance(spec.target, Classes), "texts of folders are classes"
        read = self._files()
        labels = [label_among(name, spec.target.names) for name in read.names]
        keep = [i for i, label in enumerate(labels) if label]
        strange = tuple(Refusal(read.names[i], "in no folder of a known class", "Name its folder as the class.")
                        for i, label in enumerate(labels) if not label)
        y = torch.tensor([spec.target.names.index(labels[i]) for i in keep], dtype=torch.int64)
        return Labelled([read.texts[i] for i in keep], y, [read.names[i] for i in keep], refused=(*read.refused, *strange))

    def _files(self) -> text_files.Read:
        if self.path.is_file() and not is_archive(self.path):
            return _lone(self.path)
        files = files_of(self.path)
        wanted = [entry for entry in files.listing.entries if text_files.is_text(entry)]
        if not wanted:
            raise DataError("texts", f"none in `{self.path}`", f"Endings that are read: {', '.join(text_files.ENDINGS)}.")
        read = text_files.read(files, wanted)
        other = [Refusal(e.name, f"a file that ends in `{e.ending}`", "Move it away, or save it as plain text.")
                 for e in files.listing.entries if not text_files.is_text(e)]
        return replace(read, refused=(*read.refused, *files.listing.refused, *other))

    def _fingerprint(self, found: Labelled) -> str:
        """A sum over every text, its place and its answer."""
        total = hashlib.sha256(found.y.numpy().tobytes())
        for text, where in zip(found.texts, found.where, strict=True):
            total.update(f"{where}\0{text}\0".encode(errors="replace"))
        return total.hexdigest()


def _refused(table: TextTable, which: np.ndarray, reason: str) -> list[Refusal]:
    return [Refusal(table.where[i], reason, "Fill it in or delete the row.") for i in np.flatnonzero(which).tolist()]


def _lone(path: Path) -> text_files.Read:
    """One file, which is one text."""
    entry = Entry(path.name, path.stat().st_size, 0)
    if entry.size > text_files.MOST_BYTES:
        raise DataError(f"a text of at most {text_files.MOST_BYTES >> 20} MB", f"`{path}`", "Part it into texts.")
    try:
        return text_files.Read([text_files.decoded(path.read_bytes())[0]], [str(path)], {}, ())
    except ValueError as error:
        raise DataError("a file of plain text", f"`{path}`: {error}", "Save it as plain text in UTF-8.") from error
