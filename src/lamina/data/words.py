r"""Words of texts and their numbers.

A word is a run of letters, digits and the marks of their script, lower-cased, with apostrophes inside (`don't`, `n't`); a
number with its decimals (`3.5`); one mark of punctuation other than full stop, comma and the like, which say little; or one
character of a script that writes no spaces (Chinese, Japanese, Thai ...). Texts are brought to Unicode's form NFKC first.
"""

import re
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from lamina.core.spec import FILL, FIRST_WORD, UNKNOWN

_SAYS_LITTLE = r".,;:\"'’“”()\[\]{}<>/\\|_–—…-"
_NO_SPACES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"  # accents, vowel signs: no letters to \w
_LETTER = rf"[^\W{_NO_SPACES}]"
_WORD = re.compile(rf"\d+(?:[.,]\d+)+|{_LETTER}+(?:(?:[{_MARKS}]+|'(?={_LETTER})){_LETTER}*)*|[{_NO_SPACES}]|[^\w\s{_MARKS}{_SAYS_LITTLE}]")
_ASCII_WORD = re.compile(rf"\d+(?:[.,]\d+)+|\w+(?:'\w+)*|[^\w\s{_SAYS_LITTLE}]", re.ASCII)  # the same, twice as fast
_TAG = re.compile(r"<(?:/?[a-zA-Z][a-zA-Z0-9]*(?:\s[^<>]{0,200})?/?|!--.{0,200}?--)>")


def words_of(text: str) -> list[str]:
    """The words of a text, in order.

    >>> words_of("Don't miss it: 3.5 stars!")
    ["don't", 'miss', 'it', '3.5', 'stars', '!']
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower().replace("’", "'"))


def without_tags(text: str) -> str:
    """The text with a space in place of each HTML tag.

    >>> without_tags("good<br />film, 1 < 2")
    'good film, 1 < 2'
    """
    return _TAG.sub(" ", text) if "<" in text else text


@dataclass(frozen=True)
class Words:
    """The words of many texts, one text after another: text i is `ids[starts[i] : starts[i + 1]]`, an id a place in `names`."""

    ids: np.ndarray  # int32
    starts: np.ndarray  # (N + 1,) int64
    names: list[str]


def read(texts: Iterable[str], length: int) -> Words:
    """At most `length` words of each text; names in the order of their first use."""
    places: defaultdict[str, int] = defaultdict()
    places.default_factory = places.__len__
    ids, starts = array("i"), array("q", [0])
    for text in texts:
        ids.extend(map(places.__getitem__, words_of(text)[:length]))
        starts.append(len(ids))
    return Words(np.frombuffer(ids, np.int32) if ids else np.zeros(0, np.int32), np.frombuffer(starts, np.int64), list(places))


def vocabulary(ids: np.ndarray, names: Sequence[str], least: int, most: int) -> tuple[str, ...]:
    """The words that occur at least `least` times among `ids`, the most frequent `most`, the most frequent first."""
    counts = np.bincount(ids, minlength=len(names))
    often = np.flatnonzero(counts >= least).tolist()
    return tuple(names[i] for i in sorted(often, key=lambda i: (-counts[i], names[i]))[:most])


def table_of(names: Sequence[str], words: Sequence[str]) -> np.ndarray:
    """For each of `names` its id in the vocabulary `words`, (len(names),) int32."""
    place = places_of(tuple(words))
    return np.fromiter((place(name) for name in names), np.int32, len(names))


def encode(text: str, words: tuple[str, ...], length: int) -> torch.Tensor:
    """The first `length` words of one text as ids, (L,) int32."""
    place = places_of(words)
    return torch.tensor([place(word) for word in words_of(without_tags(text))[:length]], dtype=torch.int32)


@lru_cache(maxsize=4)
def places_of(words: tuple[str, ...]) -> Callable[[str], int]:
    """word -> its id, `UNKNOWN` for others."""
    places = {word: i for i, word in enumerate(words, FIRST_WORD)}
    return lambda word: places.get(word, UNKNOWN)


def padded(ids: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    """Stretches of `ids` as rows (B, L) of the longest one, filled up with `FILL`."""
    lengths = ends - starts
    places = torch.arange(max(1, int(lengths.max()) if len(lengths) else 1))
    held = places < lengths[:, None]  # (B, L)
    rows = torch.full(held.shape, FILL, dtype=torch.int32)
    rows[held] = ids[(starts[:, None] + places)[held]]
    return rows
