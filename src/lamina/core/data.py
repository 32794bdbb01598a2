"""Data as the rest of Lamina sees it: three splits, a spec, a data sheet, and an account of every row."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch

from lamina.core.batch import Batch
from lamina.core.spec import Spec


@runtime_checkable
class Split(Protocol):
    """Rows that can be fetched a whole batch at a time."""

    def __len__(self) -> int: ...

    def batch(self, indices: torch.Tensor) -> Batch:
        """The rows at `indices` (B,) int64."""
        ...

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        """The order of the rows in one epoch, (N,) int64; a function of (seed, epoch) alone."""
        ...


@dataclass(frozen=True)
class Refusal:
    """A row, file or box that is not used, and why."""

    where: str
    reason: str
    repair: str = ""


@dataclass(frozen=True)
class Account:
    """Every row: used, or refused with its reason."""

    used: int = 0
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class Data:
    """A data set, ready to learn from.

    sheet: what it is, in the words of its data sheet; origin: `name`, `knobs` and `seed` by which Lamina can load
    it again, where it can.
    """

    name: str
    spec: Spec
    train: Split
    valid: Split
    test: Split
    sheet: str = ""
    account: Account = field(default_factory=Account)
    origin: Mapping[str, Any] | None = None


def batches(split: Split, size: int = 1000) -> Iterator[Batch]:
    """All rows of a split in their stored order."""
    for start in range(0, len(split), size):
        yield split.batch(torch.arange(start, min(start + size, len(split))))
