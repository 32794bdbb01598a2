"""Texts as tokens and back: characters, words, byte pairs (Sennrich, Haddow & Birch 2016) or a unigram model (Kudo 2018).

Byte pairs and unigrams are learned over UTF-8 bytes, so that any script and any sign can be written and nothing is unknown; they are
those of the package `tokenizers`. What a tokenizer learned is in the spec (`Tokens`), from which it is built again.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, Literal

import numpy as np

from lamina.core.errors import missing_package
from lamina.core.spec import BEGIN, END, FILL, UNKNOWN, Tokens

Unit = Literal["character", "word", "bpe", "unigram"]
MARKS = ("<fill>", "<unknown>", "<begin>", "<end>")  # at the places FILL, UNKNOWN, BEGIN, END
MOST_CHARACTERS = 5000  # of a vocabulary of characters
AT_ONCE = 10_000  # texts


def learn(texts: Iterable[str], unit: Unit, size: int, length: int, column: str = "") -> Tokens:
    """The tokens of texts, at most `size` of them.

    >>> spec = learn(["hello", "hole"], "character", 100, 10)
    >>> spec.names[4:], Tokenizer(spec).encode(["eel"])[0].tolist()
    (('e', 'h', 'l', 'o'), [4, 4, 6])
    """
    if unit == "character":
        return Tokens(unit=unit, names=(*MARKS, *_characters(texts, size)), length=length, column=column)
    made = _untrained(unit)
    made.train_from_iterator(texts, _trainer(unit, size))
    names = tuple(made.id_to_token(i) for i in range(made.get_vocab_size()))
    return Tokens(unit=unit, names=names, rules=made.to_str(), length=length, column=column)


def _characters(texts: Iterable[str], size: int) -> list[str]:
    """The characters of texts in their order in Unicode; of too many the most frequent."""
    counts = np.zeros(0x110000, np.int64)
    for text in texts:
        found, many = np.unique(_points(text), return_counts=True)
        counts[found] += many
    often = np.argsort(-counts, kind="stable")[: min(size, MOST_CHARACTERS)]
    return [chr(point) for point in sorted(often.tolist()) if counts[point]]


def _points(text: str) -> np.ndarray:
    """The numbers of the characters in Unicode; halves of a pair, which stand for none, as they are."""
    return np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), np.uint32)


def _untrained(unit: Unit) -> Any:
    try:
        from tokenizers import Tokenizer as Made
        from tokenizers import decoders, models, normalizers, pre_tokenizers
    except ImportError as error:
        raise missing_package("tokenizers", "text", f"`unit={unit}`") from error
    if unit == "word":
        made = Made(models.WordLevel(unk_token=MARKS[UNKNOWN]))
        made.pre_tokenizer = pre_tokenizers.Whitespace()
    else:
        made = Made(models.BPE() if unit == "bpe" else models.Unigram())
        made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=True), decoders.ByteLevel()
    made.normalizer = normalizers.NFC()
    return made


def _trainer(unit: Unit, size: int) -> Any:
    from tokenizers import pre_tokenizers, trainers

    if unit == "word":
        return trainers.WordLevelTrainer(vocab_size=size, special_tokens=list(MARKS), show_progress=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if unit == "bpe":
        return trainers.BpeTrainer(vocab_size=size, special_tokens=list(MARKS), initial_alphabet=alphabet, show_progress=False)
    return trainers.UnigramTrainer(vocab_size=size, special_tokens=list(MARKS), initial_alphabet=alphabet, unk_token=MARKS[UNKNOWN],
                                   show_progress=False)


class Tokenizer:
    """What a spec says of tokens, at work."""

    def __init__(self, spec: Tokens) -> None:
        self.spec = spec
        if spec.unit == "word" and not spec.rules:
            self._words = {name: i for i, name in enumerate(spec.names) if i >= len(MARKS)}
        elif spec.unit == "character":
            self._places = np.full(0x110000, UNKNOWN, np.int32)
            self._places[[ord(name) for name in spec.names[len(MARKS) :]]] = np.arange(len(MARKS), len(spec.names), dtype=np.int32)
        else:
            self._made = _built(spec.rules)

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The tokens of each text, int32, however many they are."""
        if self.spec.unit == "character":
            return [self._places[_points(text)] for text in texts]
        if not self.spec.rules:
            return [np.array([self._words.get(word, UNKNOWN) for word in text.split()], np.int32) for text in texts]
        return [np.array(found.ids, np.int32) for found in self._made.encode_batch([_whole(text) for text in texts])]

    def encode_all(self, texts: Iterable[str]) -> Iterator[np.ndarray]:
        """The same for any number of texts, some at a time."""
        rest = iter(texts)
        while some := list(islice(rest, AT_ONCE)):
            yield from self.encode(some)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens up to its end; marks are left out, and what is unknown is a lozenge."""
        kept = [int(i) for i in _until_end(ids) if i not in (FILL, BEGIN)]
        if self.spec.unit == "character":
            return "".join("�" if i == UNKNOWN else self.spec.names[i] for i in kept)
        if self.spec.unit == "word":
            return " ".join("�" if i == UNKNOWN else self.spec.names[i] for i in kept)
        return str(self._made.decode([i for i in kept if i != UNKNOWN])).removeprefix(" ")

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """What to call each token in a picture."""
        return [self.piece(int(i)) for i in ids]

    def piece(self, token: int) -> str:
        """What to call one token; the beginning of a word has no space before it here."""
        if token < len(MARKS):
            return MARKS[token]
        name = self.spec.names[token]
        if self.spec.unit in ("character", "word"):
            return name
        return str(self._made.decode([token])) or name


def _whole(text: str) -> str:
    """A text that UTF-8 can write."""
    return text.encode("utf-8", errors="replace").decode()


def _until_end(ids: Sequence[int]) -> list[int]:
    found = [int(i) for i in ids]
    return found[: found.index(END)] if END in found else found


@lru_cache(maxsize=8)
def _built(rules: str) -> Any:
    try:
        from tokenizers import Tokenizer as Made
    except ImportError as error:
        raise missing_package("tokenizers", "text", "the tokens of this run") from error
    return Made.from_str(rules)


@lru_cache(maxsize=8)
def tokenizer(spec: Tokens) -> Tokenizer:
    """The tokenizer of a spec, built once."""
    return Tokenizer(spec)
