"""Pictures with captions in memory: a row is a caption, and several rows may share a picture."""

from collections.abc import Sequence

import torch

from lamina.core.batch import Batch
from lamina.data.pair_split import Lines, by_length, ended


class CaptionSplit:
    """`pictures` (N, C, H, W) uint8, of which caption i says what is in `rows[i]`; `where` is what a person calls each caption's photo."""

    def __init__(self, pictures: torch.Tensor, rows: torch.Tensor, said: Lines, where: Sequence[str]) -> None:
        self.pictures, self.rows, self.said, self.where = pictures, rows, said, tuple(where)
        self.y = torch.zeros(len(rows), dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, indices: torch.Tensor) -> Batch:
        """x (B, C, H, W) uint8 and y (B, T) int32, y with its end."""
        return Batch(x=self.pictures[self.rows[indices]], y=ended(self.said.rows(indices), self.said.lengths[indices]))

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        """A fresh shuffle in which captions of about the same length are neighbours."""
        return by_length(self.said.lengths, seed, epoch)

    def part(self, indices: torch.Tensor) -> "CaptionSplit":
        """The split that holds only the captions at `indices`."""
        return CaptionSplit(self.pictures, self.rows[indices], self.said.part(indices), [self.where[i] for i in indices.tolist()])

    def photos(self) -> tuple[torch.Tensor, list[tuple[str, ...]]]:
        """The rows (M,) of `pictures` that have captions, each once, and all captions of each."""
        found: dict[int, list[str]] = {}
        for row, text in zip(self.rows.tolist(), self.said.texts, strict=True):
            found.setdefault(row, []).append(text)
        return torch.tensor(list(found)), [tuple(texts) for texts in found.values()]

    def names(self) -> list[str]:
        """What a person calls each of `photos`."""
        return list(dict(zip(self.rows.tolist(), self.where, strict=True)).values())
