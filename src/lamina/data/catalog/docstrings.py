"""Docstrings of the packages that are installed with Lamina, a text of technical English that needs no download.

Some two to three million words, as the versions have it: what torch, numpy, scipy, scikit-learn, sympy, networkx and Python's own
library say of their functions. The files are read as text and nothing of them is executed or imported. Examples (`>>>`) are left out; a
paragraph is a line, and one that stands there twice is taken once. To learn words from (`embed`), or how such text goes on
(`write`, as byte pairs). Licences: those of the packages (BSD, Apache-2.0, PSF); the text stays on the machine.
"""

import hashlib
import re
import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.data import Data
from lamina.core.errors import DataError
from lamina.data import corpus, word_corpus
from lamina.data.sources import cache_folder

PACKAGES = ("torch", "numpy", "scipy", "sklearn", "sympy", "networkx")
DOCSTRING = re.compile(r'^[ \t]*[rRuU]?("""|\'\'\')(.*?)\1', re.DOTALL | re.MULTILINE)
LEAST_WORDS = 5  # of a paragraph
STRETCH = 1 << 22  # characters


class Config(knobs.Config):
    """What the text is for."""

    task: Literal["embed", "write"] = knob("embed", "whether words are learned, or how the text goes on")
    least: int = knob(5, "to embed: times that a word must stand in the text to be learned", low=1)
    phrases: int = knob(0, "to embed: times that words which belong together are joined, as new_york", low=0, high=5)


def docstrings(config: Config, seed: int) -> Data:
    """The docstrings of installed packages."""
    files = sorted(_files())
    stamp = hashlib.sha256("\n".join(f"{file}:{file.stat().st_size}" for file in files).encode()).hexdigest()[:16]
    text = _kept(files, stamp)
    if not text:
        raise DataError("installed packages with docstrings", "none whose files can be read", "Use a text of your own.")

    def chunks() -> Iterator[str]:
        return (text[i : i + STRETCH] for i in range(0, len(text), STRETCH))

    if config.task == "write":
        return corpus.data_of("docstrings", chunks, corpus.Config(unit="bpe"), stamp)
    how = word_corpus.Config(least=config.least, phrases=config.phrases)
    return word_corpus.data_of("docstrings", chunks, how, stamp, len(text))


def _files() -> Iterator[Path]:
    """The Python files of the packages, and those of the standard library without its tests."""
    for name in PACKAGES:
        found = find_spec(name)
        for place in (found.submodule_search_locations or []) if found is not None else []:
            yield from Path(place).rglob("*.py")
    library = Path(sysconfig.get_paths()["stdlib"])
    yield from (file for file in library.rglob("*.py") if not {"site-packages", "test", "tests", "idlelib"} & set(file.parts))


def _kept(files: list[Path], stamp: str) -> str:
    """The text, gathered once for these versions."""
    path = cache_folder() / "docstrings" / f"{stamp}.txt"
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        pass
    text = "\n".join(dict.fromkeys(paragraph for file in files for paragraph in paragraphs(_read(file))))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError:  # it is at hand all the same
        return text
    return text


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def paragraphs(source: str) -> Iterator[str]:
    r"""The paragraphs of the docstrings of a source.

    >>> list(paragraphs('def f():\n    \'\'\'Adds one number to\n    another one.\n\n    >>> f(1)\n    \'\'\'\n'))
    ['Adds one number to another one.']
    """
    for _, text in DOCSTRING.findall(source):
        for paragraph in re.split(r"\n\s*\n", text):
            lines = [line.strip() for line in paragraph.split("\n")]
            joined = " ".join(line for line in lines if line and not line.startswith((">>>", "...")))
            if len(joined.split()) >= LEAST_WORDS:
                yield joined
