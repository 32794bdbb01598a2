"""From one long text to `Data` of which tokens can be learned to follow one another: the first part to train, then validation, the last
tenth as test, as a text is not shuffled; tokens are learned from the first part alone. What is larger than memory is kept in a file."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import numpy as np

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.data import Account, Data
from lamina.core.errors import DataError
from lamina.core.spec import UNKNOWN, Next, Spec, Tokens
from lamina.data.corpus_split import CorpusSplit
from lamina.data.kept_ids import KeptIds
from lamina.data.tokens import Unit, learn, tokenizer

PARTS = ("train", "valid", "test")
HELD, TEST = 0.05, 0.1  # shares of a text for validation and test
ENOUGH_HELD, LEAST_HELD = 20_000, 0.005  # characters that tell 0.02 nats apart are enough for validation; of very long texts, this share
LEAST = 100  # characters of a text that anything can be learned from
OF_CHARACTERS = 8_000_000  # characters of a text up to which they are the tokens
IN_MEMORY = 1 << 26  # tokens
LEARNED_FROM = 50_000_000  # characters, for byte pairs
FEWEST_TOKENS, MOST_TOKENS, CHARACTERS_A_TOKEN = 1000, 16_000, 500
LENGTH = 1 << 20  # tokens of one text that is given to be written on
Chunks = Callable[[], Iterator[str]]


class Config(knobs.Config):
    """How a text becomes tokens."""

    unit: Literal["auto", "character", "word", "bpe", "unigram"] = knob("auto", "what a token is; auto: characters, of long texts bpe")
    tokens: int = knob(0, "tokens that are learned, at most; 0 lets the length of the text decide", low=0, high=200_000)


def data_of(name: str, chunks: Chunks, config: Config, stamp: str) -> Data:
    """The text as data to learn from; DataError where it is too short. `stamp` differs where the text does."""
    length = sum(map(len, chunks()))
    if length < LEAST:
        raise DataError(f"a text of {LEAST} characters and more", f"`{length}` in `{name}`", "Give a longer one.")
    cuts = _cuts(length)
    unit: Unit = ("character" if length <= OF_CHARACTERS else "bpe") if config.unit == "auto" else config.unit
    size = config.tokens or (5000 if unit == "character" else min(max(length // CHARACTERS_A_TOKEN, FEWEST_TOKENS), MOST_TOKENS))
    tokens = learn((t for part, t in _parted(chunks(), [min(cuts[0], LEARNED_FROM), *cuts[1:]]) if part == 0), unit, size, LENGTH)
    ids, bounds = _encoded(chunks, tokens, cuts)
    spec = Spec(input=tokens, target=Next(size=tokens.size))
    splits = {part: CorpusSplit(ids[a:b], tokens) for part, a, b in zip(PARTS, (0, *bounds), bounds, strict=False)}
    if any(len(split.ids) < 2 for split in splits.values()):
        raise DataError("a text of some tokens in each part", f"`{len(ids)}` tokens in `{name}`", "Give a longer one, or `unit=character`.")
    strange = float((splits["valid"].ids[:1_000_000] == UNKNOWN).mean())
    head = "".join(_first(chunks(), 60)).replace("\n", "⏎")
    meaning = (f"{length:,} characters as {len(ids):,} tokens of {tokens.size:,} kinds ({tokens.unit}), as in `{head}`",
               f"the first {cuts[0] / length:.1%} to train on, {cuts[1] - cuts[0]:,} characters to validate, the last {TEST:.0%} as test",
               *([f"{strange:.2%} of the validation's tokens are unknown"] if strange else []))  # fmt: skip
    return Data(name, spec, splits["train"], splits["valid"], splits["test"], f"`{name}`: a text of {length:,} characters",
                Account(used=len(ids)), meaning=meaning, fingerprint=stamp)


def _cuts(length: int) -> list[int]:
    """The characters at which train, valid and test end."""
    test = int(length * (1 - TEST))
    held = min(length * HELD, max(ENOUGH_HELD, length * LEAST_HELD))
    return [test - int(held), test, length]


def rows_of(spec: Spec, chunks: Iterable[str]) -> CorpusSplit:
    """Another text in the terms of a spec that was learned."""
    assert isinstance(spec.input, Tokens), "tokens"
    found = list(tokenizer(spec.input).encode_all(chunks))
    if sum(map(len, found)) < 2:
        raise DataError("a text of some tokens", "fewer than two", "Give a longer one.")
    return CorpusSplit(np.concatenate(found), spec.input)


def _parted(chunks: Iterable[str], cuts: list[int]) -> Iterator[tuple[int, str]]:
    """(part, text): chunks cut at so many characters from the beginning."""
    at, part = 0, 0
    for chunk in chunks:
        while part < len(cuts) - 1 and at + len(chunk) >= cuts[part]:
            head = cuts[part] - at
            yield part, chunk[:head]
            chunk, at, part = chunk[head:], cuts[part], part + 1
        at += len(chunk)
        yield part, chunk


def _encoded(chunks: Chunks, tokens: Tokens, cuts: list[int]) -> tuple[np.ndarray, list[int]]:
    """All tokens, and where each part ends among them."""
    made = tokenizer(tokens)
    sizes, found, kept = [0] * len(PARTS), list[np.ndarray](), None
    try:
        for part, text in _parted(chunks(), cuts):
            ids = made.encode([text])[0]
            sizes[part] += len(ids)
            if kept is None and sum(sizes) > IN_MEMORY:
                kept = KeptIds()
            found.append(ids)
            if kept is not None:
                for some in found:
                    kept.write(some)
                found = []
    except OSError as error:
        raise DataError("room for the tokens of a long text", f"{error}", "Free some, or set LAMINA_CACHE to another disk.") from error
    bounds = np.cumsum(sizes).tolist()
    return (np.concatenate(found) if kept is None else kept.mapped()), bounds


def _first(chunks: Iterable[str], count: int) -> Iterator[str]:
    for chunk in chunks:
        yield chunk[:count]
        return
