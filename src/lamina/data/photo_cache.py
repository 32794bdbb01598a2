"""The decoded photos of a folder, kept in the user's cache folder as one file that is mapped into memory.

A cache holds `pictures` (N * C * H * W bytes, in the order in which they were read) and `index.json`. Its name is a hash of
the files' names, lengths and stamps and of what was asked of them; a changed file makes another cache. A damaged one is made
anew: its length must be right, and the checksums of blocks spread over it (all of it would be as slow as decoding small photos).
"""

import hashlib
import json
import math
import os
import shutil
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from lamina.core.data import Refusal
from lamina.core.errors import LaminaError
from lamina.core.say import say
from lamina.core.spec import Image
from lamina.data.decode import ReadPicture, decoded
from lamina.data.files import Entry, Files
from lamina.data.kept import DAMAGES
from lamina.data.pictures import read_picture
from lamina.data.sources import cache_folder

FORMAT = 1
BLOCKS, BLOCK = 64, 1 << 14  # checksums that are taken, bytes of each
DAYS_UNUSED = 30  # after which a cache is removed
SECONDS_OF_A_DAY = 86400


@dataclass(frozen=True)
class Photos:
    """Decoded photos: `pictures` (M, C, H, W) uint8, of which row `rows[i]` is the file `names[i]`, in the order of the names."""

    image: Image
    pictures: torch.Tensor
    rows: torch.Tensor
    names: tuple[str, ...]
    refused: tuple[Refusal, ...]
    folder: Path


def photos(
    files: Files, wanted: Sequence[Entry], asked: str, image: Callable[[], Image], read: ReadPicture = read_picture
) -> Photos:
    """The photos from the cache, or decoded into it. `asked`: what `image()` and `read` depend on, as text; they are asked only if
    there is no cache."""
    folder = cache_folder() / "photos" / key_of(wanted, asked)
    try:
        return _opened(folder)
    except DAMAGES:
        pass
    try:
        _make(folder, files, wanted, image(), read)
        return _opened(folder)
    except OSError as error:
        raise LaminaError(f"room for the decoded photos in `{folder.parent}`", f"{error.strerror or error}",
                          "Make room, or set LAMINA_CACHE to a folder on another disk.") from error


def fingerprint(entries: Sequence[Entry]) -> str:
    """A hash of the files' names and lengths: it stays when they are copied, and differs when one is changed."""
    return hashlib.sha256(json.dumps([[e.name, e.size] for e in entries]).encode()).hexdigest()


def key_of(wanted: Sequence[Entry], asked: str) -> str:
    """A name for what was made of files as `asked`: it differs when one of them is changed."""
    parts = [FORMAT, asked, [[entry.name, entry.size, entry.stamp] for entry in wanted]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _make(folder: Path, files: Files, wanted: Sequence[Entry], image: Image, read: ReadPicture) -> None:
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    _remove_old(folder.parent)
    part.mkdir(parents=True)
    try:
        _write(part, files, wanted, image, read)
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(part: Path, files: Files, wanted: Sequence[Entry], image: Image, read: ReadPicture) -> None:
    """Plain writes, not a mapped file: on a full disk they raise an error, where a mapped one kills the process."""
    say(f"decoding {len(wanted):,} pictures to {image.height} x {image.width} pixels, once")
    places: list[int] = []
    refused: list[Refusal] = []
    with (part / "pictures").open("wb") as out:
        for place, one in decoded(files, wanted, image, read):
            if isinstance(one, Refusal):
                refused.append(one)
            else:
                out.write(one.contiguous().numpy().data)
                places.append(place)
        out.flush()
        os.fsync(out.fileno())
    rows = sorted(range(len(places)), key=places.__getitem__)
    index = {
        "image": image.model_dump(mode="json"), "rows": rows, "names": [wanted[places[row]].name for row in rows],
        "refused": [asdict(one) for one in sorted(refused, key=lambda one: one.where)], "sums": _sums(part / "pictures"),
    }  # fmt: skip
    (part / "index.json").write_text(json.dumps(index), encoding="utf-8")


def _opened(folder: Path) -> Photos:
    """A cache that is whole; one of DAMAGES otherwise."""
    index: dict[str, Any] = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    image, file = Image(**index["image"]), folder / "pictures"
    shape = (len(index["rows"]), *image.shape)
    if file.stat().st_size != math.prod(shape) or _sums(file) != index["sums"]:
        raise ValueError("damaged")
    os.utime(folder / "index.json")
    pictures = torch.from_file(str(file), size=math.prod(shape), dtype=torch.uint8).view(shape)
    refused = tuple(Refusal(**one) for one in index["refused"])
    return Photos(image, pictures, torch.tensor(index["rows"], dtype=torch.int64), tuple(index["names"]), refused, folder)


def _sums(file: Path) -> list[int]:
    """Checksums of blocks spread evenly over a file."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        sums = []
        for number in range(BLOCKS):
            opened.seek(max(0, size - BLOCK) * number // (BLOCKS - 1))
            sums.append(zlib.crc32(opened.read(BLOCK)))
    return sums


def _remove_old(folder: Path) -> None:
    """Remove caches that nobody used for long, and what processes that died left half made."""
    for one in folder.iterdir() if folder.exists() else ():
        index = one / "index.json"
        age = time.time() - (index if index.exists() else one).stat().st_mtime
        if age > (1 if one.suffix == ".part" else DAYS_UNUSED) * SECONDS_OF_A_DAY:
            shutil.rmtree(one, ignore_errors=True)
