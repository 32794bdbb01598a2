"""The files of a folder, or of an archive: one listing for both, so that whoever reads pictures need not know which it is."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lamina.core.data import Refusal
from lamina.core.errors import quoted

LEFTOVERS = frozenset({"__macosx", "thumbs.db", "desktop.ini"})  # of other programs
Load = Callable[[], bytes]


@dataclass(frozen=True)
class Entry:
    """A file: its name below the folder with `/` between, its length in bytes, and a stamp that differs when it is changed."""

    name: str
    size: int
    stamp: int

    @property
    def ending(self) -> str:
        """The last part of the name from its dot on, in small letters."""
        return os.path.splitext(self.name)[1].lower()


@dataclass
class Listing:
    """What was found: entries in the order of their names, what is refused, and how many were ignored as hidden or left over."""

    entries: list[Entry] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    ignored: int = 0


class Files(Protocol):
    """A folder or an archive."""

    listing: Listing

    def contents(self, wanted: Sequence[Entry]) -> Iterator[tuple[int, Load]]:
        """For each of `wanted`, in the order that is cheapest to read: its place in `wanted`, and what gives its bytes in any thread."""
        ...


def left_out(listing: Listing, known: Collection[str]) -> list[str]:
    """What else lies there and is not looked at, for a person. known: the names of the files that are looked at."""
    others = Counter(entry.ending or "no ending" for entry in listing.entries if entry.name not in known)
    lines = [f"{others.total()} files that are no pictures are left out: {quoted(others)}"] if others else []
    hidden = listing.ignored
    return lines + ([f"{hidden} hidden files or folders, or such that other programs left, are left out"] if hidden else [])


def is_leftover(name: str) -> bool:
    """Whether a file or folder is hidden, or left by another program."""
    return name.startswith(".") or name.lower() in LEFTOVERS


class Folder:
    """All files below a folder. Links are followed inside it only, and each linked folder once."""

    def __init__(self, path: Path) -> None:
        self.path, self.listing = path, Listing()
        self._root = os.path.realpath(path)
        self._linked: set[str] = set()
        waiting = [""]
        while waiting:
            waiting += self._walk(waiting.pop())
        self.listing.entries.sort(key=lambda entry: entry.name)

    def contents(self, wanted: Sequence[Entry]) -> Iterator[tuple[int, Load]]:
        for place, entry in enumerate(wanted):
            yield place, (self.path / entry.name).read_bytes

    def _walk(self, below: str) -> list[str]:
        """List one folder; the names of the folders in it."""
        deeper = []
        try:
            with os.scandir(self.path / below) as found:
                for one in found:
                    name = f"{below}/{one.name}" if below else one.name
                    if is_leftover(one.name):
                        self.listing.ignored += 1
                    elif self._is_folder(one, name):
                        deeper.append(name)
        except OSError as error:
            self._refuse(below or str(self.path), f"a folder that cannot be read: {error.strerror}", "Check its permissions.")
        return deeper

    def _is_folder(self, one: "os.DirEntry[str]", name: str) -> bool:
        """Whether to walk into it; a file is listed instead."""
        if one.is_symlink() and not self._may_follow(one, name):
            return False
        if one.is_dir():
            return True
        if one.is_file():
            stat = one.stat()
            self.listing.entries.append(Entry(name, stat.st_size, stat.st_mtime_ns))
        return False

    def _may_follow(self, link: "os.DirEntry[str]", name: str) -> bool:
        target, place = os.path.realpath(link.path), os.path.realpath(os.path.dirname(link.path))
        if not os.path.exists(target):
            self._refuse(name, "a link to nothing", "Remove the link.")
        elif not target.startswith(self._root + os.sep) and target != self._root:
            self._refuse(name, "a link out of the folder", "Copy what it points to into the folder.")
        elif link.is_dir() and (place + os.sep).startswith(target + os.sep):
            self._refuse(name, "a link to the folder that it lies in", "Remove the link.")
        elif link.is_dir() and target in self._linked:
            self._refuse(name, "a second link to the same folder", "Remove one of the links.")
        else:
            self._linked.add(target)
            return True
        return False

    def _refuse(self, where: str, reason: str, repair: str) -> None:
        self.listing.refused.append(Refusal(where, reason, repair))
