"""Texts in memory: the words of all of them in one row of numbers, so that a batch is one gather."""

from collections.abc import Sequence

import numpy as np
import torch

from lamina.core.batch import Batch
from lamina.data.pair_split import by_length
from lamina.data.words import padded


class TextSplit:
    """Texts as ids of words: text i is `ids[starts[i] : ends[i]]`; `y` (N,) or (N, K); `texts` and `where` for people."""

    def __init__(self, ids: torch.Tensor, bounds: tuple[torch.Tensor, torch.Tensor], y: torch.Tensor,
                 texts: Sequence[str] = (), where: Sequence[str] = ()) -> None:
        self.ids, self.y = ids, y
        self.starts, self.ends = bounds
        self.texts, self.where = tuple(texts), tuple(where)

    def __len__(self) -> int:
        return len(self.starts)

    def batch(self, indices: torch.Tensor) -> Batch:
        """The rows at `indices`, filled up to the longest of them."""
        return Batch(x=padded(self.ids, self.starts[indices], self.ends[indices]), y=self.y[indices])

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        """A fresh shuffle in which texts of about the same length are neighbours, so that batches are filled up little."""
        return by_length(self.ends - self.starts, seed, epoch)

    def part(self, indices: torch.Tensor) -> "TextSplit":
        """The split that holds only the rows at `indices`."""
        chosen = indices.tolist()
        texts, where = ([one[i] for i in chosen] if one else () for one in (self.texts, self.where))
        return TextSplit(self.ids, (self.starts[indices], self.ends[indices]), self.y[indices], texts, where)

    def words(self) -> np.ndarray:
        """The ids of these rows alone, one text after another."""
        x = [self.ids[a:b] for a, b in zip(self.starts.tolist(), self.ends.tolist(), strict=True)]
        return torch.cat(x).numpy() if x else np.zeros(0, np.int32)

    def renamed(self, table: torch.Tensor) -> "TextSplit":
        """The same texts, id i now `table[i]`."""
        return TextSplit(table[self.ids.long()], (self.starts, self.ends), self.y, self.texts, self.where)
