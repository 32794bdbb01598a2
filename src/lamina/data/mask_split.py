"""A split of pictures with masks, both of which may be files mapped into memory, of which no part makes a copy."""

from collections.abc import Sequence

import torch

from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.spec import IGNORED


def pixels(masks: torch.Tensor, classes: int) -> torch.Tensor:
    """How many pixels of masks (..., H, W) uint8 are of each class: (K,) int64. Those that are nobody's do not count."""
    return torch.bincount(masks.flatten().long(), minlength=IGNORED + 1)[:classes]


class MaskSplit:
    """Pictures and masks, of which `rows` (P, 2) are the split's: places in `x` (.., C, H, W) and in `masks` (.., H, W), both uint8.

    `y` (P,) int64 stands for a picture where rows are cut by class: the class in it that is in the fewest pictures.
    """

    def __init__(self, x: torch.Tensor, masks: torch.Tensor, rows: torch.Tensor, y: torch.Tensor, where: Sequence[str] = ()) -> None:
        self._x, self._masks, self._rows = x, masks, rows
        self.y, self.where = y, tuple(where)

    def __len__(self) -> int:
        return len(self._rows)

    def batch(self, indices: torch.Tensor) -> Batch:
        """The pictures at `indices` (B,) with their masks, `y` (B, H, W) uint8."""
        pictures, masks = self._rows[indices].unbind(1)
        return Batch(x=self._x.index_select(0, pictures), y=self._masks.index_select(0, masks))

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        """A fresh shuffle of all pictures for each epoch."""
        return torch.randperm(len(self), generator=rng.generator(seed, epoch, "order"))

    def part(self, indices: torch.Tensor) -> "MaskSplit":
        """The split that holds only the pictures at `indices`."""
        where = [self.where[i] for i in indices.tolist()] if self.where else ()
        return MaskSplit(self._x, self._masks, self._rows[indices], self.y[indices], where)
