"""A bag of words, pairs of neighbours and pieces of words, each with a learned number for every class; their weighed sum answers.

fastText's classifier with its subwords (Joulin, Grave, Bojanowski & Mikolov 2016; Bojanowski et al. 2017), of vectors as long as the
answer, so that it needs no matrix after them. Where we depart from it: what a feature weighs in a text is not learned but counted
in the training texts. It is 1 + log of how often it stands there, times the log of how few texts hold it, each text of length
one (Salton & Buckley 1988), times a power of how differently the classes use it, the log-count ratio r of Wang & Manning 2012, for any
number of classes. A feature that only one training text holds weighs nothing.

B texts, L words of the longest, F rows of the table, M features in all texts of a batch, K classes or numbers:
x         (B, L)  int32    words; 0 fills up
rows      (M,)    int64    the text of each feature
features  (M,)    int64    its row of the table: words first, then `buckets` for pairs and pieces by their hash
rarity    (F,)    float32  log of how few texts hold a feature
pull      (F,)    float32  |r| ** ratio, how differently the classes use it
"""

from collections.abc import Iterable
from zlib import crc32

import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import FIRST_WORD, Spec, Text

FEWEST = 2  # training texts that hold a feature which counts
LOUDNESS = 8.0  # length of a text, so that usual learning rates suit
MIXERS = 0x9E3779B1, 0x85EBCA77  # odd numbers, whose multiples spread over all bits


class Config(knobs.Config):
    """What is looked for in a text."""

    buckets: int = knob(1 << 18, "places for pairs of neighbouring words and pieces of words; 0 takes words alone", low=0, high=1 << 26)
    piece: int = knob(5, "letters of a piece of a word; 0 takes none", low=0, high=20)
    ratio: float = knob(0.5, "power of how differently the classes use a feature, in what it weighs; 0 ignores it", low=0, high=2)


class Bag(nn.Module):
    """The weighed sum of a row of the table for each feature of a text: (B, L) int32 -> (B, K)."""

    rarity: torch.Tensor
    pull: torch.Tensor
    pieces: torch.Tensor
    starts: torch.Tensor

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Text):
            raise UsageError("texts for the model `bag`", f"`{spec.input.kind}` as input", "Choose another model: `lamina list models`.")
        self.words, self.config = len(spec.input.words) + FIRST_WORD, config
        self.table = nn.EmbeddingBag(self.words + config.buckets, spec.target.size, mode="sum")
        self.bias = nn.Parameter(torch.zeros(spec.target.size))
        nn.init.zeros_(self.table.weight)
        self.register_buffer("rarity", torch.ones(len(self.table.weight)))
        self.register_buffer("pull", torch.ones(len(self.table.weight)))
        pieces, starts = pieces_of(spec.input.words, config.piece if config.buckets else 0)
        self.register_buffer("pieces", self._bucket(pieces), persistent=False)
        self.register_buffer("starts", starts, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, features, times = counted(*self.features(x))
        weights = (1 + times.float().log()) * self.rarity[features]
        lengths = torch.zeros(len(x), device=x.device).index_add(0, rows, weights.square()).sqrt()  # (B,)
        weights = LOUDNESS * weights / lengths.clamp(min=1e-6)[rows] * self.pull[features]
        held = torch.bincount(rows, minlength=len(x))
        sums: torch.Tensor = self.table(features, held.cumsum(0) - held, per_sample_weights=weights.to(self.table.weight.dtype))
        return sums + self.bias

    def features(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(text, row of the table) of every word, every pair of neighbours and every piece, as often as they stand there."""
        rows, places = torch.nonzero(x, as_tuple=True)
        words = x[rows, places].long()
        if not self.config.buckets:
            return rows, words
        pair = (rows[1:] == rows[:-1]).nonzero().flatten()
        pairs = self._bucket(words[pair] * MIXERS[0] ^ words[pair + 1] * MIXERS[1])
        many = self.starts[words + 1] - self.starts[words]  # pieces of each word
        ends = many.cumsum(0)
        places = torch.arange(int(many.sum()), device=x.device) - (ends - many - self.starts[words]).repeat_interleave(many)
        return torch.cat([rows, rows[pair], rows.repeat_interleave(many)]), torch.cat([words, pairs, self.pieces[places]])

    def _bucket(self, hashes: torch.Tensor) -> torch.Tensor:
        return self.words + (hashes ^ hashes >> 15) % max(1, self.config.buckets)

    @torch.no_grad()
    def count(self, rows: Iterable[Batch]) -> None:
        """Learn from the training texts, and for classes from their answers, what each feature weighs."""
        texts, held = 0, torch.zeros(len(self.rarity), self.table.embedding_dim)  # (F, K) texts of each class that hold it
        for batch in rows:
            texts += len(batch["y"])
            of, features, _ = counted(*self.features(batch["x"]))
            classes = batch["y"] if batch["y"].dtype == torch.int64 else torch.zeros(len(batch["y"]), dtype=torch.int64)
            held.index_put_((features, classes[of]), torch.ones(len(of)), accumulate=True)
        many = held.sum(1)
        self.rarity.copy_(torch.where(many >= FEWEST, 1 + ((1 + texts) / (1 + many)).log(), 0.0))
        if batch["y"].dtype == torch.int64:
            logs = ((held + 1) / (held + 1).sum(0)).log()
            self.pull.copy_((logs.amax(1) - logs.amin(1)) ** self.config.ratio)


def counted(rows: torch.Tensor, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(rows, features, times): each feature once a row, row after row, and how often it stands there."""
    width = int(features.max()) + 1 if len(features) else 1
    found, times = torch.unique(rows * width + features, return_counts=True)
    return found // width, found % width, times


def pieces_of(words: tuple[str, ...], letters: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(hashes, starts): the pieces of `letters` letters of each word between marks of its ends; word i has starts[i] to starts[i + 1]."""
    found: list[int] = []
    starts = [0] * (FIRST_WORD + 1)
    for word in words:
        marked = f"<{word}>"
        found += [crc32(marked[i : i + letters].encode()) for i in range(len(marked) - letters + 1 if letters else 0)]
        starts.append(len(found))
    return torch.tensor(found, dtype=torch.int64), torch.tensor(starts)
