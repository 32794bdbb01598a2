"""How well vectors know words: analogies (Mikolov et al. 2013), and similarities that people gave (WordSim-353, Finkelstein et al.
2002; SimLex-999, Hill, Reichart & Korhonen 2015). The files are read as they are published, by what is in them.

An analogy a : b = c : d counts as right where d is the word nearest to b - a + c, all three left out; one with an unknown word is not
asked, as gensim and word2vec.c have it. Similarities are judged by Spearman's rank correlation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lamina.core.errors import DataError
from lamina.metrics.intervals import wilson

AT_ONCE = 256  # analogies
DRAWS = 1000  # of pairs, for an interval
LEAST_PAIRS = 10
MOST_BYTES = 1 << 24


@dataclass(frozen=True)
class WordTest:
    """Questions of one file: `analogies` of four words, or `pairs` of two words and how alike they are."""

    name: str
    analogies: tuple[tuple[str, ...], ...] = ()
    pairs: tuple[tuple[str, str, float], ...] = ()


def is_test(path: Path) -> bool:
    """Whether a file holds such questions; never raises."""
    try:
        return path.is_file() and path.stat().st_size <= MOST_BYTES and bool(_read(path))
    except (OSError, ValueError, UnicodeDecodeError):
        return False


def read(path: Path) -> WordTest:
    """The questions of a file; DataError where it has none."""
    found = _read(path)
    if found is None:
        raise DataError("analogies (`: topic`, then four words a line) or pairs of words with a number", f"`{path}`", "Check the file.")
    return found


def _read(path: Path) -> WordTest | None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if lines and lines[0].startswith(":"):
        four = [tuple(line.lower().split()) for line in lines if not line.startswith(":")]
        return WordTest(path.stem, analogies=tuple(one for one in four if len(one) == 4))
    rows = [line.replace(",", "\t").split("\t") for line in lines if not line.startswith("#")]
    place = _number_column(rows)
    if place is None:
        return None
    pairs = [(row[0].lower(), row[1].lower(), float(row[place])) for row in rows if len(row) > place and _is_number(row[place])]
    return WordTest(path.stem, pairs=tuple(pairs)) if len(pairs) >= LEAST_PAIRS else None


def _number_column(rows: Sequence[Sequence[str]]) -> int | None:
    """The first column after two of words that is a number in most rows."""
    if not rows or len(rows) < LEAST_PAIRS or any(len(row) < 3 for row in rows[:LEAST_PAIRS]):
        return None
    if any(_is_number(cell) for row in rows[1:LEAST_PAIRS] for cell in row[:2]):
        return None
    columns = range(2, min(map(len, rows)))
    return next((c for c in columns if sum(_is_number(row[c]) for row in rows) >= 0.9 * len(rows)), None)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Answered:
    """What vectors know of a test: `value` and its interval, how many questions were asked of how many, and what each answer scored."""

    figure: str
    value: float
    interval: tuple[float, float]
    asked: int
    of: int
    each: np.ndarray


def answered(test: WordTest, words: Sequence[str], vectors: torch.Tensor) -> Answered:
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


def _analogies(test: WordTest, places: dict[str, int], unit: torch.Tensor) -> Answered:
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
