"""What counting would say of a text: how often each token is, and how often each follows another.

The bigram model mixes the two with weights chosen on the validation split (Jelinek & Mercer 1980); every token is possible.
"""

from collections.abc import Callable

import numpy as np

from lamina.core.data import Data
from lamina.core.task import Evaluation
from lamina.data.corpus_split import CorpusSplit

WEIGHTS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)  # of the bigram against the single token
MOST_TOKENS = 20_000_000  # that are counted
Judge = Callable[[np.ndarray], Evaluation]  # (log-probability of each token of the test but its first) -> figures


def of_text(data: Data, judge: Judge) -> dict[str, Evaluation]:
    """Figures on the test split of `single tokens` and `bigrams`."""
    parts = [part.ids for part in (data.train, data.valid, data.test) if isinstance(part, CorpusSplit)]
    train, valid, test = (np.asarray(ids[:MOST_TOKENS], np.int64) for ids in parts)
    size = data.spec.target.size
    single = (np.bincount(train, minlength=size) + 1) / (len(train) + size)
    pairs = _Pairs(train, size)
    mix = max(WEIGHTS, key=lambda w: float(np.log(pairs.mixed(valid, single, w)).mean()))
    return {"single tokens": judge(np.log(single[test[1:]])), "bigrams": judge(np.log(pairs.mixed(test, single, mix)))}


class _Pairs:
    """How often each token follows another."""

    def __init__(self, ids: np.ndarray, size: int) -> None:
        self.size = size
        self.pairs, self.counts = np.unique(ids[:-1] * size + ids[1:], return_counts=True)
        self.firsts = np.bincount(ids[:-1], minlength=size)

    def mixed(self, ids: np.ndarray, single: np.ndarray, weight: float) -> np.ndarray:
        """The probability of each token but the first."""
        wanted = ids[:-1] * self.size + ids[1:]
        places = np.minimum(np.searchsorted(self.pairs, wanted), len(self.pairs) - 1)
        together = np.where(self.pairs[places] == wanted, self.counts[places], 0)
        found: np.ndarray = weight * together / np.maximum(self.firsts[ids[:-1]], 1) + (1 - weight) * single[ids[1:]]
        return found
