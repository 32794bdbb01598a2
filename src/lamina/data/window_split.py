"""Windows of series in memory: what was measured, and the numbers that followed; a batch is one gather."""

from collections.abc import Sequence

import torch

from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.spec import Series


class WindowSplit:
    """Window i is `values[starts[i] : starts[i] + past]` of all series one after another, (T, D) float32, and the `ahead` numbers of the
    asked column that follow it; `where` is what a person calls the moment of the first of these."""

    def __init__(self, values: torch.Tensor, starts: torch.Tensor, spec: Series, ahead: int, where: Sequence[str] = ()) -> None:
        self.values, self.starts, self.spec, self.ahead, self.where = values, starts, spec, ahead, tuple(where)

    def __len__(self) -> int:
        return len(self.starts)

    def batch(self, indices: torch.Tensor) -> Batch:
        """x (B, L, D) and y (B, K) float32."""
        first = self.starts[indices][:, None]
        x = self.values[first + torch.arange(self.spec.past)]
        y = self.values[first + self.spec.past + torch.arange(self.ahead), self.spec.place]
        return Batch(x=x, y=y)

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        """A fresh shuffle of the windows."""
        return torch.randperm(len(self), generator=rng.generator(seed, epoch, "order"))
