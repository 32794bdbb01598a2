"""A long text as tokens, in memory or in a file mapped into it: rows are stretches of it, beside what follows each token."""

import numpy as np
import torch

from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.spec import FILL, Context, Text, Tokens

STRETCH = 256  # tokens of a row


class CorpusSplit:
    """Stretches of `ids` (N,), an array or a map of one; row i begins at token i * STRETCH. `spec` says what the tokens are,
    `target` how often each word stands in the text, where words are learned."""

    def __init__(self, ids: np.ndarray, spec: Tokens | Text, target: Context | None = None) -> None:
        self.ids, self.spec, self.target = ids, spec, target
        self.y = torch.zeros(max(1, -(-(len(ids) - 1) // STRETCH)), dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.y)

    def batch(self, indices: torch.Tensor) -> Batch:
        """x (B, L) and the token after each, y (B, L) int32; the last row is filled up."""
        return self.stretches(indices.numpy() * STRETCH, STRETCH)

    def stretches(self, starts: np.ndarray, length: int) -> Batch:
        """The stretches of `length` tokens from `starts` (B,) on, and what follows each token; what lies outside is filled up."""
        places = starts[:, None] + np.arange(length + 1)  # (B, L + 1)
        inside = (places >= 0) & (places < len(self.ids))
        found = np.where(inside, self.ids[np.clip(places, 0, len(self.ids) - 1)].astype(np.int32), FILL)
        rows = torch.from_numpy(found)
        return Batch(x=rows[:, :-1], y=rows[:, 1:])

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        """A fresh shuffle of the rows."""
        return torch.randperm(len(self), generator=rng.generator(seed, epoch, "order"))
