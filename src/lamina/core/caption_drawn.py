"""A caption drawn: the photo over its words, and for each word where in the photo the network looked."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.core.drawn import Pixels

CELL, ACROSS = 160, 5  # pixels of the longer side of a photo in the strip; such photos side by side
LETTER, LINE, LINES = 13, 18, 3  # pixels of a letter and a line; lines of words under a photo
DARK = 0.25  # of a place that was not looked at


def under(photo: Pixels, text: str) -> Pixels:
    """The photo (H, W, 3) with words below it, as many lines high whatever they are."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = photo.shape[:2]
    page = Image.new("RGB", (width, height + LINES * LINE + 6), "white")
    page.paste(Image.fromarray(photo))
    lines = textwrap.wrap(text, max(6, round(width / (0.55 * LETTER))), max_lines=LINES, placeholder=" ...")
    ImageDraw.Draw(page).multiline_text((4, height + 2), "\n".join(lines), fill="black", font=ImageFont.load_default(LETTER))
    return np.asarray(page)


def looked_at(photo: Pixels, text: str, words: Sequence[str], maps: np.ndarray[Any, Any]) -> Pixels:
    """The photo with its caption, and beside it once for each word, bright where the network looked: maps (T, h, w)."""
    small = _small(photo)
    cells = [under(small, text)]
    for word, weights in zip(words, maps, strict=True):
        bright = _resized(weights / max(float(weights.max()), 1e-9), small.shape[:2])[..., None]
        cells.append(under((small * (DARK + (1 - DARK) * bright)).astype(np.uint8), word))
    rows = [cells[i : i + ACROSS] for i in range(0, len(cells), ACROSS)]
    blank = np.full_like(cells[0], 255)
    full = [row + [blank] * (len(rows[0]) - len(row)) for row in rows]
    return np.concatenate([np.concatenate(row, 1) for row in full])


def _small(photo: Pixels) -> Pixels:
    from PIL import Image

    scale = CELL / max(photo.shape[:2])
    size = max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale))
    return np.asarray(Image.fromarray(photo).resize(size))


def _resized(weights: np.ndarray[Any, Any], size: tuple[int, ...]) -> np.ndarray[Any, Any]:
    from PIL import Image

    return np.asarray(Image.fromarray(weights.astype(np.float32)).resize((size[1], size[0])))
