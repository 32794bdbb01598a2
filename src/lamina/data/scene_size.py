"""The canvas to which photos with boxes or masks are brought: their commonest shape, as long as what is in them needs."""

from collections import Counter
from collections.abc import Sequence
from math import ceil
from statistics import median

import numpy as np

from lamina.core.spec import Image
from lamina.data.fit import Fit
from lamina.data.pictures import Head

STRIDE = 32  # pixels of the picture for one of a network's last map: sides that are no multiple of it would be filled up
SMALL_SHARE, SMALL_SIDE = 5, 16  # per cent of the boxes that may be smaller than so many pixels
SHORTEST, LONGEST = 320, 640  # longer sides that are chosen; more is for the user to ask
MASK_LONGEST, MASK_STRIDE = 320, 16
TINY = 8  # pixels: where small boxes would be shorter than that on the longest canvas, photos keep their own size
MOST_LONG, MOST_BYTES = 4096, 16 << 30  # pixels of a longer side; bytes of all decoded photos, which lie in the cache folder
ROUNDING = 0.01  # strides that a side may be longer without another one


def canvas_of_boxes(heads: Sequence[Head], lengths: np.ndarray, asked: int) -> tuple[Image, str]:
    """The canvas, and why. lengths: (N,) of the boxes, each the longer side as a share of its photo's; asked: longer side, 0 for none."""
    if not asked and _shorter(lengths, LONGEST) < TINY:
        return _own(heads), f"as large as they are, since in photos made {LONGEST} long the smallest {SMALL_SHARE} % of the boxes would " \
            f"be less than {TINY}; seen by tiles"
    long = asked or _needed(lengths)
    most = round(median(max(head.height, head.width) for head in heads))
    why = "as asked" if asked else f"so that the smallest {SMALL_SHARE} % of the boxes are about {SMALL_SIDE} pixels long, if sides of " \
        f"{SHORTEST} to {LONGEST} allow it"
    if not asked and long > most:
        long, why = most, "no larger than the photos"
    return _image(heads, long, STRIDE, "pad"), why


def _needed(lengths: np.ndarray) -> int:
    """The longer side at which all but the smallest boxes are long enough."""
    return int(np.clip(SMALL_SIDE / max(_shorter(lengths, 1), 1e-6), SHORTEST, LONGEST))


def _shorter(lengths: np.ndarray, long: int) -> float:
    """Pixels of the longest of the smallest boxes, in photos of a longer side."""
    return float(np.percentile(lengths, SMALL_SHARE)) * long


def _own(heads: Sequence[Head]) -> Image:
    """A canvas for large photos, each at its own scale, unless it or all of them together are too large."""
    high, wide = (max(getattr(head, side) for head in heads) for side in ("height", "width"))
    room = (MOST_BYTES / (len(heads) * _channels(heads) * high * wide)) ** 0.5
    scale = min(1.0, MOST_LONG / max(high, wide), room)
    height, width = (max(STRIDE, ceil(scale * side / STRIDE - ROUNDING) * STRIDE) for side in (high, wide))
    return Image(channels=_channels(heads), height=height, width=width, fit="keep")


def canvas_of_masks(heads: Sequence[Head], asked: int) -> tuple[Image, str]:
    """The canvas, and why. Photos that are all of one size and not too large keep it; asked: longer side, 0 for none."""
    sizes = {(head.height, head.width) for head in heads}
    (height, width), *others = sizes
    if not asked and not others and max(height, width) <= MASK_LONGEST:
        return Image(channels=_channels(heads), height=height, width=width, fit="squash"), "as the photos are"
    most = round(median(max(head.height, head.width) for head in heads))
    fit: Fit = "squash" if len({_shape(head) for head in heads}) == 1 else "pad"
    return _image(heads, asked or min(MASK_LONGEST, most), MASK_STRIDE, fit), "as asked" if asked else f"at most {MASK_LONGEST}"


def size_told(image: Image, why: str) -> str:
    """The canvas in words."""
    return f"{image.height} x {image.width} pixels ({why}; `data.size=N` overrules it)"


def _image(heads: Sequence[Head], long: int, stride: int, fit: Fit) -> Image:
    """The commonest shape of the photos at a longer side of `long`, both sides rounded up to a stride."""
    (height, width), _ = Counter(_shape(head) for head in heads).most_common(1)[0]
    sides = [max(stride, ceil(long * side / stride - ROUNDING) * stride) for side in (height, width)]
    return Image(channels=_channels(heads), height=sides[0], width=sides[1], fit=fit)


def _channels(heads: Sequence[Head]) -> int:
    return 1 if all(head.grey for head in heads) else 3


def _shape(head: Head) -> tuple[float, float]:
    """Sides with the longer one 1, so that photos of one shape count as one whatever their size."""
    long = max(head.height, head.width)
    return round(head.height / long, 2), round(head.width / long, 2)
