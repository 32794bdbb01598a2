"""A bag of words and of pairs of neighbours, each with a learned vector; their mean goes to a linear head.

fastText's classifier (Joulin, Grave, Bojanowski & Mikolov 2016). Where we depart from it: a word that stands several times
in a text counts once, and for classes the first vectors are those of naive Bayes, the log of how likely a word or pair is
in each class (the ratio of Wang & Manning 2012, for any number of classes), so that training starts where counting ends; the sum
is divided by the root of the number of features, so that long texts are surer than short ones; and while training a share
of the features is left out at random, which holds back rare ones more than frequent ones (Wager, Wang & Liang 2013).

B texts, L words of the longest, F features in all, D size of a vector:
x         (B, L)  int32  words; 0 fills up
features  (F,)    int64  rows of the table: words first, then `buckets` for pairs of neighbours by their hash
"""

from collections.abc import Iterable

import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Spec, Text

FIRST_WORD = 2  # 0 fills up, 1 is an unknown word, which has a vector too
FIRST_DEVIATION = 0.01  # of vectors that nothing is known of
MIXERS = 0x9E3779B1, 0x85EBCA77  # odd numbers, whose multiples spread over all bits


class Config(knobs.Config):
    """Sizes of the bag."""

    size: int = knob(8, "numbers in the vector of a word or pair; at least one a class is taken", low=1, search="log")
    buckets: int = knob(1 << 18, "places for pairs of neighbouring words; 0 takes words alone", low=0, high=1 << 26)
    skip: float = knob(0.5, "share of words and pairs that are left out while training", low=0, high=0.95, search="linear")
    bayes: bool = knob(True, "begin with the vectors of naive Bayes")


class Bag(nn.Module):
    """Vectors of words and pairs, summed, and a linear head: (B, L) int32 -> (B, K)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Text):
            raise UsageError("texts for the model `bag`", f"`{spec.input.kind}` as input", "Choose another model: `lamina list models`.")
        self.words, self.config = len(spec.input.words) + FIRST_WORD, config
        size = max(config.size, spec.target.size)
        self.table = nn.EmbeddingBag(self.words + config.buckets, size, mode="sum")
        self.head = nn.Linear(size, spec.target.size)
        nn.init.normal_(self.table.weight, std=FIRST_DEVIATION)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, features = once(*self.features(x))
        if self.training and self.config.skip:
            kept = torch.rand(len(rows), device=x.device) >= self.config.skip
            rows, features = rows[kept], features[kept]
        counts = torch.bincount(rows, minlength=len(x))  # (B,)
        sums = self.table(features, counts.cumsum(0) - counts)  # (B, D)
        logits: torch.Tensor = self.head(sums / counts.clamp(min=1).sqrt()[:, None])
        return logits

    def features(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(row, place in the table) of every word and every pair of neighbours."""
        rows, places = torch.nonzero(x, as_tuple=True)
        words = x[rows, places].long()
        if not self.config.buckets:
            return rows, words
        first, second = x[:, :-1], x[:, 1:]
        pair_rows, places = torch.nonzero((first > 0) & (second > 0), as_tuple=True)
        mixed = first[pair_rows, places].long() * MIXERS[0] ^ second[pair_rows, places].long() * MIXERS[1]
        pairs = self.words + (mixed ^ mixed >> 15) % self.config.buckets
        return torch.cat([rows, pair_rows]), torch.cat([words, pairs])

    @torch.no_grad()
    def count(self, rows: Iterable[Batch]) -> None:
        """Begin as naive Bayes: each feature's log likelihoods in the training rows (F, K), less their mean, are its first vector."""
        classes = self.head.out_features
        held = torch.ones(len(self.table.weight), classes)  # texts of each class that hold it, and one more
        for batch in rows:
            if not self.config.bayes or batch["y"].dtype != torch.int64:
                return
            of, features = once(*self.features(batch["x"]))
            held.index_put_((features, batch["y"][of]), torch.ones(len(of)), accumulate=True)
        logs = (held / held.sum(0)).log()
        self.table.weight[:, :classes] = logs - logs.mean(1, keepdim=True)
        self.head.weight.zero_().fill_diagonal_(1.0)
        self.head.weight[:, classes:].normal_(std=FIRST_DEVIATION)


def once(rows: torch.Tensor, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each feature once a row, row after row."""
    width = int(features.max()) + 1 if len(features) else 1
    found = torch.unique(rows * width + features)
    return found // width, found % width
