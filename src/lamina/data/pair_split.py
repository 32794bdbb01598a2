"""Pairs of texts in memory as tokens, of which the second is to be said where the first was read: a batch is two gathers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.spec import END, FILL, Tokens
from lamina.data.words import padded

BUCKET = 64  # pairs of similar length that stay together in an epoch
POOL = 64  # buckets whose pairs are sorted by length among themselves


@dataclass(frozen=True)
class Lines:
    """Texts as tokens, one after another: text i is `ids[starts[i] : ends[i]]`; `texts` as a person wrote them."""

    ids: torch.Tensor  # int32
    starts: torch.Tensor  # (N,) int64
    ends: torch.Tensor
    texts: tuple[str, ...]
    spec: Tokens

    @staticmethod
    def of(found: Sequence[np.ndarray], texts: Sequence[str], spec: Tokens) -> "Lines":
        """Of one array of tokens a text."""
        bounds = torch.tensor([0, *np.cumsum([len(one) for one in found], dtype=np.int64)], dtype=torch.int64)
        ids = np.concatenate([*found, np.zeros(0, np.int32)]).astype(np.int32)
        return Lines(torch.from_numpy(ids), bounds[:-1], bounds[1:], tuple(texts), spec)

    @property
    def lengths(self) -> torch.Tensor:
        """(N,) tokens of each text."""
        return self.ends - self.starts

    def rows(self, indices: torch.Tensor) -> torch.Tensor:
        """(B, L) int32, filled up to the longest."""
        return padded(self.ids, self.starts[indices], self.ends[indices])

    def part(self, indices: torch.Tensor) -> "Lines":
        """The texts at `indices` alone."""
        return Lines(self.ids, self.starts[indices], self.ends[indices], tuple(self.texts[i] for i in indices.tolist()), self.spec)


class PairSplit:
    """Pairs of `heard` and `said`; `y` (N,) numbers the pairs, so that a split can be cut; `where` is what a person calls each."""

    def __init__(self, heard: Lines, said: Lines, where: Sequence[str] = ()) -> None:
        self.heard, self.said, self.where = heard, said, tuple(where)
        self.y = torch.zeros(len(heard.starts), dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.y)

    def batch(self, indices: torch.Tensor) -> Batch:
        """x (B, S) and y (B, T) int32, y with its end."""
        return Batch(x=self.heard.rows(indices), y=ended(self.said.rows(indices), self.said.lengths[indices]))

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        """A fresh shuffle in which pairs of about the same lengths are neighbours, so that batches are filled up little."""
        return by_length(self.said.lengths * 1000 + self.heard.lengths, seed, epoch)

    def part(self, indices: torch.Tensor) -> "PairSplit":
        """The split that holds only the pairs at `indices`."""
        return PairSplit(self.heard.part(indices), self.said.part(indices), [self.where[i] for i in indices.tolist()] if self.where else ())


def ended(rows: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """(B, T) filled-up rows with `END` after each: (B, T + 1)."""
    wider = torch.cat([rows, rows.new_full((len(rows), 1), FILL)], 1)
    return wider.scatter_(1, lengths[:, None], END)


def by_length(lengths: torch.Tensor, seed: int, epoch: int) -> torch.Tensor:
    """(N,) a shuffle keyed by (seed, epoch) in which rows of about the same length (N,) stand in one bucket."""
    random = rng.generator(seed, epoch, "order")
    mixed = torch.randperm(len(lengths), generator=random)
    whole = len(mixed) // BUCKET * BUCKET  # the rest comes last, drawn before it is sorted: it may be left out of the epoch
    pools = [pool[lengths[pool].argsort(stable=True)] for pool in mixed[:whole].split(BUCKET * POOL)]
    if not whole:
        return mixed
    buckets = torch.cat(pools).view(-1, BUCKET)
    return torch.cat([buckets[torch.randperm(len(buckets), generator=random)].flatten(), mixed[whole:]])
