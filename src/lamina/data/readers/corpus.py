"""One long text of a person's own: a file of plain text, also packed, or all the texts of a folder, for whoever learns its words or how
it goes on."""

from collections.abc import Sequence
from pathlib import Path

import torch

from lamina.core.data import Data
from lamina.core.errors import DataError
from lamina.core.spec import Spec, Tokens
from lamina.data import corpus
from lamina.data.corpus_files import corpus_at, is_text
from lamina.data.corpus_split import CorpusSplit
from lamina.data.report import say
from lamina.data.tokens import tokenizer


class Config(corpus.Config):
    """How a text is read."""


class CorpusReader:
    """A long text."""

    def __init__(self, path: Path, config: Config) -> None:
        self.path, self.config = path, config

    @staticmethod
    def suits(path: Path) -> bool:
        return path.is_file() and is_text(path)

    def data(self, seed: int) -> Data:
        text = corpus_at(self.path)
        data = corpus.data_of(self.path.name, text.chunks, self.config, text.stamp())
        if text.replaced:
            say(f"{text.replaced:,} characters could not be decoded and are marked as such: is the file of one encoding?")
        return data

    def rows(self, spec: Spec) -> CorpusSplit:
        return corpus.rows_of(spec, corpus_at(self.path).chunks())

    def inputs(self, spec: Spec) -> tuple[Sequence[str], torch.Tensor]:
        """The whole file as one text to be written on."""
        assert isinstance(spec.input, Tokens), "tokens"
        text = "".join(corpus_at(self.path).chunks())
        if not text:
            raise DataError("a text", f"nothing in `{self.path}`", "Write its beginning.")
        return [str(self.path)], torch.from_numpy(tokenizer(spec.input).encode([text])[0])[None]
