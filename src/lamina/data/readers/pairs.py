"""Pairs of texts of a person's own: a table of two columns (CSV, TSV, JSON lines, Parquet, Excel), or two files whose lines belong
together (`train.de` and `train.en`, also packed), also in parts named train, valid (dev) and test."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import torch
from torch.nn.utils.rnn import pad_sequence

from lamina.core.config import knob
from lamina.core.data import Account, Data
from lamina.core.errors import DataError
from lamina.core.say import say
from lamina.core.spec import FILL, Spec
from lamina.data import pair_files, pairs, text_tables
from lamina.data.inputs import read_one
from lamina.data.pair_split import PairSplit
from lamina.data.pairs import Pairs


class Config(pairs.Config):
    """How pairs are read."""

    source: str = knob("", "column, or ending of the file, of what is heard; the first if left out")
    target: str = knob("", "column of what is said; the next one if left out")
    header: bool | None = knob(None, "whether the first row of a table names the columns; guessed if left out")
    allow_refused: float = knob(0.05, "share of pairs that may be refused", low=0, high=1)


class PairReader:
    """Pairs in two columns or two files."""

    def __init__(self, path: Path, config: Config) -> None:
        self.path, self.config = path, config
        self.sides = pair_files.sides_of(path)
        self.tables = {} if self.sides or not path.exists() else text_tables.parts_of(path)

    @staticmethod
    def suits(path: Path) -> bool:
        try:
            if pair_files.sides_of(path):
                return True
            tables = text_tables.parts_of(path) if path.exists() else {}
            return bool(tables) and pair_files.looks_like_pairs(text_tables.head(next(iter(tables.values()))).frame)
        except (DataError, OSError, ValueError, AttributeError, pl.exceptions.PolarsError):
            return False

    def data(self, seed: int) -> Data:
        found = self._found()
        data = pairs.data_of(self.path.name, found, self.config, seed)
        data.account.check(self.config.allow_refused, self.path.name)
        return replace(data, fingerprint=_fingerprint(found))

    def rows(self, spec: Spec) -> PairSplit:
        found = self._found()
        split = pairs.rows_of(spec, found)
        for line in Account(len(split), found.refused).check(self.config.allow_refused, self.path.name).lines():
            say(line)
        if not len(split):
            raise DataError("pairs of texts", f"none in `{self.path.name}`", "Use `lamina predict` where there are no answers.")
        return split

    def inputs(self, spec: Spec) -> tuple[Sequence[str], torch.Tensor]:
        """The texts of the first column, or the lines of a file."""
        if self.tables:
            texts = [text for text in self._found().heard if text.strip()]
        else:
            texts = [line for line in pair_files.lines_of(self.path) if line.strip()]
        return texts, pad_sequence([read_one(spec.input, text) for text in texts], batch_first=True, padding_value=FILL)

    def _found(self) -> Pairs:
        if self.sides:
            return pair_files.of_files(self.sides, self.config.source)
        if not self.tables:
            raise DataError("a table of two columns of texts, or two files whose lines belong together", f"`{self.path}`",
                            "Give a TSV, or a folder with `train.de` and `train.en`.")
        return pair_files.of_tables(self.tables, self.config.source, self.config.target, self.config.header)


def _fingerprint(found: Pairs) -> str:
    """A sum over every pair and its place."""
    total = hashlib.sha256()
    for row in zip(found.heard, found.said, found.where, strict=True):
        total.update("\0".join(row).encode(errors="replace"))
    return total.hexdigest()
