"""The compiled loops of word_ids.py."""

from typing import Any, NamedTuple

import numba
import numpy as np

OFFSET, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
LINE, A, Z, BEYOND = 10, 97, 122, 128
BREAK = -1


class Table(NamedTuple):
    """Different words: the word in each slot or -1; of each word its hash, its count, and where its bytes end in `letters`."""

    slots: Any  # int32
    hashes: Any  # uint64
    counts: Any  # int64
    ends: Any  # int64, the first is 0
    letters: Any  # uint8


@numba.njit(cache=True, nogil=True, boundscheck=False)
def number_words(text, at, ids, count, table, used):  # type: ignore[no-untyped-def]
    """Number the words of `text` from byte `at` on; stops where half of the slots are used. Returns (byte, numbers, words)."""
    slots, hashes, counts, ends, letters = table
    most = len(slots) // 2
    mask = np.uint64(len(slots) - 1)
    length = len(text)
    while at < length:
        byte = text[at]
        if not (A <= byte <= Z or byte >= BEYOND):
            if byte == LINE and count and ids[count - 1] != BREAK:
                ids[count] = BREAK
                count += 1
            at += 1
            continue
        first, code = at, OFFSET
        while at < length and (A <= text[at] <= Z or text[at] >= BEYOND):
            code = (code ^ np.uint64(text[at])) * PRIME
            at += 1
        slot = (code ^ (code >> np.uint64(32))) & mask
        while slots[slot] >= 0 and not _same(text, first, at, slots[slot], code, table):
            slot = (slot + np.uint64(1)) & mask
        word = slots[slot]
        if word < 0:
            if used >= most:
                return first, count, used
            word = used
            slots[slot], hashes[word], ends[word + 1] = word, code, ends[word] + at - first
            letters[ends[word] : ends[word + 1]] = text[first:at]
            used += 1
        counts[word] += 1
        ids[count] = word
        count += 1
    return at, count, used


@numba.njit(cache=True, nogil=True, inline="always")
def _same(text, first, end, word, code, table):  # type: ignore[no-untyped-def]
    """Whether the bytes from `first` to `end` are those of a word."""
    hashes, ends, letters = table.hashes, table.ends, table.letters
    if hashes[word] != code or ends[word + 1] - ends[word] != end - first:
        return False
    alike = True
    for i in range(end - first):
        alike &= letters[ends[word] + i] == text[first + i]
    return alike


@numba.njit(cache=True, nogil=True)
def place_again(slots, hashes, used):  # type: ignore[no-untyped-def]
    """Put every word into a larger table."""
    mask = np.uint64(len(slots) - 1)
    for word in range(used):
        slot = (hashes[word] ^ (hashes[word] >> np.uint64(32))) & mask
        while slots[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = word
