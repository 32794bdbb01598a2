"""Words of a long text as numbers, at the speed of the memory: a loop over bytes that keeps each different word once.

A word is a run of letters, digits left out, in small letters; anything beyond ASCII counts as a letter, and a line ends a sentence. In
Python the same takes longer than learning vectors of the words does.

    N  bytes    M  words of a chunk    W  different words
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.core.errors import missing_package

FIRST_SLOTS = 1 << 20  # of the table of words


@dataclass
class WordIds:
    """All words of a text: `ids` with breaks, numbered by first use; `names` and `counts` of each number."""

    ids: list[np.ndarray]
    names: list[str]
    counts: np.ndarray


def kernels() -> Any:
    """The compiled loops; UsageError where numba is not installed."""
    try:
        from lamina.data import word_kernels
    except ImportError as error:
        raise missing_package("numba", "text", "words of a long text") from error
    return word_kernels


def read(chunks: Iterable[str], keep: Any = None) -> WordIds:
    """The words of a text, given some at a time. keep: called with the numbers of each chunk in place of gathering them."""
    table = _Table()
    found = list[np.ndarray]()
    for chunk in chunks:
        ids = table.add(np.frombuffer(chunk.lower().encode("utf-8", errors="replace"), np.uint8))
        if keep is None:
            found.append(ids)
        else:
            keep(ids)
    return WordIds(found, table.names(), table.counts[: table.used])


class _Table:
    """Different words by their hash, in slots (open addressing), with their bytes one after another."""

    def __init__(self) -> None:
        self.slots = np.full(FIRST_SLOTS, -1, np.int32)
        self.hashes, self.counts = np.zeros(FIRST_SLOTS, np.uint64), np.zeros(FIRST_SLOTS, np.int64)
        self.ends = np.zeros(FIRST_SLOTS + 1, np.int64)  # of the bytes of each word
        self.letters = np.zeros(FIRST_SLOTS * 8, np.uint8)
        self.used = 0

    def add(self, text: np.ndarray) -> np.ndarray:
        """The words of a chunk (N,) uint8, (M,) int32 with breaks."""
        ids = np.empty(len(text) // 2 + 2, np.int32)
        at = count = 0
        while True:
            self._room(len(text) - at)
            table = kernels().Table(self.slots, self.hashes, self.counts, self.ends, self.letters)
            at, count, self.used = kernels().number_words(text, at, ids, count, table, self.used)
            if at >= len(text):
                return ids[:count].copy()
            self._double()

    def _room(self, more: int) -> None:
        """Room for as many letters more."""
        wanted = int(self.ends[self.used]) + more
        if wanted > len(self.letters):
            self.letters = np.concatenate([self.letters, np.zeros(wanted, np.uint8)])

    def _double(self) -> None:
        size = 2 * len(self.slots)
        self.hashes, self.counts = np.resize(self.hashes, size), np.resize(self.counts, size)
        self.counts[self.used :] = 0
        self.ends = np.resize(self.ends, size + 1)
        self.slots = np.full(size, -1, np.int32)
        kernels().place_again(self.slots, self.hashes, self.used)

    def names(self) -> list[str]:
        text = self.letters.tobytes()
        return [text[self.ends[i] : self.ends[i + 1]].decode("utf-8", errors="replace") for i in range(self.used)]
