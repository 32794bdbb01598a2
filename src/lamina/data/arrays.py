"""Data in memory: whole tensors, so that a batch is one gather."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch

from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.data import Account, Data, Split
from lamina.core.errors import DataError
from lamina.core.spec import Classes, Image, Labels, Numbers, Spec, Vector
from lamina.data.manner import manner_of
from lamina.data.split import grouped_parts, last_part, stratified_parts

PARTS = ("train", "valid", "test")
TEST_SHARE, VALID_SHARE, MOST_VALID = 0.2, 0.15, 5000


class Divisible(Split, Protocol):
    """A split that can be cut; `y` (N,) or (N, K)."""

    y: torch.Tensor

    def part(self, indices: torch.Tensor) -> "Divisible":
        """The split that holds only the rows at `indices`."""
        ...


class ArraySplit:
    """Rows of whole tensors: `x` (N, ...), `y` (N,) or (N, K), `weight` (N,) if rows count differently.

    `where`: what a person calls each row, the name of its file or its line, where that is known. With `rows` (N,) the
    inputs are those places of a longer `x`, such as a file mapped into memory, of which no part then makes a copy.
    """

    def __init__(
        self, x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None = None, where: Sequence[str] = (),
        rows: torch.Tensor | None = None,
    ) -> None:  # fmt: skip
        self._x, self._rows = x, rows
        self.y, self.weight, self.where = y, weight, tuple(where)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def x(self) -> torch.Tensor:
        """All inputs, (N, ...)."""
        return self._x if self._rows is None else self._x.index_select(0, self._rows)

    def batch(self, indices: torch.Tensor) -> Batch:
        """The rows at `indices`, as one gather a tensor (index_select costs a third of indexing)."""
        places = indices if self._rows is None else self._rows.index_select(0, indices)
        batch = Batch(x=self._x.index_select(0, places), y=self.y.index_select(0, indices))
        if self.weight is not None:
            batch["weight"] = self.weight.index_select(0, indices)
        return batch

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        """A fresh shuffle of all rows for each epoch."""
        return torch.randperm(len(self), generator=rng.generator(seed, epoch, "order"))

    def part(self, indices: torch.Tensor) -> "ArraySplit":
        """The split that holds only the rows at `indices`."""
        weight = None if self.weight is None else self.weight[indices]
        where = [self.where[i] for i in indices.tolist()] if self.where else ()
        if self._rows is None:
            return ArraySplit(self._x[indices], self.y[indices], weight, where)
        return ArraySplit(self._x, self.y[indices], weight, where, self._rows[indices])


def from_arrays(
    name: str, x: Any, y: Any, names: Sequence[str] = (), weight: Any = None, sheet: str = ""
) -> tuple[Spec, ArraySplit, str]:
    """Arrays as (spec, rows, sheet): the target's kind is worked out from its type and shape.

    x: (N, D) numbers, or (N, H, W[, C]) uint8 pictures. y: (N,) words or whole numbers are classes, (N, L)
    of zeros and ones are labels, other numbers are numbers to predict. Raises DataError for NaN, for one
    class only, and for lengths that differ.
    """
    x, y = np.asarray(x), np.asarray(y)
    inputs, answers = (len(array) if array.ndim else 0 for array in (x, y))
    if inputs != answers or x.size == 0:
        raise DataError("as many inputs as targets, at least one", f"inputs of shape `{x.shape}` and targets of `{y.shape}`",
                        "Check how the arrays were made.")
    seen, tensor = _input(x, tuple(names))
    target, wanted = target_of(_plain(y))
    rows = None if weight is None else torch.as_tensor(np.asarray(weight, np.float32))
    return Spec(input=seen, target=target), ArraySplit(tensor, wanted, rows), sheet or f"`{name}`: {len(x)} rows"


@dataclass(frozen=True)
class Given:
    """What a user's folders or columns say of the split. `groups` (N,): rows of one group stay together; `moments` (N,): the
    latest rows are held out. Parts that are given are taken as they are; what is missing is cut from the rows."""

    valid: Divisible | None = None
    test: Divisible | None = None
    groups: torch.Tensor | None = None
    moments: torch.Tensor | None = None

    def part(self, indices: torch.Tensor) -> "Given":
        """What is said of the rows at `indices`."""
        groups, moments = (None if one is None else one[indices] for one in (self.groups, self.moments))
        return Given(self.valid, self.test, groups, moments)


def cut(name: str, spec: Spec, rows: Divisible, seed: int, given: Given = Given(), sheet: str = "") -> Data:
    """Rows as train, validation and test; without a test of its own a fifth is kept for it."""
    least = 1 + (given.test is None) + (given.valid is None)
    if len(rows) < least:
        raise DataError(f"at least {least} rows, so that some can be held out", f"`{len(rows)}` in `{name}`", "Add examples.")
    test, valid = given.test, given.valid
    if test is None:
        keep, held = _parts(rows.y, given, TEST_SHARE, seed, "test")
        rows, test, given = rows.part(keep), rows.part(held), given.part(keep)
    if valid is None:
        keep, held = _parts(rows.y, given, min(VALID_SHARE, MOST_VALID / len(rows)), seed, "valid")
        rows, valid = rows.part(keep), rows.part(held)
    account = Account(used=len(rows) + len(valid) + len(test))
    return Data(name, spec, rows, valid, test, sheet, account)


def cut_by_parts(name: str, spec: Spec, whole: Divisible, parts: np.ndarray, said: Given, seed: int) -> Data:
    """Parts as they are named, (N,) of `PARTS`; of train and one other, that one is the test and validation is cut from train.
    said: what is said of each row of `whole`."""
    places = {part: torch.from_numpy(np.flatnonzero(parts == part)) for part in PARTS}
    if not len(places["train"]):
        raise DataError(f"a part `train` in `{name}`", "none", "Name the file or folder of the training texts `train`.")
    held = {part: whole.part(places[part]) for part in ("valid", "test") if len(places[part])}
    test, valid = held.get("test", held.get("valid")), held.get("valid") if "test" in held else None
    mine = replace(said.part(places["train"]), valid=valid, test=test)
    return cut(name, spec, whole.part(places["train"]), seed, mine)


def _parts(y: torch.Tensor, given: Given, share: float, seed: int, stream: str) -> tuple[torch.Tensor, torch.Tensor]:
    if given.moments is not None:
        return last_part(given.moments, share)
    if given.groups is not None:
        if len(given.groups.unique()) < 2:
            raise DataError("rows that can be held out", f"`{len(y)}` rows that belong together: the same photos, texts or rows, or one "
                            "value of `--group`", "Add others, or leave `--group` out.")
        return grouped_parts(y, given.groups, share, seed, stream)
    return stratified_parts(y, share, seed, stream)


def _input(x: np.ndarray, names: tuple[str, ...]) -> tuple[Image | Vector, torch.Tensor]:
    if x.dtype == np.uint8 and x.ndim in (3, 4):
        pictures = torch.from_numpy(np.ascontiguousarray(x))
        pictures = pictures[:, None] if x.ndim == 3 else pictures.permute(0, 3, 1, 2).contiguous()
        return manner_of(pictures), pictures
    if x.dtype == object or x.dtype.kind not in "fiub":
        raise DataError("numbers or uint8 pictures as inputs", f"`{x.dtype}`", "Turn words into numbers first.")
    table = _float32(x)
    _refuse_gaps(table, names)
    return Vector(size=table.shape[1], names=names), torch.from_numpy(table)


def _refuse_gaps(table: np.ndarray, names: tuple[str, ...]) -> None:
    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        row, column = bad[0]
        place = names[column] if column < len(names) else f"column {column}"
        raise DataError("finite numbers in every cell", f"`{table[row, column]}` in row {row}, {place} ({len(bad)} such cells)",
                        "Drop those rows or fill them in, for example with sklearn.impute.SimpleImputer.")


def _float32(array: np.ndarray) -> np.ndarray:
    """(N, ...) as (N, D) float32; what is too large for it becomes infinite, and is refused as such."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array.reshape(len(array), -1), dtype=np.float32)


def _plain(y: np.ndarray) -> np.ndarray:
    """Targets held as Python objects, as data frames do, in the type that fits them; DataError for a gap."""
    if y.dtype != object:
        return y
    for row, value in enumerate(y.tolist()):
        if value is None or value != value:  # NaN differs from itself
            raise DataError("a target in every row", f"`{value}` in row {row}, the target", "Drop such rows or fill them in.")
    return np.asarray(y.tolist())


def target_of(y: np.ndarray) -> tuple[Classes | Labels | Numbers, torch.Tensor]:
    """The kind of target that values (N,) or (N, K) are, and the targets; DataError for a gap and for one class only."""
    numeric, several = y.dtype.kind in "fiub", y.size > len(y)
    if y.ndim > 2 or y.dtype.kind not in "fiubUS" or (several and not numeric):
        raise DataError("one word a row, or numbers, as targets", f"`{y.dtype}` {y.shape}", "Give one target a row.")
    if several and np.isin(y, (0, 1)).all():
        return Labels(names=tuple(f"label {i}" for i in range(y.shape[1]))), torch.as_tensor(y, dtype=torch.float32)
    if several or (y.dtype.kind == "f" and not (y.ndim == 1 and _whole(y))):
        table = _float32(y)
        _refuse_gaps(table, ("the target",) * table.shape[1])
        return Numbers(names=_number_names(table.shape[1])), torch.from_numpy(table)
    found, index = np.unique(y.reshape(-1), return_inverse=True)
    if len(found) < 2:
        raise DataError("at least two classes", f"one class, `{found[0]}`", "Add examples of another class.")
    return Classes(names=tuple(str(name) for name in found)), torch.as_tensor(index, dtype=torch.int64)


def _whole(y: np.ndarray) -> bool:
    """Few whole numbers are class numbers; many are measurements."""
    return bool(np.isfinite(y).all() and (y == np.round(y)).all() and len(np.unique(y)) <= 20)


def _number_names(count: int) -> tuple[str, ...]:
    return ("target",) if count == 1 else tuple(f"target {i}" for i in range(count))
