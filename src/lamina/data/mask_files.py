"""Mask files: the value or the colour of every pixel, as it is written; what is in each file, surveyed once and kept; and, in the
terms of classes, brought to the size at which the network sees the photo, each pixel by its nearest."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Literal

import numpy as np
import torch

from lamina.core.data import Refusal
from lamina.core.errors import DataError
from lamina.core.spec import IGNORED, Image
from lamina.data.decode import each
from lamina.data.files import Entry, Files
from lamina.data.fit import placement
from lamina.data.kept import kept
from lamina.data.photo_cache import key_of
from lamina.data.pictures import BROKEN, MOST_PIXELS
from lamina.data.sources import cache_folder

FORMAT = "masks 1"
MOST_COLOURS = 256
GREY = 0x010101  # a grey of level 1 as one number
BLURRED = "more than 256 colours, as soft edges or JPEG make"
AS_PNG = "Save it as PNG, drawn without soft edges (antialiasing), each class in one colour."
Form = Literal["values", "palette", "colours"]


@dataclass(frozen=True)
class Seen:
    """What is in a mask file: its size, how often each value or colour occurs, and of a palette the colour of each value. A colour
    is one number, as `packed` makes it."""

    height: int
    width: int
    form: Form
    counts: Mapping[int, int]
    palette: Mapping[int, int]

    def by(self, colour: bool) -> Mapping[int, int]:
        """How often each value occurs, or each colour."""
        if not colour or self.form == "colours":
            return self.counts
        return {self.palette.get(value, value * GREY): count for value, count in self.counts.items()}


def survey(files: Files, wanted: Sequence[Entry]) -> tuple[dict[str, Seen], list[Refusal]]:
    """What is in each file, by its name, and the refusals of those that are no masks."""

    def look() -> list[object]:
        found = sorted(each(files, wanted, _look), key=lambda pair: pair[0])
        return [[[wanted[place].name, asdict(one)] for place, one in found if isinstance(one, Seen)],
                [asdict(one) for _, one in found if isinstance(one, Refusal)]]

    return kept(cache_folder() / "heads" / f"{key_of(wanted, FORMAT)}.json", look, lambda told: (
        {name: _seen(**values) for name, values in told[0]}, [Refusal(**one) for one in told[1]]))


def _seen(counts: dict[str, int], palette: dict[str, int], **rest: object) -> Seen:
    """From JSON, in which the keys are words."""
    return Seen(counts={int(k): n for k, n in counts.items()}, palette={int(k): c for k, c in palette.items()}, **rest)  # type: ignore[arg-type]


def _look(content: bytes, name: str) -> Seen:
    values, palette = opened(content, name)
    form: Form = "colours" if values.dtype == np.uint32 else "palette" if palette else "values"
    if form == "colours":
        present, counts = np.unique(values, return_counts=True)
    else:
        counts = np.bincount(values.ravel(), minlength=256)
        present = np.flatnonzero(counts)
        counts = counts[present]
    if len(present) > MOST_COLOURS:
        raise DataError("a mask of few colours", f"`{name}`: {BLURRED}", AS_PNG)
    found = dict(zip(present.tolist(), counts.tolist(), strict=True))
    return Seen(values.shape[0], values.shape[1], form, found, {value: palette[value] for value in found} if palette else {})


def opened(content: bytes, name: str) -> tuple[np.ndarray, dict[int, int]]:
    """The pixels of a mask (H, W): uint8 values and the colours of its palette, {} if it has none; or uint32 colours."""
    from PIL import Image as pil

    try:
        with warnings.catch_warnings(action="ignore"), pil.open(BytesIO(content)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise DataError(f"at most {MOST_PIXELS} pixels", f"`{name}` with {picture.width} x {picture.height}", "Make it smaller.")
            if picture.format == "JPEG":
                raise DataError("a mask of exact values", f"`{name}`, a JPEG, which blurs them", AS_PNG)
            if picture.mode == "P":
                colours = np.asarray(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)
                return np.asarray(picture), dict(enumerate(packed(colours).tolist()))
            return _values(np.asarray(picture), name), {}
    except DataError:
        raise
    except (*BROKEN, pil.DecompressionBombError) as error:
        raise DataError("a mask that can be read", f"`{name}`, which is damaged or no picture", "Export it again.") from error


def _values(pixels: np.ndarray, name: str) -> np.ndarray:
    """One value a pixel: a grey one as it is, a colour as one number; a colour picture that is grey all over is grey."""
    if pixels.ndim == 3 and pixels.shape[2] == 2:  # grey with transparency
        pixels = pixels[:, :, 0]
    if pixels.ndim == 3:
        red, green, blue = (pixels[:, :, i] for i in range(3))
        return red.copy() if (red == green).all() and (green == blue).all() else packed(pixels)
    if pixels.min(initial=0) < 0 or pixels.max(initial=0) > 255:
        do = "Number the classes from 0 on, at most 255 of them."
        raise DataError("values of 0 to 255", f"`{name}`: values up to {pixels.max():g}", do)
    return pixels.astype(np.uint8)


def packed(colours: np.ndarray) -> np.ndarray:
    """Colours (..., 3 or more) uint8 as one number each, (...) uint32: red * 65536 + green * 256 + blue."""
    wide = colours[..., :3].astype(np.uint32)
    found: np.ndarray = (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]
    return found


def unpacked(colour: int) -> tuple[int, int, int]:
    """Red, green and blue of a packed colour."""
    return colour >> 16, colour >> 8 & 255, colour & 255


def read_mask(content: bytes, image: Image, name: str, place: Mapping[int, int], by_colour: bool) -> torch.Tensor:
    """A mask file as classes, (1, image.height, image.width) uint8, laid where the photo comes to lie; `IGNORED` around it.

    place: the class of each value, or of each colour; what is not in it is IGNORED."""
    values, palette = opened(content, name)
    if by_colour:
        colours = values if values.dtype == np.uint32 else _painted(values, palette)
        keys = np.array(sorted(place), np.uint32)
        found = np.searchsorted(keys, colours).clip(max=len(keys) - 1)
        classes = np.where(keys[found] == colours, np.array([place[int(key)] for key in keys])[found], IGNORED).astype(np.uint8)
    else:
        table = np.full(256, IGNORED, np.uint8)
        table[list(place)] = list(place.values())
        classes = table[values]
    return laid(torch.from_numpy(classes), image)[None]


def _painted(values: np.ndarray, palette: Mapping[int, int]) -> np.ndarray:
    """Values as their colours: of a palette, or greys."""
    table = np.arange(256, dtype=np.uint32) * GREY
    table[list(palette)] = list(palette.values())
    return table[values]


def laid(classes: torch.Tensor, image: Image) -> torch.Tensor:
    """Classes (H, W) as (image.height, image.width), each pixel the one under its middle; what lies outside is IGNORED."""
    height, width = classes.shape
    ys, xs, outside = under((height, width), image)
    return classes[ys.clamp(0, height - 1)][:, xs.clamp(0, width - 1)].masked_fill(outside, IGNORED)


def under(size: tuple[int, int], image: Image) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """For each row and each column of what the network sees the row and the column of a photo of `size` (H, W) under its middle, and
    where there is no photo, (image.height, image.width) bool."""
    where = placement(size, image.height, image.width, image.fit)
    ys = ((torch.arange(image.height) + 0.5 - where.top) / where.down).floor().long()
    xs = ((torch.arange(image.width) + 0.5 - where.left) / where.across).floor().long()
    return ys, xs, ((ys < 0) | (ys >= size[0]))[:, None] | ((xs < 0) | (xs >= size[1]))
