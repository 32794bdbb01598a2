"""Data as the rest of Lamina sees it: three splits, a spec, a data sheet, and an account of every row."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch

from lamina.core.batch import Batch
from lamina.core.errors import DataError
from lamina.core.spec import Spec

MOST_NUMBERS = 50_000_000  # of inputs in a batch that is gone through: three pictures of 2,400 x 2,400


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
    """Every row or file: used, or refused with its reason and the proposed repair."""

    used: int = 0
    refused: tuple[Refusal, ...] = ()

    def share(self) -> float:
        """The share that was refused."""
        return len(self.refused) / max(self.used + len(self.refused), 1)

    def reasons(self) -> dict[str, int]:
        """How many were refused for each reason, the most frequent first."""
        return dict(Counter(refusal.reason for refusal in self.refused).most_common())

    def lines(self) -> list[str]:
        """The refusals for a person: each reason, how often, and the first place."""
        firsts = {refusal.reason: refusal for refusal in reversed(self.refused)}
        return [f"refused {count}: {reason}, as in `{firsts[reason].where}`. {firsts[reason].repair}".strip()
                for reason, count in self.reasons().items()]

    def check(self, allowed: float, name: str) -> "Account":
        """Itself; DataError where more than the share `allowed` was refused."""
        if self.share() <= allowed:
            return self
        first, found = self.refused[0], "; ".join(f"{reason}: {count}" for reason, count in self.reasons().items())
        many = f"{len(self.refused)} of {self.used + len(self.refused)}"
        raise DataError(f"at most {allowed:.0%} of `{name}` refused", f"{many} ({found}); the first is `{first.where}`",
                        f"{first.repair} Or let them go: `--allow-refused {_above(self.share())}`.".strip())


def _above(share: float) -> float:
    """The next higher share of two digits, for the word that would let it pass."""
    return min(1.0, math.ceil(100 * share) / 100)


@dataclass(frozen=True)
class Twins:
    """Two rows, by what a person calls them, that are the same: byte by byte (`exact`), or nearly so."""

    first: str
    second: str
    exact: bool


@dataclass(frozen=True)
class Data:
    """A data set, ready to learn from.

    sheet: what it is, in the words of its data sheet; meaning: what the reader took each part to mean, a line each;
    origin: `name`, `knobs` and `seed` by which Lamina can load it again, where it can; fingerprint: differs where the
    files behind it do, "" for built-in data; twins: the rows that are the same, None where nobody looked for them; unlabelled: rows
    without answers, their batches of `x` alone, where there are any.
    """

    name: str
    spec: Spec
    train: Split
    valid: Split
    test: Split
    sheet: str = ""
    account: Account = field(default_factory=Account)
    origin: Mapping[str, Any] | None = None
    meaning: tuple[str, ...] = ()
    fingerprint: str = ""
    twins: tuple[Twins, ...] | None = None
    unlabelled: Split | None = None


def batches(split: Split, size: int = 1000) -> Iterator[Batch]:
    """All rows of a split in their stored order, `size` at once, or fewer where they are large."""
    if len(split):
        size = max(1, min(size, MOST_NUMBERS // max(1, split.batch(torch.arange(1))["x"].numel())))
    for start in range(0, len(split), size):
        yield split.batch(torch.arange(start, min(start + size, len(split))))
