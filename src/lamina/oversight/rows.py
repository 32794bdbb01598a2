"""All rows of a data set under one numbering: those to train on, to validate, to test, one after another."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from lamina.core.batch import Batch
from lamina.core.data import Data, Split
from lamina.core.spec import Boxes, Classes, Mask
from lamina.oversight import scenes_shown

PARTS = ("train", "valid", "test")


class Rows:
    """The rows of a `Data`. `part` (N,) int: 0 train, 1 valid, 2 test; `y` (N, ...) answers, of boxes and masks one class that stands
    for the picture."""

    def __init__(self, data: Data) -> None:
        self.data, self.splits = data, (data.train, data.valid, data.test)
        self.sizes = [len(split) for split in self.splits]
        self.part = np.repeat(np.arange(3), self.sizes)
        self.y = np.concatenate([_answers(split) for split in self.splits])
        self._first = np.cumsum([0, *self.sizes])
        self._root = _folder([where for split in self.splits for where in getattr(split, "where", ())])

    def __len__(self) -> int:
        return len(self.part)

    def batches(self, size: int = 500) -> Iterator[torch.Tensor]:
        """The inputs of all rows in their order, `size` at a time at most."""
        for split in self.splits:
            for start in range(0, len(split), size):
                yield split.batch(torch.arange(start, min(start + size, len(split))))["x"]

    def inputs(self) -> np.ndarray:
        """The inputs of all rows at once, (N, ...): for tables and texts, which are small."""
        return np.concatenate([x.numpy() for x in self.batches(10_000)])

    def one(self, row: int) -> Batch:
        """One row as a batch of its own."""
        part = int(self.part[row])
        return self.splits[part].batch(torch.tensor([row - int(self._first[part])]))

    def x(self, row: int) -> torch.Tensor:
        """The input of one row."""
        return self.one(row)["x"][0]

    def file(self, row: int) -> str:
        """What the reader calls the row in full: its file or its line; "" where it has no name."""
        part = int(self.part[row])
        where = getattr(self.splits[part], "where", ())
        return str(where[row - int(self._first[part])]) if where else ""

    def name(self, row: int) -> str:
        """What a person calls the row, without the folder that all share."""
        part = int(self.part[row])
        return self.file(row).removeprefix(self._root) or f"{PARTS[part]} row {row - int(self._first[part])}"

    def names(self, rows: Iterable[int], limit: int = 12) -> tuple[str, ...]:
        """The names of the first `limit` rows."""
        return tuple(self.name(int(row)) for row in list(rows)[:limit])

    def answer(self, row: int) -> str:
        """The answer of a row in words."""
        target, y = self.data.spec.target, self.y[row]
        if isinstance(target, Classes):
            return target.names[int(y)]
        if isinstance(target, Boxes | Mask):
            return scenes_shown.in_words(target, self.one(row))
        return ", ".join(f"{value:g}" for value in np.atleast_1d(y))


def _answers(split: Split) -> np.ndarray:
    y = getattr(split, "y", None)
    if not isinstance(y, torch.Tensor):
        y = torch.cat([split.batch(torch.arange(i, min(i + 1000, len(split))))["y"] for i in range(0, len(split), 1000)])
    found: np.ndarray = y.numpy()
    return found


def _folder(names: list[str]) -> str:
    """The folder, with its stroke, in which all the named files lie."""
    first, last = (min(names), max(names)) if names else ("", "")
    shared = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[: first.rfind("/", 0, shared) + 1]
