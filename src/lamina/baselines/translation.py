"""What a translator without a network would score: saying again what was heard, and a dictionary of words.

The dictionary is learned from the training pairs by how often words stand in the same pair, more than chance has it (Dice's coefficient,
Melamed 2000), and says for each word heard its best partner, in the order of the words heard; a word that it does not know it says again.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence

from lamina.core.data import Data
from lamina.core.task import Evaluation
from lamina.data.pair_split import PairSplit

MOST_PAIRS = 50_000  # that the dictionary is learned from
LEAST = 2  # pairs that hold a word which is in the dictionary
PIECE = re.compile(r"\w+|[^\w\s]")
BEFORE_MARK = re.compile(r"\s+([.,;:!?])")
Say = Callable[[Sequence[str]], list[str]]


def of_pairs(data: Data, judge: Callable[[Say, PairSplit], Evaluation]) -> dict[str, Evaluation]:
    """Figures on the test split of `copy` and `dictionary`."""
    assert isinstance(data.train, PairSplit) and isinstance(data.test, PairSplit), "pairs of texts"
    return {"copy": judge(list, data.test), "dictionary": judge(dictionary(data.train.heard.texts, data.train.said.texts), data.test)}


def dictionary(heard: Sequence[str], said: Sequence[str]) -> Say:
    """Word by word, from pairs of texts; a word without a partner is said again.

    >>> say = dictionary(["ein Haus", "ein Hund", "der Hund"], ["a house", "a dog", "the dog"])
    >>> say(["ein Hund"])
    ['a dog']
    """
    best = partners(heard, said)
    return lambda texts: [_joined([best.get(word, word) for word in PIECE.findall(text)]) for text in texts]


def partners(heard: Sequence[str], said: Sequence[str]) -> dict[str, str]:
    """The word that stands most with each word heard, by Dice's coefficient."""
    both, mine, theirs = Counter[tuple[str, str]](), Counter[str](), Counter[str]()
    for a, b in zip(heard[:MOST_PAIRS], said[:MOST_PAIRS], strict=True):
        words, others = set(PIECE.findall(a)), set(PIECE.findall(b))
        mine.update(words)
        theirs.update(others)
        both.update((word, other) for word in words for other in others)
    best: dict[str, tuple[float, str]] = {}
    for (word, other), count in both.items():
        dice = 2 * count / (mine[word] + theirs[other])
        if mine[word] >= LEAST and (dice, other) > best.get(word, (0.0, "")):
            best[word] = dice, other
    return {word: other for word, (_, other) in best.items()}


def _joined(words: Sequence[str]) -> str:
    """Words as a text, marks without a space before them."""
    return BEFORE_MARK.sub(r"\1", " ".join(words))
