"""Texts of a person's own of which every word has a label: a word and its label a line, with an empty line between texts, as CoNLL's
files have it (the first and the last column count); or a text a line, a tab, and as many labels. Also in files named train, valid
(dev) and test."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from lamina.core.config import knob
from lamina.core.data import Account, Data, Refusal
from lamina.core.errors import DataError
from lamina.core.say import say
from lamina.core.spec import FILL, Spec
from lamina.data import tags
from lamina.data.inputs import read_one
from lamina.data.layout import by_part
from lamina.data.pair_files import lines_of
from lamina.data.tags import Tagged, TagSplit

ENDINGS = (".conll", ".conllu", ".iob", ".tags")
HEAD = 1 << 16
ENOUGH, REPEATED, LIKE_WORDS = 20, 0.3, 0.7  # texts by which a file is known; different labels, as shares of all and of different words


class Config(tags.Config):
    """How texts with labels are read."""

    allow_refused: float = knob(0.05, "share of texts that may be refused", low=0, high=1)


class TagReader:
    """Texts whose words have labels."""

    def __init__(self, path: Path, config: Config) -> None:
        self.path, self.config = path, config

    @staticmethod
    def suits(path: Path) -> bool:
        try:
            files = _files(path)
            if not files:
                return False
            first = next(iter(files.values()))
            if first.suffix.lower() in ENDINGS:
                return True
            if first.suffix.lower() not in (".tsv", ".tab", ".txt"):
                return False
            with first.open("rb") as file:
                head = file.read(HEAD).decode("utf-8", errors="replace").splitlines()[:-1]
            return _looks_tagged(head)
        except (OSError, DataError, ValueError):
            return False

    def data(self, seed: int) -> Data:
        found = self._found()
        data = tags.data_of(self.path.name, found, self.config, seed)
        data.account.check(self.config.allow_refused, self.path.name)
        total = hashlib.sha256()
        for words, labels in zip(found.words, found.labels, strict=True):
            total.update(("\0".join((*words, *labels)) + "\n").encode(errors="replace"))
        return replace(data, fingerprint=total.hexdigest())

    def rows(self, spec: Spec) -> TagSplit:
        found = self._found()
        for line in Account(len(found.words), found.refused).check(self.config.allow_refused, self.path.name).lines():
            say(line)
        return tags.rows_of(spec, found)

    def inputs(self, spec: Spec) -> tuple[Sequence[str], torch.Tensor]:
        """A text a line."""
        texts = [line for line in lines_of(self.path) if line.strip()]
        return texts, pad_sequence([read_one(spec.input, text) for text in texts], batch_first=True, padding_value=FILL)

    def _found(self) -> Tagged:
        files = _files(self.path)
        if not files:
            raise DataError("a file of words and labels, or files named train, valid and test", f"`{self.path}`", "Check the name.")
        words, labels, where, parts, refused = [], [], [], [], []
        for part, file in files.items():
            for line, mine, theirs in _texts(lines_of(file)):
                if len(mine) != len(theirs):
                    refused.append(Refusal(f"{file.name} line {line}", f"{len(mine)} words and {len(theirs)} labels", "Give each its own."))
                    continue
                words.append(mine)
                labels.append(theirs)
                where.append(f"{file.name} line {line}")
                parts.append(part)
        return Tagged(words, labels, where, np.array(parts, dtype=object).astype(str), tuple(refused))


def _files(path: Path) -> dict[str, Path]:
    if path.is_file():
        return {"train": path}
    return by_part(sorted(one for one in path.iterdir() if one.is_file())) if path.is_dir() else {}


def _texts(lines: Sequence[str]) -> Iterator[tuple[int, list[str], list[str]]]:
    """(line, words, labels) of each text, in either form."""
    if _a_word_a_line(lines):
        yield from _of_words(lines)
        return
    for i, line in enumerate(lines, 1):
        if line.strip():
            text, _, labels = line.partition("\t")
            yield i, text.split(), labels.split()


def _of_words(lines: Sequence[str]) -> Iterator[tuple[int, list[str], list[str]]]:
    words, labels, first = list[str](), list[str](), 1
    for i, line in enumerate([*lines, ""], 1):
        cells = line.split("\t") if "\t" in line else line.split()
        if not line.strip() or line.startswith(("#", "-DOCSTART-")):
            if words:
                yield first, words, labels
            words, labels, first = [], [], i + 1
        else:
            words.append(cells[0].replace(" ", "_"))
            labels += cells[-1:] if len(cells) > 1 else []


def _a_word_a_line(lines: Sequence[str]) -> bool:
    """Whether a line is a word: the first cell of most lines has no space."""
    some = [line for line in lines[:2000] if line.strip() and not line.startswith("#")]
    return bool(some) and sum(len(line.split("\t")[0].split()) == 1 or "\t" not in line for line in some) > 0.9 * len(some)


def _looks_tagged(lines: Sequence[str]) -> bool:
    """Whether a file without a telling ending is one of words and labels: as many labels as words in each text, and few different."""
    filled = [line for line in lines if line.strip() and not line.startswith("#")]
    if not filled or (_a_word_a_line(lines) and not any(not line.strip() for line in lines)):
        return False
    found = list(_texts(lines))[:ENOUGH]
    labels = [label for _, words, mine in found for label in mine]
    alike = all(len(words) == len(mine) > 0 for _, words, mine in found)
    different = len({word for _, words, _ in found for word in words})
    few = len(set(labels)) <= min(REPEATED * len(labels), LIKE_WORDS * different)  # a translation has as many words as its original
    return alike and len(labels) > ENOUGH and few
