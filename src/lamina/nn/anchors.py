"""Anchors: the boxes of fixed shapes, at every place of every map, beside which a network says where the objects are.

Those of Faster R-CNN (Ren, He, Girshick & Sun 2015, section 3.1.1), the default boxes of SSD (Liu et al. 2016, section 2.2),
and shapes that are learned from the training boxes (Redmon & Farhadi 2017, YOLO9000, section 2: k-means by overlap).

    L  maps    A  shapes at a place    h, w  places of a map    N  boxes
"""

from collections.abc import Sequence

import torch

ROUNDS = 50  # of k-means; it has settled long before


def cell_anchors(sizes: Sequence[float], ratios: Sequence[float]) -> torch.Tensor:
    """Boxes around the origin, for each ratio of height to width all sizes, rounded to whole pixels: (A, 4)."""
    high = torch.tensor(ratios, dtype=torch.float32).sqrt()
    widths = ((1 / high)[:, None] * torch.tensor(sizes, dtype=torch.float32)).flatten()
    heights = (high[:, None] * torch.tensor(sizes, dtype=torch.float32)).flatten()
    return (torch.stack([-widths, -heights, widths, heights], 1) / 2).round()


def around_origin(shapes: torch.Tensor) -> torch.Tensor:
    """Shapes (A, 2) width, height, as boxes (A, 4)."""
    return torch.cat([-shapes, shapes], -1) / 2


def at_places(cells: torch.Tensor, places: Sequence[int], strides: Sequence[float], offset: float = 0.5) -> torch.Tensor:
    """Boxes (A, 4) around the origin, moved to every place of a map: (h w A, 4), the shapes of a place together.

    places: h, w; strides: pixels from one to the next downwards and across. A place lies at (its number + offset) strides.
    """
    y, x = ((torch.arange(n, device=cells.device) + offset) * stride for n, stride in zip(places, strides, strict=True))
    centres = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).view(-1, 1, 2)  # (h w, 1, 2)
    return (cells + centres.repeat(1, 1, 2)).view(-1, 4)


def default_shapes(scales: Sequence[float], ratios: Sequence[Sequence[float]]) -> list[torch.Tensor]:
    """SSD's shapes of each map (A, 2) in shares of the picture: two squares, and each ratio lying and standing.

    scales: one more than maps; the second square lies between the scale of its map and that of the next (section 2.2).
    """
    shapes = []
    for scale, above, mine in zip(scales, scales[1:], ratios, strict=False):
        between = (scale * above) ** 0.5
        rows = [(scale, scale), (between, between)]
        for ratio in mine:
            long, short = scale * ratio**0.5, scale / ratio**0.5
            rows += [(long, short), (short, long)]
        shapes.append(torch.tensor(rows))
    return shapes


def fitted_shapes(sides: torch.Tensor, count: int) -> torch.Tensor:
    """`count` widths and heights (A, 2), the small first, that share as much area as can be with those of the boxes (N, 2).

    k-means with 1 - IoU as the distance and medians as centres, begun at even steps of area. N is at least `count`.
    """
    by_area = sides[sides.prod(1).argsort(stable=True)]
    steps = ((torch.arange(count) + 0.5) * len(sides) / count).long()
    shapes = by_area[steps]
    for _ in range(ROUNDS):
        nearest = shape_iou(by_area, shapes).argmax(1)
        moved = torch.stack([by_area[nearest == n].median(0).values if (nearest == n).any() else shapes[n] for n in range(count)])
        if torch.equal(moved, shapes):
            break
        shapes = moved
    return shapes[shapes.prod(1).argsort(stable=True)]


def shape_iou(sides: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """IoU of boxes with one centre, by their sides: (N, 2), (M, 2) -> (N, M)."""
    both = torch.minimum(sides[:, None], others).prod(2)
    return both / (sides.prod(1)[:, None] + others.prod(1) - both)
