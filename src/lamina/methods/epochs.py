"""The order in which a split is gone through: mini-batches, each epoch in a fresh order that is a function of (seed, epoch)."""

import math

import torch

from lamina.core.batch import Batch
from lamina.core.data import Split
from lamina.core.method import Pace

MOST_VALIDATIONS = 40


class Epochs:
    """Mini-batches of at most `batch` rows; what is left of an epoch waits for the next shuffle."""

    def __init__(self, split: Split, batch: int) -> None:
        self.split, self.batch = split, min(batch, len(split))
        self.per_epoch = len(split) // self.batch
        self._order: tuple[int, torch.Tensor] = (-1, torch.empty(0))  # of the epoch that was drawn last

    def rows(self, seed: int, step: int) -> Batch:
        """The batch of one step, 1 the first."""
        epoch, place = divmod(step - 1, self.per_epoch)
        if self._order[0] != epoch:
            self._order = epoch, self.split.order(seed, epoch)
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
