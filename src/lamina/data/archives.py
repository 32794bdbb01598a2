"""Zip and tar archives, read where they lie: no member is ever written to disk, and none larger than the limits is unpacked.

An archive can unpack to far more than it weighs (a "zip bomb"), or name places outside itself; so the number of members, the
length of each, their sum and its ratio to the archive's own length are bounded, and names and links that lead out are refused.
"""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from lamina.core.data import Refusal
from lamina.core.errors import DataError
from lamina.data.files import Entry, Files, Folder, Listing, Load, is_leftover

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
MOST_MEMBERS = 2_000_000
MOST_OF_ONE = 1 << 28  # bytes of one unpacked member
MOST_OF_ALL = 1 << 38
MOST_RATIO = 200  # unpacked to packed; pictures are packed already, even plain black ones reach a hundred at most
FEW = 1 << 24  # bytes that are no danger at any ratio
BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, RuntimeError)


def is_archive(path: Path) -> bool:
    """Whether the name is that of an archive."""
    return path.name.lower().endswith(ENDINGS) and path.is_file()


def holds(path: Path, is_there: Callable[[Files], bool]) -> bool:
    """Whether `path` is a folder or an archive in which `is_there` finds what it looks for; False for what cannot be read."""
    try:
        return (path.is_dir() or is_archive(path)) and is_there(files_of(path))
    except (OSError, DataError):
        return False


def files_of(path: Path) -> Files:
    """The files of a folder or an archive; DataError for an archive that is damaged or larger than the limits."""
    if path.is_dir():
        return Folder(path)
    try:
        return Zip(path) if zipfile.is_zipfile(path) else Tar(path)
    except BROKEN as error:
        raise DataError("a zip or tar archive", f"`{path}`: {error}", "It may be damaged or cut short: fetch or pack it again.") from error


class Zip:
    """The members of a zip."""

    def __init__(self, path: Path) -> None:
        self._opened = zipfile.ZipFile(path)
        admit = _Admission(path)
        for member in self._opened.infolist():
            if not member.is_dir():
                is_link = member.external_attr >> 28 == 0xA  # the file type of Unix in the upper half
                entry = Entry(member.filename.replace("\\", "/"), member.file_size, member.CRC)
                admit(entry, is_link, member.compress_size, locked=bool(member.flag_bits & 1))
        self.listing = admit.done()

    def contents(self, wanted: Sequence[Entry]) -> Iterator[tuple[int, Load]]:
        places = {member.filename.replace("\\", "/"): member for member in self._opened.infolist()}
        for place, entry in enumerate(wanted):
            yield place, _reading(self._opened.read, places[entry.name])


class Tar:
    """The members of a tar, also a compressed one. Its bytes can only be read from the front, so they come in its own order."""

    def __init__(self, path: Path) -> None:
        self._path, stat = path, path.stat()
        self.listing = _members(path, stat.st_mtime_ns, stat.st_size)

    def contents(self, wanted: Sequence[Entry]) -> Iterator[tuple[int, Load]]:
        places = {entry.name: place for place, entry in enumerate(wanted)}
        with tarfile.open(self._path) as opened:
            for member in opened:
                place = places.pop(member.name.removeprefix("./"), None)
                stream = None if place is None else opened.extractfile(member)
                if place is not None and stream is not None:
                    yield place, _given(stream.read())


@lru_cache(maxsize=2)
def _members(path: Path, stamp: int, size: int) -> Listing:
    """The listing of a tar, once for all readers that are asked whether it suits them: a compressed one is unpacked to be listed."""
    admit = _Admission(path)
    with tarfile.open(path) as opened:
        for member in opened:
            if not member.isdir():
                admit(Entry(member.name.removeprefix("./"), member.size, int(member.mtime)), not member.isfile())
    return admit.done()


class _Admission:
    """Which members of an archive are listed; what they unpack to is summed, and the archive refused when it is too much."""

    def __init__(self, path: Path) -> None:
        self._path, self._packed, self._all = path, path.stat().st_size, 0
        self._listing, self._found = Listing(), {}  # type: tuple[Listing, dict[str, Entry]]

    def __call__(self, entry: Entry, is_link: bool, packed: int = 0, locked: bool = False) -> None:
        parts = PurePosixPath(entry.name).parts
        self._all += entry.size
        self._bound()
        if any(is_leftover(part) for part in parts if part != ".."):
            self._listing.ignored += 1
        elif ".." in parts or entry.name.startswith("/") or ":" in parts[0]:
            self._refuse(entry, "a name that leads out of the archive", "Pack the folder again from above it.")
        elif is_link:
            self._refuse(entry, "a link in an archive", "Pack the file itself.")
        elif locked:
            self._refuse(entry, "locked with a password", "Pack it without one.")
        elif entry.size > MOST_OF_ONE or (packed and entry.size > max(FEW, MOST_RATIO * packed)):
            self._refuse(entry, f"unpacks to {entry.size} bytes", "Take it out: no photo is that large.")
        else:
            self._found[entry.name] = entry  # a name that comes twice is its last member, as when it is unpacked

    def done(self) -> Listing:
        """The listing, in the order of the names."""
        self._listing.entries = [self._found[name] for name in sorted(self._found)]
        return self._listing

    def _bound(self) -> None:
        count = len(self._found) + len(self._listing.refused)
        if count >= MOST_MEMBERS or self._all > min(MOST_OF_ALL, max(MOST_OF_ONE, MOST_RATIO * self._packed)):
            raise DataError(f"an archive of at most {MOST_MEMBERS} files that unpacks to at most {MOST_RATIO} times its length",
                            f"`{self._path}` with more", "Unpack it yourself if you trust it, and give the folder.")

    def _refuse(self, entry: Entry, reason: str, repair: str) -> None:
        self._listing.refused.append(Refusal(entry.name, reason, repair))


def _given(content: bytes) -> Load:
    return lambda: content


def _reading(read: Callable[[Any], bytes], member: Any) -> Load:
    return lambda: read(member)
