"""The order in which a split is gone through: mini-batches, each epoch in a fresh order that is a function of (seed, epoch)."""

import math

import torch
from torch import nn

from lamina.core.batch import Batch
from lamina.core.data import Split
from lamina.core.method import Pace
from lamina.core.spec import Image
from lamina.nn.tiles import Tiles

MOST_VALIDATIONS = 40


class Epochs:
    """Mini-batches of at most `batch` rows; what is left of an epoch waits for the next shuffle. In an epoch every row is shown
    `times`, as it is one of many windows of a picture."""

    def __init__(self, split: Split, batch: int, times: int = 1) -> None:
        self.split, self.times = split, times
        self.batch = min(batch, len(split) * times)
        self.per_epoch = len(split) * times // self.batch
        self._order: tuple[int, torch.Tensor] = (-1, torch.empty(0))  # of the epoch that was drawn last

    def rows(self, seed: int, step: int) -> Batch:
        """The batch of one step, 1 the first."""
        epoch, place = divmod(step - 1, self.per_epoch)
        if self._order[0] != epoch:
            orders = [self.split.order(seed, epoch * self.times + n) for n in range(self.times)]
            self._order = epoch, torch.cat(orders)
        return self.split.batch(self._order[1][place * self.batch : (place + 1) * self.batch])

    def pace(self, epochs: float) -> Pace:
        """So many epochs, validated after whole ones."""
        between = max(1, math.ceil(epochs / MOST_VALIDATIONS))
        return Pace(max(1, round(epochs * self.per_epoch)), between * self.per_epoch)

    def counters(self, step: int) -> dict[str, float]:
        """Epochs and examples."""
        return {"epoch": step / self.per_epoch, "samples": step * self.batch}

    def forget(self) -> None:
        """Draw the order anew: another seed may follow."""
        self._order = (-1, torch.empty(0))


def of_windows(model: nn.Module, picture: Image, split: Split, batch: int) -> tuple[int, Epochs]:
    """The side of the windows by which a network with tiles learns pictures, 0 for whole ones; and epochs that hold as many of each
    picture as it has tiles."""
    tiles, size = getattr(model, "tiles", Tiles()), (picture.height, picture.width)
    return (tiles.side if tiles.needed(size) else 0), Epochs(split, batch, tiles.count(size))
