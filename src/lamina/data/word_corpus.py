"""From one long text to `Data` of which words learn what stands around them: the words that occur often enough, the most frequent first."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.data import Account, Data
from lamina.core.errors import DataError
from lamina.core.spec import FILL, FIRST_WORD, Context, Spec, Text
from lamina.data.corpus_split import CorpusSplit
from lamina.data.kept_ids import KeptIds
from lamina.data.phrases import joined
from lamina.data.word_ids import WordIds, read

HELD_OUT = 0.01  # share of the text that is kept for validation, and again for the test, at most the next
MOST_HELD_OUT = 50_000
LEAST_WORDS = 2
IN_MEMORY = 1 << 28  # words of a text that are held in memory
LENGTH = 1000


class Config(knobs.Config):
    """Which words are learned."""

    least: int = knob(5, "times that a word must stand in the text to be learned", low=1)
    words: int = knob(0, "words at most, the most frequent; 0 all", low=0)
    phrases: int = knob(0, "times that words which belong together are joined, as new_york", low=0, high=5)


def data_of(name: str, chunks: Callable[[], Iterator[str]], config: Config, stamp: str, size: int) -> Data:
    """The text as data to learn from; DataError where it has too few words. `size`: its bytes, about."""
    try:
        return _data(name, _read(chunks, size), config, stamp)
    except OSError as error:
        raise DataError("room for the words of a long text", f"{error}", "Free some, or set LAMINA_CACHE to another disk.") from error


def _data(name: str, found: WordIds, config: Config, stamp: str) -> Data:
    if not len(found.names):
        raise DataError("a text with words", f"none in `{name}`", "Give a longer one.")
    for _ in range(config.phrases):
        ids, names, counts = joined(np.concatenate(found.ids), found.names, found.counts, config.least)
        found = WordIds([ids], names, counts)
    order = np.argsort(-found.counts, kind="stable")
    order = order[found.counts[order] >= config.least][: config.words or None]
    if len(order) < LEAST_WORDS:
        raise DataError(f"{LEAST_WORDS} different words that stand {config.least} times in `{name}`", f"{len(order)} of "
                        f"{len(found.names):,}", "Give a longer text, or `least=1`.")
    ids = _renamed(found, order)
    words = tuple(found.names[i] for i in order.tolist())
    counts = found.counts[order]
    spec = Spec(input=Text(words=words, length=LENGTH), target=Context(counts=tuple(counts.tolist())))
    assert isinstance(spec.input, Text) and isinstance(spec.target, Context), "words"
    held = min(MOST_HELD_OUT, max(2, int(HELD_OUT * len(ids))))
    splits = [CorpusSplit(part, spec.input, spec.target) for part in np.split(ids, [len(ids) - 2 * held, len(ids) - held])]
    running, rare = int(found.counts.sum()), int(found.counts.sum() - counts.sum())
    meaning = (f"{running:,} words, {len(found.names):,} different; the {len(words):,} that stand there {config.least} times and more are "
               f"learned, {rare / running:.1%} of the text is not",
               f"the last {held:,} words as test, {held:,} before them to validate; a line is a sentence")  # fmt: skip
    train, valid, test = splits
    return Data(name, spec, train, valid, test, f"`{name}`: a text of {running:,} words", Account(used=running), meaning=meaning,
                fingerprint=stamp)


def _read(chunks: Callable[[], Iterator[str]], size: int) -> WordIds:
    """The words; those of a text larger than memory are mapped from a file."""
    if size < 4 * IN_MEMORY:
        return read(chunks())
    kept = KeptIds()
    return replace(read(chunks(), kept.write), ids=[kept.mapped()])


def _renamed(found: WordIds, order: np.ndarray) -> np.ndarray:
    """The numbers of the words that are learned, by frequency, rare words left out, 0 where a sentence ends."""
    table = np.full(len(found.names) + 1, -1, np.int32)
    table[order] = np.arange(len(order), dtype=np.int32) + FIRST_WORD
    table[-1] = FILL  # the number -1 is the end of a sentence
    if not any(isinstance(ids, np.memmap) for ids in found.ids):
        new = table[np.concatenate([*found.ids, np.zeros(0, np.int32)])]
        return new[new >= 0]
    kept = KeptIds()
    for raw in found.ids:
        for start in range(0, len(raw), IN_MEMORY // 16):
            new = table[raw[start : start + IN_MEMORY // 16]]
            kept.write(new[new >= 0])
    return kept.mapped()


def rows_of(spec: Spec, chunks: Iterator[str]) -> CorpusSplit:
    """Another text in the words of a spec that was learned."""
    assert isinstance(spec.input, Text) and isinstance(spec.target, Context), "words"
    found = read(chunks)
    places = {word: i for i, word in enumerate(spec.input.words, FIRST_WORD)}
    table = np.array([*[places.get(name, -1) for name in found.names], FILL], np.int32)
    new = table[np.concatenate([*found.ids, np.zeros(0, np.int32)])]
    return CorpusSplit(new[new >= 0], spec.input, spec.target)
