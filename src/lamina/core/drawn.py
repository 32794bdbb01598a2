"""Answers drawn over a photo: boxes with their words, and the colours of a mask. The one place that draws them as pixels."""

import colorsys
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.core.spec import Boxes, Mask

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Colour = tuple[int, int, int]
GOLDEN = 0.618034  # of the circle of hues from one class to the next: neighbours differ, however many there are
LINE, LETTER = 250, 28  # of the photo's longer side: one pixel of a line, of a letter
FEW = 20  # boxes that all have their words; of more, those whose words are not much broader than the box
OVER = 1.5  # times the box


def colours(count: int) -> tuple[Colour, ...]:
    """One colour a class, well apart.

    >>> len(set(colours(20)))
    20
    """
    hues = ((0.58 + GOLDEN * n) % 1 for n in range(count))
    made = (colorsys.hsv_to_rgb(hue, 0.85 - 0.25 * (n // 8 % 2), 0.95 - 0.3 * (n // 16 % 2)) for n, hue in enumerate(hues))
    return tuple((round(255 * r), round(255 * g), round(255 * b)) for r, g, b in made)


def colours_of(target: Boxes | Mask) -> tuple[Colour, ...]:
    """A colour for each class: those that masks bring with them, or `colours`."""
    brought = target.colours if isinstance(target, Mask) else ()
    return brought or colours(target.size)


def with_boxes(photo: Pixels, boxes: Sequence[Sequence[float]], words: Sequence[str], inks: Sequence[Colour]) -> Pixels:
    """The photo (H, W, 3) with boxes (x0, y0, x1, y1), each in its ink under its words; among many boxes small ones have none."""
    from PIL import Image, ImageDraw, ImageFont

    drawn = Image.fromarray(photo).convert("RGB")
    pen, longest = ImageDraw.Draw(drawn), max(photo.shape[:2])
    font = ImageFont.load_default(max(9, longest // (LETTER if len(boxes) <= FEW else 2 * LETTER)))
    for box, word, ink in zip(boxes, words, inks, strict=True):
        corners = [round(float(n)) for n in box]
        corners[2:] = [max(corners[2] - 1, corners[0]), max(corners[3] - 1, corners[1])]  # of the last pixels inside
        pen.rectangle(corners, outline=ink, width=max(1, longest // LINE))
        left, top, right, bottom = pen.textbbox((0, 0), word, font=font)
        if word and (len(boxes) <= FEW or right - left <= OVER * (corners[2] - corners[0])):
            high = max(0, corners[1] - (bottom - top) - 4)
            pen.rectangle([corners[0], high, corners[0] + right - left + 4, high + bottom - top + 4], fill=ink)
            pen.text((corners[0] + 2 - left, high + 2 - top), word, fill=_readable(ink), font=font)
    return np.asarray(drawn)


def with_mask(photo: Pixels, mask: Pixels, inks: Sequence[Colour], share: float = 0.55) -> Pixels:
    """The photo (H, W, 3) under the colours of a mask (H, W), of which places beyond `inks` stay as they are."""
    table = np.zeros((256, 3), np.float32)
    table[: len(inks)] = inks
    coloured = table[mask]
    mixed = np.where((mask < len(inks))[..., None], (1 - share) * photo + share * coloured, photo)
    return mixed.round().astype(np.uint8)


def _readable(ink: Colour) -> Colour:
    """Black on light inks, white on dark ones, by the light that the eye sees (ITU-R BT.601)."""
    light = 0.299 * ink[0] + 0.587 * ink[1] + 0.114 * ink[2]
    return (0, 0, 0) if light > 140 else (255, 255, 255)
