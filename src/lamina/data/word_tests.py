"""Questions about words in files as they are published, read by what is in them: analogies, a `: topic` line and then four words a line;
similarities, two words and a number a line. As a split, so that `evaluate RUN questions-words.txt` asks them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from lamina.core.batch import Batch
from lamina.core.errors import DataError

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
