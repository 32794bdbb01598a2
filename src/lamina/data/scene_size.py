"""The canvas to which photos with boxes or masks are brought: their commonest shape, as long as what is in them needs."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

import numpy as np

from lamina.core.spec import Image
from lamina.data.pictures import Head

STRIDE = 32  # pixels of the picture for one of a network's last map: sides that are no multiple of it would be filled up
SMALL_SHARE, SMALL_SIDE = 5, 16  # per cent of the boxes that may be smaller than so many pixels
SHORTEST, LONGEST = 320, 640  # longer sides that are chosen; more is for the user to ask
MASK_LONGEST, MASK_STRIDE = 320, 16


def canvas_of_boxes(heads: Sequence[Head], lengths: np.ndarray, asked: int) -> tuple[Image, str]:
    """The canvas, and why. lengths: (N,) of the boxes, each the longer side as a share of its photo's; asked: longer side, 0 for none."""
    long = asked or _needed(lengths)
    most = round(median(max(head.height, head.width) for head in heads))
    why = "as asked" if asked else f"so that the smallest {SMALL_SHARE} % of the boxes are about {SMALL_SIDE} pixels long, if sides of " \
        f"{SHORTEST} to {LONGEST} allow it"
    if not asked and long > most:
        long, why = most, "no larger than the photos"
    return _image(heads, long), why


def _needed(lengths: np.ndarray) -> int:
    """The longer side at which all but the smallest boxes are long enough."""
    return int(np.clip(SMALL_SIDE / max(float(np.percentile(lengths, SMALL_SHARE)), 1e-6), SHORTEST, LONGEST))


def _image(heads: Sequence[Head], long: int) -> Image:
    """The commonest shape of the photos at a longer side of `long`, both sides rounded up to a stride."""
    (height, width), _ = Counter(_shape(head) for head in heads).most_common(1)[0]
    scale = long / max(height, width)
    channels = 1 if all(head.grey for head in heads) else 3
    return Image(channels=channels, height=_whole(height * scale, STRIDE), width=_whole(width * scale, STRIDE), fit="pad")


def _shape(head: Head) -> tuple[float, float]:
    """Sides with the longer one 1, so that photos of one shape count as one whatever their size."""
    long = max(head.height, head.width)
    return round(head.height / long, 2), round(head.width / long, 2)


def _whole(side: float, stride: int) -> int:
    """Rounded up to a multiple of the stride; a hundredth of it is rounding."""
    return max(stride, int(np.ceil(side / stride - 0.01)) * stride)
