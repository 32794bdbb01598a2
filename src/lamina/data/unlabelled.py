"""Pictures without answers, for methods that learn from them all the same."""

from collections.abc import Sequence

import torch

from lamina.core import rng
from lamina.core.batch import Batch


class Unlabelled:
    """Pictures `x` (M, C, H, W) uint8, such as a file mapped into memory, of which `rows` (N,) are meant; `where`: their files."""

    def __init__(self, x: torch.Tensor, rows: torch.Tensor, where: Sequence[str] = ()) -> None:
        self._x, self._rows, self.where = x, rows, tuple(where)

    def __len__(self) -> int:
        return len(self._rows)

    def batch(self, indices: torch.Tensor) -> Batch:
        """The pictures at `indices` (B,), as `x` alone."""
        return Batch(x=self._x.index_select(0, self._rows.index_select(0, indices)))

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        """A fresh shuffle for each epoch."""
        return torch.randperm(len(self), generator=rng.generator(seed, epoch, "order of the unlabelled"))
