"""Long texts in files, read a stretch at a time: one file, also packed, or all the texts of a folder in the order of their names."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lamina.core.errors import DataError
from lamina.data import text_files
from lamina.data.archives import BROKEN
from lamina.data.table_files import open_packed

PACKED = (".gz", ".xz")  # files of one text; an archive may hold several
HEAD = 1 << 16  # bytes by which a file is known as text, and its encoding
STRETCH = 1 << 22  # bytes that are decoded at once


@dataclass
class Corpus:
    """Files of text as one text. `replaced`: characters that could not be decoded, as the passes so far have seen."""

    files: list[Path]
    replaced: int = 0
    encodings: dict[str, str] = field(default_factory=dict)

    def chunks(self) -> Iterator[str]:
        """The text, some millions of characters at a time, cut behind a space or line end where there is one."""
        strange = 0
        for text in (text for file in self.files for text in self._of(file)):
            strange += text.count("\ufffd")
            self.replaced = max(self.replaced, strange)
            yield text

    def stamp(self) -> str:
        """Differs where the files do: names, sizes and times of change."""
        facts = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in self.files]
        return repr(facts)

    def size(self) -> int:
        """Bytes of the files."""
        return sum(file.stat().st_size for file in self.files)

    def _of(self, file: Path) -> Iterator[str]:
        rest = ""
        decoder = codecs.getincrementaldecoder(self._encoding(file))(errors="replace")
        try:
            with open_packed(file) as opened:
                while content := opened.read(STRETCH):
                    text = rest + decoder.decode(content)
                    end = max(text.rfind(" "), text.rfind("\n")) + 1 or len(text)
                    rest = text[end:]
                    yield text[:end].replace("\r\n", "\n")
        except BROKEN as error:
            raise DataError("a file that can be read to its end", f"`{file}`: {error}", "Restore it from a copy.") from error
        if last := rest + decoder.decode(b"", final=True):
            yield last.replace("\r\n", "\n")

    def _encoding(self, file: Path) -> str:
        """The encoding of a file by its head; DataError where it is no text."""
        if str(file) not in self.encodings:
            try:
                with open_packed(file) as opened:
                    head = opened.read(HEAD)
                self.encodings[str(file)] = text_files.decoded(_whole(head))[1]
            except (*BROKEN, ValueError) as error:
                raise DataError("a file of plain text", f"`{file}`: {error}", "Save it as plain text in UTF-8.") from error
        return self.encodings[str(file)]


def _whole(head: bytes) -> bytes:
    """A head of UTF-8 without the half of a character that it may end with."""
    for cut in range(min(4, len(head))):
        try:
            head[: len(head) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return head[: len(head) - cut]
    return head


def corpus_at(path: Path) -> Corpus:
    """The text at a path; DataError where there is none."""
    if path.is_file():
        return Corpus([path])
    files = sorted(one for one in path.rglob("*") if one.is_file() and is_text(one)) if path.is_dir() else []
    if not files:
        raise DataError("a file of plain text, or a folder of them", f"`{path}`",
                        f"It is told by its ending: {', '.join(text_files.ENDINGS)}.")
    return Corpus(files)


def is_text(path: Path) -> bool:
    """Whether a file's name is that of a text, also packed."""
    name = path.with_suffix("") if path.suffix in PACKED else path
    return name.suffix.lower() in text_files.ENDINGS
