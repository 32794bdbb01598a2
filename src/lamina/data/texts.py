"""From a person's texts and their answers to `Data`: the vocabulary is that of the training split alone, equal texts stay
on one side of a cut, and what was done is said."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.data import Account, Data, Refusal
from lamina.core.errors import DataError
from lamina.core.spec import UNKNOWN, Classes, Spec, Target, Text
from lamina.data.arrays import PARTS, Given, cut_by_parts, target_of
from lamina.data.text_split import TextSplit
from lamina.data.words import Words, read, table_of, vocabulary, without_tags


class Config(knobs.Config):
    """How texts become numbers."""

    length: int = knob(2000, "words that are read of one text; what comes after them is not seen", low=1)
    least: int = knob(2, "times that a word must occur in the training texts to be known", low=1)
    words: int = knob(50_000, "known words at most", low=1)


@dataclass(frozen=True)
class Labelled:
    """Texts with their answers as a reader found them, one of each a row.

    y: (N,) int64 or (N, K) float32; parts: `train`, `valid` or `test` of each row, where they are given; groups: rows of one
    word stay together; moments: (N,) when each was written; refused: rows that the reader could not use.
    """

    texts: Sequence[str]
    y: torch.Tensor
    where: Sequence[str]
    parts: np.ndarray | None = None
    groups: Sequence[Any] | None = None
    moments: torch.Tensor | None = None
    refused: tuple[Refusal, ...] = ()
    meaning: tuple[str, ...] = field(default=())


def data_of(name: str, found: Labelled, target: Target, config: Config, seed: int, column: str = "") -> Data:
    """The texts as data to learn from. A text without a word is refused; DataError where too few are left."""
    plain = [without_tags(text) for text in found.texts]
    words = read(plain, config.length)
    full = np.flatnonzero(np.diff(words.starts))
    whole = _split(words, found, full)
    kin = torch.from_numpy(together(words, found.groups)[full])
    parts = np.full(len(full), "train") if found.parts is None else found.parts[full]
    spec = Spec(input=Text(words=(), length=config.length, column=column), target=target)
    data = cut_by_parts(name, spec, whole, parts, Given(groups=kin, moments=None if found.moments is None else found.moments[full]), seed)
    train: Any = data.train
    known = vocabulary(train.words(), words.names, config.least, config.words)
    if not known:
        raise DataError(f"words that occur {config.least} times in the training texts", f"none in `{name}`", "Give more, or `least=1`.")
    table = torch.from_numpy(table_of(words.names, known))
    splits = {part: getattr(data, part).renamed(table) for part in PARTS}
    spec = Spec(input=Text(words=known, length=config.length, column=column), target=target)
    empty = tuple(Refusal(found.where[i], "no word in it", "Write a text, or leave the row out.")
                  for i in np.setdiff1d(np.arange(len(plain)), full).tolist())
    tags = sum(a is not b for a, b in zip(plain, found.texts, strict=True))
    meaning = (*found.meaning, *_said(words, splits, spec, tags), *_shared(kin, parts))
    account = Account(used=len(full), refused=found.refused + empty)
    return replace(data, spec=spec, account=account, meaning=meaning, sheet=f"`{name}`: {len(full):,} texts", **splits)


def rows_of(spec: Spec, texts: Sequence[str], y: torch.Tensor, where: Sequence[str] = ()) -> TextSplit:
    """Texts and answers in the terms of a spec that was learned from others."""
    assert isinstance(spec.input, Text), "texts"
    words = read([without_tags(text) for text in texts], spec.input.length)
    starts = torch.from_numpy(words.starts)
    table = torch.from_numpy(table_of(words.names, spec.input.words))
    return TextSplit(torch.from_numpy(words.ids), (starts[:-1], starts[1:]), y, texts, where).renamed(table)


def are_texts(x: np.ndarray) -> bool:
    """Whether an array (N,) holds strings."""
    return x.ndim == 1 and len(x) > 0 and (x.dtype.kind == "U" or all(isinstance(one, str) for one in x.tolist()))


def of_arrays(x: np.ndarray, y: np.ndarray, seed: int) -> Data:
    """Strings (N,) and their answers (N,) as data to learn from."""
    if len(x) != len(y):
        raise DataError("as many inputs as targets", f"`{len(x)}` texts and `{len(y)}` targets", "Check how the lists were made.")
    target, answers = target_of(y)
    return data_of("texts", Labelled(x.tolist(), answers, [f"text {i}" for i in range(len(x))]), target, Config(), seed)


def together(words: Words, groups: Sequence[Any] | None) -> np.ndarray:
    """(N,) numbers, equal for rows that must stay on one side of a cut: of the same words, or of the same group, also in turn."""
    ends = words.starts[1:]
    same: dict[bytes, int] = {}
    first = np.array([same.setdefault(words.ids[a:b].tobytes(), i) for i, (a, b) in enumerate(zip(words.starts, ends, strict=False))])
    if groups is None:
        return first
    members: dict[Any, int] = {}
    other = np.array([i if group is None else members.setdefault(group, i) for i, group in enumerate(groups)])
    from scipy.sparse import coo_matrix, csgraph  # takes its time to import

    rows, count = np.arange(len(first)), len(first)
    links = coo_matrix((np.ones(2 * count), (np.r_[rows, rows], np.r_[first, other])), (count, count))
    found: np.ndarray = csgraph.connected_components(links, directed=False)[1]
    return found


def _split(words: Words, found: Labelled, full: np.ndarray) -> TextSplit:
    """The rows that have a word."""
    starts = torch.from_numpy(words.starts)
    whole = TextSplit(torch.from_numpy(words.ids), (starts[:-1], starts[1:]), found.y, found.texts, found.where)
    return whole.part(torch.from_numpy(full))


def _said(words: Words, splits: dict[str, TextSplit], spec: Spec, tags: int) -> list[str]:
    """What was made of the texts."""
    assert isinstance(spec.input, Text), "texts"
    lengths = np.diff(words.starts)
    lengths = lengths[lengths > 0]
    unknown = float((splits["valid"].words() == UNKNOWN).mean())
    told = [f"texts of {int(np.median(lengths))} words in the middle, the longest {lengths.max():,}; {len(spec.input.words):,} different"
            f" words are known from the training texts, {unknown:.1%} of the validation's words are not"]
    cut_off = int((lengths == spec.input.length).sum())
    told += [f"of {cut_off:,} texts only the first {spec.input.length:,} words are read"] if cut_off else []
    told += [f"HTML tags in {tags:,} texts are taken out"] if tags else []
    if isinstance(spec.target, Classes):
        seen = splits["train"].y.unique().tolist()
        told += [f"no training text of the class `{name}`" for i, name in enumerate(spec.target.names) if i not in seen]
    return told


def _shared(kin: torch.Tensor, parts: np.ndarray) -> list[str]:
    """Texts that are there more than once: together in what is cut here, and a leak where they are on both sides of given parts."""
    held = parts != "train"
    leaks = int(np.isin(kin.numpy()[held], kin.numpy()[~held]).sum())
    told = [f"{leaks:,} of the held-out texts are in the training part too, as the files have it: figures on them flatter"] if leaks else []
    twice = len(kin) - len(kin.unique())
    return told + ([f"{twice:,} texts are there again; equal texts stay on one side of every cut"] if twice else [])
