"""From texts of which every word has a label to `Data`: the words that occur often enough in the training texts are known, equal texts stay
on one side of a cut."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from lamina.core import config as knobs
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.data import Account, Data, Refusal
from lamina.core.errors import DataError
from lamina.core.spec import IGNORED, Spec, Tags, Tokens
from lamina.data.arrays import Given, cut_by_parts
from lamina.data.pair_split import Lines, by_length
from lamina.data.tokens import MARKS, tokenizer

MOST_LABELS = IGNORED  # so that the mark for what is ignored is no label


class Config(knobs.Config):
    """Which words are known."""

    least: int = knob(2, "times that a word must stand in the training texts to be known", low=1)
    length: int = knob(500, "words of a text; longer ones are refused", low=1)


@dataclass(frozen=True)
class Tagged:
    """Texts as words with a label each, what a person calls each text, and its part where the files say it."""

    words: Sequence[Sequence[str]]
    labels: Sequence[Sequence[str]]
    where: Sequence[str]
    parts: np.ndarray
    refused: tuple[Refusal, ...] = ()
    meaning: tuple[str, ...] = ()


class TagSplit:
    """Texts of `words` as tokens, and the `labels` of each; `y` (N,) numbers the texts, so that a split can be cut."""

    def __init__(self, words: Lines, labels: Lines, where: Sequence[str] = ()) -> None:
        self.words, self.labels, self.where = words, labels, tuple(where)
        self.y = torch.zeros(len(words.starts), dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.y)

    def batch(self, indices: torch.Tensor) -> Batch:
        """x (B, L) int32 and y (B, L) int64, `IGNORED` behind the end of a text."""
        x, y = self.words.rows(indices), self.labels.rows(indices).long()
        held = torch.arange(x.shape[1]) < self.words.lengths[indices][:, None]
        return Batch(x=x, y=y.where(held, IGNORED))

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        """A fresh shuffle in which texts of about the same length are neighbours."""
        return by_length(self.words.lengths, seed, epoch)

    def part(self, indices: torch.Tensor) -> "TagSplit":
        """The split that holds only the texts at `indices`."""
        where = [self.where[i] for i in indices.tolist()] if self.where else ()
        return TagSplit(self.words.part(indices), self.labels.part(indices), where)


def data_of(name: str, found: Tagged, config: Config, seed: int) -> Data:
    """The texts as data to learn from; DataError where there are too few, or too many labels."""
    long = [i for i, words in enumerate(found.words) if len(words) > config.length]
    refused = [Refusal(found.where[i], f"longer than {config.length} words", f"Part it, or `length={2 * config.length}`.") for i in long]
    keep = np.setdiff1d(np.arange(len(found.words)), long)
    train = [i for i in keep.tolist() if found.parts[i] == "train"]
    counts = Counter(word for i in train for word in found.words[i])
    labels = tuple(sorted({label for i in keep.tolist() for label in found.labels[i]}))
    if not train or len(labels) < 2:
        raise DataError("texts to train on, with at least two labels", f"{len(train)} texts and {len(labels)} labels in `{name}`",
                        "Give a word and its label a line, and an empty line between texts.")
    if len(labels) > MOST_LABELS:
        raise DataError(f"at most {MOST_LABELS} labels", f"{len(labels):,} different ones in `{name}`",
                        "If each text is an answer of its own: `--task translate`.")
    often = [word for word, count in counts.most_common() if count >= config.least] or list(counts)
    spec = Spec(input=Tokens(unit="word", names=(*MARKS, *often), length=config.length), target=Tags(names=labels))
    whole = _split(spec, found, keep.tolist())
    same = torch.from_numpy(np.unique(np.array(whole.words.texts, object).astype(str), return_inverse=True)[1].reshape(-1))
    data = cut_by_parts(name, spec, whole, found.parts[keep], Given(groups=same), seed)
    total = sum(len(found.words[i]) for i in keep.tolist())
    meaning = (*found.meaning, f"{total:,} words in {len(keep):,} texts, {len(often):,} different ones are known; {len(labels)} labels")
    return replace(data, account=Account(len(keep), (*found.refused, *refused)), meaning=meaning, sheet=f"`{name}`: {len(keep):,} texts")


def rows_of(spec: Spec, found: Tagged) -> TagSplit:
    """Texts in the terms of a spec that was learned; DataError for a label that it does not have."""
    strange = sorted({label for labels in found.labels for label in labels} - set(spec.target.names))
    if strange:
        raise DataError("labels that were learned", f"`{strange[0]}`", f"Known: {', '.join(spec.target.names[:20])}.")
    return _split(spec, found, [i for i, words in enumerate(found.words) if len(words) <= spec.input.shape[0]])


def _split(spec: Spec, found: Tagged, keep: list[int]) -> TagSplit:
    assert isinstance(spec.input, Tokens), "words"
    places = {label: i for i, label in enumerate(spec.target.names)}
    texts = [" ".join(found.words[i]) for i in keep]
    words = Lines.of(tokenizer(spec.input).encode(texts), texts, spec.input)
    labels = Lines.of([np.array([places[label] for label in found.labels[i]], np.int32) for i in keep], texts, spec.input)
    return TagSplit(words, labels, [found.where[i] for i in keep])
