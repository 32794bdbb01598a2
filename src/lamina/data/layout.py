"""What the folders that files lie in say of them: the part (train, valid, test) and the class."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lamina.core.errors import DataError, quoted

PARTS = {
    "train": "train", "training": "train", "valid": "valid", "val": "valid", "validation": "valid", "dev": "valid",
    "test": "test", "testing": "test",
}  # fmt: skip


def by_part(files: Iterable[Path]) -> dict[str, Path]:
    """Files named train, valid (dev) and test, in this order; {} where none is named train."""
    named = {PARTS[stem]: one for one in files if (stem := one.name.split(".")[0].lower()) in PARTS}
    return {part: named[part] for part in ("train", "valid", "test") if part in named} if "train" in named else {}


@dataclass(frozen=True)
class Place:
    """Where a file lies: its part, "" where the folders name parts but this file lies in none; its class, "" if in no class folder."""

    part: str
    label: str


def places(names: Sequence[str]) -> list[Place]:
    """The place of each file, by its name with `/` between.

    Folders that all files share are no class. Folders in folders are joined: `dog/poodle`; but a level that is called
    the same everywhere, as `images` in `cat/images` and `dog/images`, says nothing and is left out.

    >>> places(["pets/train/cat/1.jpg", "pets/val/dog/images/2.jpg"])[1]
    Place(part='valid', label='dog/images')
    """
    folders = _without_shared([tuple(name.split("/")[:-1]) for name in names])
    parts = [PARTS.get(folder[0].lower(), "") if folder else "" for folder in folders]
    if not any(parts):
        parts = ["train"] * len(names)
    elif "train" in parts:
        folders = [folder[1:] if part else folder for folder, part in zip(folders, parts, strict=True)]
    else:
        raise DataError("a folder `train` beside the others", quoted(sorted({f[0] for f, p in zip(folders, parts, strict=True) if p})),
                        "Name the folder of the training photos `train`.")
    return [Place(part, label) for part, label in zip(parts, _labels(folders), strict=True)]


def label_among(name: str, known: Sequence[str]) -> str:
    """The class of a file among known ones: the run of its folders, deepest first, that is one of them; "" if none is."""
    folders, classes = name.split("/")[:-1], set(known)
    for end in range(len(folders), 0, -1):
        for start in range(end):
            if "/".join(folders[start:end]) in classes:
                return "/".join(folders[start:end])
    return ""


def _without_shared(folders: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Without the leading folders that all files share."""
    shared = 0
    while folders and all(len(f) > shared for f in folders) and len({f[shared] for f in folders}) == 1:
        shared += 1
    return [f[shared:] for f in folders]


def _labels(folders: list[tuple[str, ...]]) -> list[str]:
    folders = _without_shared(folders)
    depths = {len(f) for f in folders if f}
    if len(depths) == 1:
        levels = range(depths.pop())
        told = [level for level in levels if len({f[level] for f in folders if f}) > 1]
        folders = [tuple(f[level] for level in told) if f else f for f in folders]
    return ["/".join(f) for f in folders]
