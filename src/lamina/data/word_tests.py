"""Questions about words as a split, so that `evaluate RUN questions-words.txt` asks them."""

from collections.abc import Sequence

import torch

from lamina.core.batch import Batch
from lamina.metrics.word_tests import WordTest


class WordTestSplit:
    """The questions of one file, for the words that were learned."""

    def __init__(self, test: WordTest, words: Sequence[str]) -> None:
        self.test, self.words = test, words
        self.where = (test.name,)

    def __len__(self) -> int:
        return len(self.test.analogies) + len(self.test.pairs)

    def batch(self, indices: torch.Tensor) -> Batch:
        """The numbers of the questions: they are asked as a whole."""
        return Batch(x=indices)

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        return torch.arange(len(self))
