"""The outlines of objects in COCO files, polygons and runs of pixels, painted as masks: a class for every pixel, 0 for the background.

Runs count the pixels column by column, alternately outside and inside; packed, a count is written in groups of five bits from
the lowest on, 48 added to make a letter, and from the third on as the difference to the last but one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lamina.core.data import Refusal
from lamina.core.spec import IGNORED, Image
from lamina.data.box_files import Said, number
from lamina.data.box_files.coco import annotated, document
from lamina.data.files import Entry, Files
from lamina.data.fit import placement
from lamina.data.mask_files import laid, under
from lamina.data.picture_names import PictureNames
from lamina.data.pictures import MOST_PIXELS, Head

BACKGROUND = "background"
FINER = 4  # times finer than the picture is the grid on which polygons are filled, whose rim belongs to them
NO_OUTLINE = "an object without an outline"


@dataclass(frozen=True)
class Outline:
    """One object: its class, its polygons or runs, and whether it is a crowd, of which nobody says what is where."""

    name: str
    shape: Any
    crowd: bool
    area: float


def outlines(files: Files, entries: Sequence[Entry], names: PictureNames) -> tuple[dict[str, list[Outline]], list[Refusal]]:
    """The objects of each picture, the largest first, so that the small ones are painted over them; and those without an outline."""
    said, found = Said(), dict[str, list[Outline]]()
    contents = {place: load() for place, load in files.contents(entries)}
    refused = []
    for place, entry in enumerate(entries):
        for one, objects in annotated(document(contents[place], entry.name), entry, names, said):
            drawn = [Outline(name, found.get("segmentation"), bool(found.get("iscrowd")), _area(found)) for name, found
                     in zip(one.names, objects, strict=True)]
            refused += [Refusal(f"{one.where}, box {k + 1}", NO_OUTLINE, "Draw it, or take it out.")
                        for k, outline in enumerate(drawn) if not is_drawn(outline.shape)]
            found[one.picture] = sorted((outline for outline in drawn if is_drawn(outline.shape)), key=lambda outline: -outline.area)
    return found, refused


def _area(found: Mapping[str, Any]) -> float:
    area = number(found.get("area"))
    return area if area == area else 0.0  # NaN differs from itself


def is_drawn(shape: Any) -> bool:
    """Whether it is a list of polygons of three points or more, or runs with their size."""
    if isinstance(shape, list):
        return bool(shape) and all(isinstance(one, list) and len(one) >= 6 and len(one) % 2 == 0
                                   and all(isinstance(value, int | float) for value in one) for one in shape)
    if not isinstance(shape, dict) or not isinstance(shape.get("size"), list) or len(shape["size"]) != 2:
        return False
    high, wide = shape["size"]
    has_size = isinstance(high, int) and isinstance(wide, int) and high > 0 and 0 < high * wide <= MOST_PIXELS
    return has_size and isinstance(shape.get("counts"), list | str)


def painted(objects: Sequence[Outline], head: Head, image: Image, names: Sequence[str]) -> torch.Tensor:
    """The mask (image.height, image.width) uint8 of one photo; crowds and classes that are not among the names are IGNORED."""
    mask = torch.zeros(image.height, image.width, dtype=torch.uint8)
    for one in sorted(objects, key=lambda one: not one.crowd):  # what is known lies over a crowd
        place = IGNORED if one.crowd or one.name not in names else names.index(one.name)
        mask[_filled(one.shape, head, image)] = place
    outside = under((head.height, head.width), image)[2]
    return mask.masked_fill(outside, IGNORED)


def _filled(shape: Any, head: Head, image: Image) -> torch.Tensor:
    """Where an object is, (image.height, image.width) bool."""
    if isinstance(shape, dict):
        return laid(torch.from_numpy(from_runs(shape["counts"], shape["size"])), image) == 1
    from PIL import Image as pil
    from PIL import ImageDraw

    where = placement((head.height, head.width), image.height, image.width, image.fit)
    canvas = pil.new("1", (image.width * FINER, image.height * FINER))
    draw = ImageDraw.Draw(canvas)
    for polygon in shape:
        points = (np.array(polygon, float).reshape(-1, 2) * [where.across, where.down] + [where.left, where.top]) * FINER - 0.5
        draw.polygon([tuple(point) for point in points.tolist()], fill=1)
    return torch.from_numpy(np.asarray(canvas)[FINER // 2 :: FINER, FINER // 2 :: FINER].copy())


def from_runs(counts: Sequence[int] | str, size: Sequence[int]) -> np.ndarray:
    """Runs as (H, W) uint8 of 0 and 1; runs that are too short or too long are filled up or cut off.

    >>> from_runs([1, 2, 1], (2, 2)).tolist()
    [[0, 1], [1, 0]]
    """
    lengths = np.array(unpacked(counts) if isinstance(counts, str) else [int(count) for count in counts], np.int64).clip(0, MOST_PIXELS)
    inside = np.repeat(np.arange(len(lengths)) % 2, lengths).astype(np.uint8)[: size[0] * size[1]]
    flat = np.zeros(size[0] * size[1], np.uint8)
    flat[: len(inside)] = inside
    return flat.reshape(size[1], size[0]).T.copy()


def unpacked(text: str) -> list[int]:
    """The counts in a packed text."""
    counts: list[int] = []
    value, shift = 0, 0
    for letter in text:
        group = ord(letter) - 48
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value, shift = 0, 0
    return counts
