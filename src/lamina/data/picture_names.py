"""Which picture a label file means: by the end of its name, and among pictures of one name by the folders that they share with it."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from itertools import takewhile

Key = tuple[str, ...]


class PictureNames:
    """The names of pictures, `/` between folders, to be asked for."""

    def __init__(self, names: Sequence[str]) -> None:
        self._whole: defaultdict[str, list[str]] = defaultdict(list)
        self._stems: defaultdict[str, list[str]] = defaultdict(list)
        for name in names:
            last = _plain(name).rsplit("/", 1)[-1]
            self._whole[last].append(name)
            self._stems[last.rpartition(".")[0] or last].append(name)

    def meant(self, cell: str, near: str = "") -> list[str]:
        """The pictures that `cell` can mean, written in the file `near`, with or without ending: [] if there is none, several if
        nothing tells them apart.

        >>> PictureNames(["train/a.jpg", "val/a.jpg"]).meant("a", "val/labels.json")
        ['val/a.jpg']
        """
        wanted = _plain(cell.replace("\\", "/"))
        last = wanted.rsplit("/", 1)[-1]
        found = self._whole.get(last) or self._stems.get(last) or self._stems.get(last.rpartition(".")[0]) or []
        if len(found) < 2:
            return list(found)
        nearness = [(_shared(_folders(wanted)[::-1], _folders(one)[::-1]), _shared(_folders(near), _folders(one))) for one in found]
        return [one for one, value in zip(found, nearness, strict=True) if value == max(nearness)]


def _folders(name: str) -> Key:
    return tuple(_plain(name).split("/")[:-1])


def _shared(a: Key, b: Key) -> int:
    """How many leading members two have in common."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def _plain(name: str) -> str:
    """One spelling of a name: accents are written in two ways, and systems differ in their regard for case."""
    return unicodedata.normalize("NFC", name).casefold()
