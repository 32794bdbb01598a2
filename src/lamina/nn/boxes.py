"""The algebra of boxes: areas, overlaps, and the numbers in which a network says where a box lies beside an anchor.

Boxes are (N, 4) x0, y0, x1, y1. Codes are those of R-CNN (Girshick, Donahue, Darrell & Malik 2014, appendix C).
"""

import math

import torch

LARGEST_CODE = math.log(1000 / 16)  # of a side: a box of 16 px never becomes longer than 1000
EVEN = (1.0, 1.0, 1.0, 1.0)
Weights = tuple[float, float, float, float]


def area(boxes: torch.Tensor) -> torch.Tensor:
    """(N,) square pixels."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def overlap(boxes: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """The area that each two have in common: (N, 4), (M, 4) -> (N, M)."""
    x0, y0, x1, y1 = boxes[:, :, None].unbind(1)  # (N, 1); one coordinate at a time costs a third of (N, M, 2)
    others_x0, others_y0, others_x1, others_y1 = others.unbind(1)
    width = torch.minimum(x1, others_x1).sub_(torch.maximum(x0, others_x0)).clamp_(min=0)
    height = torch.minimum(y1, others_y1).sub_(torch.maximum(y0, others_y0)).clamp_(min=0)
    return width.mul_(height)


def iou(boxes: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Intersection over union of each two: (N, 4), (M, 4) -> (N, M); NaN for two boxes without area."""
    both = overlap(boxes, others)
    return both / (area(boxes)[:, None] + area(others) - both)


def clip(boxes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Boxes (..., 4) with what lies outside the picture cut off."""
    return boxes.clamp(min=0).minimum(boxes.new_tensor([width, height, width, height]))


def centres(boxes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Centres and sides, (..., 2) each."""
    sides = boxes[..., 2:] - boxes[..., :2]
    return boxes[..., :2] + 0.5 * sides, sides


def encode(boxes: torch.Tensor, anchors: torch.Tensor, weights: Weights = EVEN) -> torch.Tensor:
    """Boxes (..., 4) as steps of the centre in sides of the anchor, and logarithms of ratios of sides: (..., 4).

    Both have to have an area: a side of zero has no logarithm.
    """
    centre, sides = centres(boxes)
    from_centre, from_sides = centres(anchors)
    steps, growth = (centre - from_centre) / from_sides, (sides / from_sides).log()
    return torch.cat([steps, growth], -1) * boxes.new_tensor(weights)


def decode(codes: torch.Tensor, anchors: torch.Tensor, weights: Weights = EVEN) -> torch.Tensor:
    """The boxes (..., 4) that codes (..., 4) say beside anchors (..., 4); a side grows by no more than `LARGEST_CODE`."""
    steps, growth = (codes / codes.new_tensor(weights)).split(2, -1)
    from_centre, from_sides = centres(anchors)
    centre, half = from_centre + steps * from_sides, 0.5 * from_sides * growth.clamp(max=LARGEST_CODE).exp()
    return torch.cat([centre - half, centre + half], -1)


def precise(numbers: torch.Tensor) -> torch.Tensor:
    """The same in single precision at least: half of it cannot tell neighbouring pixels of a large picture apart."""
    return numbers.to(torch.promote_types(numbers.dtype, torch.float32))
