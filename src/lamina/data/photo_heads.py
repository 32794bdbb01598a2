"""The heads of many picture files: their sizes as they are seen, and how they lie in the file; read once and kept."""

from collections.abc import Sequence
from io import BytesIO

from lamina.core.data import Refusal
from lamina.core.errors import DataError
from lamina.data.archives import BROKEN
from lamina.data.decode import refusal
from lamina.data.files import Entry, Files, Load
from lamina.data.kept import kept
from lamina.data.photo_cache import key_of
from lamina.data.pictures import Head, head_of, open_picture
from lamina.data.sources import cache_folder

FORMAT = "heads 1"


def heads(files: Files, wanted: Sequence[Entry]) -> tuple[dict[str, Head], list[Refusal]]:
    """The head of each picture by its name, and the refusals of those that are none."""

    def read() -> list[list[object]]:
        found, refused = _read(files, wanted)
        return [[[name, *head] for name, head in found.items()], [[one.where, one.reason, one.repair] for one in refused]]

    return kept(cache_folder() / "heads" / f"{key_of(wanted, FORMAT)}.json", read, lambda told: (
        {name: Head(*values) for name, *values in told[0]}, [Refusal(*values) for values in told[1]]))


def _read(files: Files, wanted: Sequence[Entry]) -> tuple[dict[str, Head], list[Refusal]]:
    found, refused = dict[str, Head](), list[Refusal]()
    for place, load in files.contents(wanted):
        one = _head(load, wanted[place].name)
        if isinstance(one, Refusal):
            refused.append(one)
        else:
            found[wanted[place].name] = one
    return found, sorted(refused, key=lambda one: one.where)


def _head(load: Load, name: str) -> Head | Refusal:
    try:
        content = load()
        head = head_of(content)
        if head is None:  # what is wrong with it is said by whoever decodes it, or nothing is
            pixels = open_picture(BytesIO(content), name)
            head = Head(pixels.shape[0], pixels.shape[1], pixels.ndim == 2, 1)
        return head
    except DataError as error:
        return refusal(name, error)
    except BROKEN:
        return Refusal(name, "not readable", "Check its permissions, or copy it anew.")
