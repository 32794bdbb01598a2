"""Files of plain text in a folder or an archive: decoded, and refused where they are none."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lamina.core.data import Refusal
from lamina.data.files import Entry, Files

ENDINGS = (".txt", ".text", ".md", ".rst", ".html", ".htm")
MOST_BYTES = 1 << 23  # of one file
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
CONTROLS = frozenset(range(32)) - {9, 10, 11, 12, 13, 26, 27}  # characters that no text holds


@dataclass(frozen=True)
class Read:
    """The texts that could be read, the names of their files, how often an encoding was guessed, and what is refused."""

    texts: list[str]
    names: list[str]
    guessed: dict[str, int]
    refused: tuple[Refusal, ...]

    def lines(self) -> tuple[str, ...]:
        """The guesses, for a person."""
        return tuple(f"{count:,} files are no UTF-8: read as {encoding}, a guess" for encoding, count in self.guessed.items())


def is_text(entry: Entry) -> bool:
    """Whether a file's name is that of a text; one without an ending may be."""
    return entry.ending in ENDINGS or not entry.ending


def read(files: Files, wanted: Sequence[Entry]) -> Read:
    """The texts of files, in the order of `wanted`."""
    texts: dict[int, str] = {}
    guessed: Counter[str] = Counter()
    refused: list[Refusal] = []
    small = [entry for entry in wanted if entry.size <= MOST_BYTES]
    refused += [Refusal(e.name, f"longer than {MOST_BYTES >> 20} MB", "Part it into texts.") for e in wanted if e.size > MOST_BYTES]
    for place, load in files.contents(small):
        try:
            text, encoding = decoded(load())
        except (OSError, ValueError, EOFError) as error:
            refused.append(Refusal(small[place].name, f"no text: {error}", "Save it as plain text in UTF-8."))
            continue
        guessed.update([encoding] if encoding in ("cp1252", "latin-1") else [])
        texts[place] = text
    order = sorted(texts)
    return Read([texts[i] for i in order], [small[i].name for i in order], dict(guessed), tuple(refused))


def decoded(content: bytes) -> tuple[str, str]:
    """The text of bytes, and its encoding: by its mark, utf-8, utf-16 by its zeros, else cp1252 or latin-1. ValueError for what is no text.

    >>> decoded("schön".encode("utf-16"))[0], decoded("schön".encode("latin-1"))
    ('schön', ('schön', 'cp1252'))
    """
    if not content.strip():
        raise ValueError("it is empty")
    text, encoding = _decoded(content)
    if sum(map(text[:4096].count, map(chr, CONTROLS))) > 0:
        raise ValueError("it holds bytes that no text has")
    return text, encoding


def _decoded(content: bytes) -> tuple[str, str]:
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return content.decode(encoding), encoding
    head = content[:4096]
    for half, encoding in ((head[1::2], "utf-16-le"), (head[::2], "utf-16-be")):
        if half.count(0) > len(half) // 4:
            return content.decode(encoding), encoding
    for encoding in ("utf-8", "cp1252"):
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1"), "latin-1"
