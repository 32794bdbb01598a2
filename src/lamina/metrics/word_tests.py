"""How well vectors know words: analogies (Mikolov et al. 2013), and similarities that people gave (WordSim-353, Finkelstein et al.
2002; SimLex-999, Hill, Reichart & Korhonen 2015).

An analogy a : b = c : d counts as right where d is the word nearest to b - a + c, all three left out; one with an unknown word is not
asked, as gensim and word2vec.c have it. Similarities are judged by Spearman's rank correlation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from lamina.metrics.intervals import wilson

AT_ONCE = 256  # analogies
DRAWS = 1000  # of pairs, for an interval
LEAST_PAIRS = 10


class Test(Protocol):
    """Questions: `analogies` of four words, or `pairs` of two words and how alike they are."""

    @property
    def name(self) -> str: ...

    @property
    def analogies(self) -> Sequence[tuple[str, ...]]: ...

    @property
    def pairs(self) -> Sequence[tuple[str, str, float]]: ...


@dataclass(frozen=True)
class Answered:
    """What vectors know of a test: `value` and its interval, how many questions were asked of how many, and what each answer scored."""

    figure: str
    value: float
    interval: tuple[float, float]
    asked: int
    of: int
    each: np.ndarray


def answered(test: Test, words: Sequence[str], vectors: torch.Tensor) -> Answered:
    """vectors: (V, D) of `words`, the most frequent first."""
    places = {word: i for i, word in reversed(list(enumerate(words)))}
    unit = torch.nn.functional.normalize(vectors.float(), dim=1)
    if test.analogies:
        return _analogies(test, places, unit)
    kept = [(places[a], places[b], said) for a, b, said in test.pairs if a in places and b in places]
    if len(kept) < LEAST_PAIRS:
        return Answered(f"{test.name} (rho)", float("nan"), (-1.0, 1.0), len(kept), len(test.pairs), np.zeros(0))
    a, b, said = (np.array(column) for column in zip(*kept, strict=True))
    found = (unit[a.astype(int)] * unit[b.astype(int)]).sum(1).numpy()
    value, low, high = spearman(found, said)
    return Answered(f"{test.name} (rho)", value, (low, high), len(kept), len(test.pairs), found)


def _analogies(test: Test, places: dict[str, int], unit: torch.Tensor) -> Answered:
    known = torch.tensor([[places[word] for word in one] for one in test.analogies if all(word in places for word in one)])
    if not len(known):
        return Answered(test.name, float("nan"), (0.0, 1.0), 0, len(test.analogies), np.zeros(0))
    right = []
    for part in known.split(AT_ONCE):
        a, b, c, d = part.T
        near = torch.nn.functional.normalize(unit[b] - unit[a] + unit[c], dim=1) @ unit.T
        near.scatter_(1, part[:, :3], -torch.inf)
        right.append(near.argmax(1) == d)
    each = torch.cat(right).numpy()
    return Answered(test.name, float(each.mean()), wilson(int(each.sum()), len(each)), len(each), len(test.analogies), each.astype(float))


def spearman(found: np.ndarray, said: np.ndarray) -> tuple[float, float, float]:
    """Rank correlation of (N,) and (N,), with the interval of a bootstrap over pairs."""
    from scipy.stats import spearmanr

    random = np.random.default_rng(0)
    draws = [random.integers(0, len(found), len(found)) for _ in range(DRAWS)]
    spread = np.nan_to_num([spearmanr(found[rows], said[rows])[0] for rows in draws])
    low, high = np.quantile(spread, [0.025, 0.975])
    return float(spearmanr(found, said)[0]), float(low), float(high)
