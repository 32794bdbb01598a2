"""The heads of many picture files: their sizes as they are seen, and how they lie in the file; read once and kept."""

import json
import os
from collections.abc import Sequence
from io import BytesIO

from lamina.core.data import Refusal
from lamina.core.errors import DataError
from lamina.data.archives import BROKEN
from lamina.data.decode import refusal
from lamina.data.files import Entry, Files, Load
from lamina.data.photo_cache import DAMAGES, key_of
from lamina.data.pictures import Head, head_of, open_picture
from lamina.data.sources import cache_folder

FORMAT = "heads 1"


def heads(files: Files, wanted: Sequence[Entry]) -> tuple[dict[str, Head], list[Refusal]]:
    """The head of each picture by its name, and the refusals of those that are none."""
    file = cache_folder() / "heads" / f"{key_of(wanted, FORMAT)}.json"
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return {name: Head(*values) for name, values in told["heads"].items()}, [Refusal(*values) for values in told["refused"]]
    except DAMAGES:
        pass
    found, refused = _read(files, wanted)
    told = {"heads": {name: list(head) for name, head in found.items()}, "refused": [[r.where, r.reason, r.repair] for r in refused]}
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(told), encoding="utf-8")
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)  # they are at hand, so a full disk is no reason to stop
    return found, refused


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
