"""The mask of each photo, paired and surveyed, with its part; what its values mean; and every file that is refused."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lamina.core.data import Refusal
from lamina.core.errors import DataError
from lamina.data.files import Entry, Files
from lamina.data.mask_classes import Meaning, meaning_of
from lamina.data.mask_files import Seen, survey
from lamina.data.mask_names import listed
from lamina.data.mask_pairs import paired
from lamina.data.parts import part_of
from lamina.data.photo_answers import NO_PART
from lamina.data.photo_heads import heads
from lamina.data.pictures import Head


class Asked(Protocol):
    """The knobs that say what masks mean."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def ignore(self) -> tuple[str, ...]: ...


@dataclass
class Answers:
    """The photos that have a mask; by the name of each its mask, what is in that, its part and its head. `files`: others that were
    read."""

    meaning: Meaning
    used: list[Entry] = field(default_factory=list)
    mask: dict[str, Entry] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    part: dict[str, str] = field(default_factory=dict)
    head: dict[str, Head] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    files: list[Entry] = field(default_factory=list)
    unlabelled: list[Entry] = field(default_factory=list)


def answers(files: Files, asked: Asked) -> Answers:
    """Pair, survey and understand all masks. DataError where there are none that can be used."""
    pairs, names = paired(files.listing.entries), listed(files)
    if not pairs.photos:
        raise DataError("masks beside the photos, as `images/1.jpg` and `masks/1.png`", "none that belongs to a photo",
                        "Name each mask as its photo.")
    head, refused = heads(files, pairs.photos)
    seen, bad = survey(files, [pairs.mask[photo.name] for photo in pairs.photos])
    whole = [photo for photo in pairs.photos if photo.name in head and pairs.mask[photo.name].name in seen]
    sizes = {photo.name: (head[photo.name], seen[pairs.mask[photo.name].name]) for photo in whole}
    wrong = [Refusal(pairs.mask[name].name, _another_size(*both), "Export the mask at the size of its photo.")
             for name, both in sizes.items() if not _is_same_shape(*both)]
    used = [photo for photo in whole if _is_same_shape(*sizes[photo.name])]
    if not used:
        first = [*refused, *bad, *wrong][0]
        raise DataError("photos with masks that can be used", f"{first.reason}, as in `{first.where}`", first.repair)
    meaning = meaning_of([sizes[photo.name][1] for photo in used], names, asked.names, asked.ignore)
    seen, part = {one.name: sizes[one.name][1] for one in used}, {one.name: part_of(one.name) for one in used}
    found = Answers(meaning, used, pairs.mask, seen, part, head, [*pairs.refused, *refused, *bad, *wrong],
                    files=[names.file] if names.file else [], unlabelled=pairs.unlabelled)
    _only_in_parts(found)
    found.lines = _lines(found, [name for name, both in sizes.items() if _is_same_shape(*both) and not _is_same_size(*both)])
    return found


def _is_same_size(photo: Head, mask: Seen) -> bool:
    return (photo.height, photo.width) == (mask.height, mask.width)


def _is_same_shape(photo: Head, mask: Seen) -> bool:
    """Whether one is the other enlarged, within the rounding of a pixel."""
    return abs(photo.height * mask.width - photo.width * mask.height) <= max(photo.height, photo.width, mask.height, mask.width)


def _another_size(photo: Head, mask: Seen) -> str:
    lying = " (the photo is turned by its Exif mark)" if (photo.width, photo.height) == (mask.height, mask.width) else ""
    return f"a mask of {mask.width} x {mask.height} for a photo of {photo.width} x {photo.height}{lying}"


def _only_in_parts(found: Answers) -> None:
    """Where some photos are in train, valid or test, leave the others out; where none is, all are to be trained on."""
    if not any(found.part.values()):
        found.part = dict.fromkeys(found.part, "train")
    found.refused += [Refusal(entry.name, NO_PART, "Move it into one.") for entry in found.used if not found.part[entry.name]]
    found.used = [entry for entry in found.used if found.part[entry.name]]


def _lines(found: Answers, scaled: Sequence[str]) -> list[str]:
    first = found.used[0].name
    lines = [f"{len(found.used)} photos with their masks, as `{first}` and `{found.mask[first].name}`", *found.meaning.lines]
    return lines + ([f"{len(scaled)} masks are smaller or larger than their photo and of its shape: they are scaled; the first: "
                     f"`{found.mask[scaled[0]].name}`"] if scaled else [])
