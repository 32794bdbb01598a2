"""Which pictures are masks, and of which photos: by the names of folders (`images/` and `masks/`, `train/` and `trainannot/`) or of files
(`a.jpg` and `a_mask.png`), and by their looks: a mask is flat."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np

from lamina.core.data import Refusal
from lamina.core.errors import DataError, quoted
from lamina.data.files import Entry, Files
from lamina.data.parts import without_answer
from lamina.data.picture_names import PictureNames
from lamina.data.pictures import ENDINGS, open_picture

WORDS = "masks?|labels?|annotations?|annots?|segmentations?|segmentation[-_ ]?class|seg|gt|ground[-_ ]?truth|targets?|trimaps?"
FOLDER = re.compile(rf"(.*?)[-_ ]?({WORDS})", re.IGNORECASE)
FILE = re.compile(rf"(.+)[-_. ]({WORDS}|L)", re.IGNORECASE)  # CamVid's own files end in `_L`
UNPAIRED = "Draw one, or put the photo into a folder `unlabelled`, from which `--method pseudo_label` learns."
SAMPLED, FLAT = 3, 0.7  # masks that are looked at; share of neighbours that are equal, which photos do not reach


@dataclass
class Pairs:
    """The mask of each photo, by the photo's name; photos that are to have none; and what belongs to nothing."""

    photos: list[Entry] = field(default_factory=list)
    unlabelled: list[Entry] = field(default_factory=list)
    mask: dict[str, Entry] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)


def paired(entries: Sequence[Entry]) -> Pairs:
    """Pair the pictures among the entries."""
    everything = [entry for entry in entries if entry.ending in ENDINGS]
    pictures = [entry for entry in everything if not without_answer(entry.name)]
    meant = {entry.name: _photo_of(entry.name) for entry in pictures}
    found = Pairs([entry for entry in pictures if not meant[entry.name]], [entry for entry in everything if without_answer(entry.name)])
    names = PictureNames([entry.name for entry in found.photos])
    for entry in pictures:
        if meant[entry.name]:
            _take(found, entry, names.meant(meant[entry.name], entry.name))
    found.refused += [Refusal(one.name, "a photo without a mask", UNPAIRED)
                      for one in found.photos if one.name not in found.mask]
    found.photos = [one for one in found.photos if one.name in found.mask]
    return found


def _take(found: Pairs, mask: Entry, photos: Sequence[str]) -> None:
    if len(photos) == 1 and photos[0] not in found.mask:
        found.mask[photos[0]] = mask
    elif len(photos) == 1:
        do = f"Keep one: the other is `{found.mask[photos[0]].name}`."
        found.refused.append(Refusal(mask.name, "a second mask of one photo", do))
    elif photos:
        do = f"Rename one of {quoted(photos, 3)}."
        found.refused.append(Refusal(mask.name, "a mask of a photo of which there are two with one name", do))
    else:
        found.refused.append(Refusal(mask.name, "a mask of a photo that is not there", "Add the photo, or take the mask out."))


def _photo_of(name: str) -> str:
    """How the photo of a mask could be called, without ending; "" if the name is not that of a mask.

    >>> _photo_of("trainannot/1.png"), _photo_of("a_mask.png"), _photo_of("train/1.png")
    ('train/1', 'a', '')
    """
    *folders, last = name.rpartition(".")[0].split("/")
    stem = FILE.fullmatch(last)
    marked = [FOLDER.fullmatch(folder) for folder in folders]
    if stem is None and not any(marked):
        return ""
    plain = [one.group(1) if one else folder for one, folder in zip(marked, folders, strict=True)]
    return "/".join([*filter(None, plain), stem.group(1) if stem else last])


def is_there(files: Files) -> bool:
    """Whether photos lie beside their masks: by the names, and by a look at a few of the masks."""
    masks = list(paired(files.listing.entries).mask.values())
    some = masks[:: max(1, -(-len(masks) // SAMPLED))]
    return bool(some) and sum(_is_flat(load(), some[place].name) for place, load in files.contents(some)) * 2 > len(some)


def _is_flat(content: bytes, name: str) -> bool:
    """Whether most neighbours are equal; what is damaged is no photo to learn from as a whole either, so its folder's name counts."""
    try:
        pixels = open_picture(BytesIO(content), name)
    except DataError:
        return True
    wide = pixels.reshape(*pixels.shape[:2], -1)
    return bool(np.mean((wide[:, 1:] == wide[:, :-1]).all(2)) > FLAT)
