"""One long text of a person's own: a file of plain text, also packed, or all the texts of a folder, for whoever learns its words (`embed`)
or how it goes on (`write`)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.data import Data, Split
from lamina.core.errors import DataError
from lamina.core.say import say
from lamina.core.spec import Spec, Text, Tokens
from lamina.data import corpus, word_corpus, word_tests
from lamina.data.corpus_files import corpus_at, is_text
from lamina.data.tokens import Unit, tokenizer
from lamina.data.word_tests import WordTestSplit


class Config(knobs.Config):
    """How a text is read."""

    task: Literal["embed", "write"] = knob("embed", "whether words are learned, or how the text goes on")
    unit: Literal["auto", Unit] = knob("auto", "to write: what a token is; auto: characters, of long texts bpe")
    tokens: int = knob(0, "to write: tokens that are learned, at most; 0 lets the length of the text decide", low=0, high=200_000)
    least: int = knob(5, "to embed: times that a word must stand in the text to be learned", low=1)
    words: int = knob(0, "to embed: words at most, the most frequent; 0 all", low=0)
    phrases: int = knob(0, "to embed: times that words which belong together are joined, as new_york", low=0, high=5)


class CorpusReader:
    """A long text."""

    def __init__(self, path: Path, config: Config) -> None:
        self.path, self.config = path, config

    @staticmethod
    def suits(path: Path) -> bool:
        return path.is_file() and is_text(path)

    def data(self, seed: int) -> Data:
        text, c = corpus_at(self.path), self.config
        if c.task == "write":
            data = corpus.data_of(self.path.name, text.chunks, corpus.Config(unit=c.unit, tokens=c.tokens), text.stamp())
        else:
            how = word_corpus.Config(least=c.least, words=c.words, phrases=c.phrases)
            data = word_corpus.data_of(self.path.name, text.chunks, how, text.stamp(), text.size())
        if text.replaced:
            say(f"{text.replaced:,} characters could not be decoded and are marked as such: is the file of one encoding?")
        return data

    def rows(self, spec: Spec) -> Split:
        if isinstance(spec.input, Text) and word_tests.is_test(self.path):
            return WordTestSplit(word_tests.read(self.path), spec.input.words)
        chunks = corpus_at(self.path).chunks()
        return word_corpus.rows_of(spec, chunks) if isinstance(spec.input, Text) else corpus.rows_of(spec, chunks)

    def inputs(self, spec: Spec) -> tuple[Sequence[str], torch.Tensor]:
        """The whole file as one text to be written on."""
        assert isinstance(spec.input, Tokens), "tokens"
        text = "".join(corpus_at(self.path).chunks())
        if not text:
            raise DataError("a text", f"nothing in `{self.path}`", "Write its beginning.")
        return [str(self.path)], torch.from_numpy(tokenizer(spec.input).encode([text])[0])[None]
