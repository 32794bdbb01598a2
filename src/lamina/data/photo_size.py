"""The shape to which photos are brought, where the user names none: by the heads of some of the files."""

from collections.abc import Sequence
from statistics import median

from lamina.core.errors import DataError
from lamina.core.spec import Image
from lamina.data.files import Entry, Files
from lamina.data.fit import Fit
from lamina.data.pictures import head_of

LOOKED_AT = 1000  # files
SMALL = 64  # pictures all of one shape, and no longer than this, keep it
SIDES = (32, 48, 64, 96, 128, 160)  # of larger ones: the largest that the median photo fills
PHOTO, FULL = 96, 160  # colour photos from the first side on are brought to the second, if need be enlarged: networks that saw
# ImageNet saw its subjects large, and know more of flowers of 128 pixels at 160 (results/flowers.md)


def shape_of(files: Files, wanted: Sequence[Entry], size: int, fit: Fit) -> Image:
    """The shape for photos: `size` or the one that suits them; grey if all that are looked at are."""
    some = wanted[:: max(1, len(wanted) // LOOKED_AT)]
    heads = [head for head in (head_of(load()) for _, load in files.contents(some)) if head is not None]
    if not heads:
        raise DataError("photos that can be read", f"none of the {len(some)} looked at, as `{some[0].name}`", "Open one in a viewer.")
    channels = 1 if all(head.grey for head in heads) else 3
    shapes = {(head.height, head.width) for head in heads}
    if not size and len(shapes) == 1 and max(max(shape) for shape in shapes) <= SMALL:
        height, width = shapes.pop()
        return Image(channels=channels, height=height, width=width, fit=fit)
    short = median(min(head.height, head.width) for head in heads)
    usual = FULL if channels == 3 and short >= PHOTO else max([one for one in SIDES if one <= short], default=SIDES[0])
    side = size or usual
    return Image(channels=channels, height=side, width=side, fit=fit)
