"""Where boxes are looked for: shapes at each map, fitted to the training boxes (default boxes of SSD) or fixed (Faster R-CNN's anchors)."""

from collections.abc import Sequence

import torch
from torch import nn

from lamina.nn.anchors import around_origin, at_places, cell_anchors, default_shapes, fitted_shapes
from lamina.nn.boxes import centres

REACH = 3.0  # strides: the shortest box (the root of its area) of a map; a shorter one may lie between two places
RATIOS = (2, 3, 1.5, 4, 5)  # of default shapes, each lying and standing


class FittedBoxes(nn.Module):
    """`count` shapes at each stride, which are learned from the training boxes and travel with the weights."""

    def __init__(self, strides: Sequence[int], count: int) -> None:
        super().__init__()
        self.strides, self.levels = tuple(strides), len(strides)
        scales = [REACH * stride for stride in self.strides]
        shapes = default_shapes([*scales, 2 * scales[-1]], [RATIOS] * len(scales))
        self.register_buffer("shapes", torch.stack(shapes)[:, :count])  # (L, A, 2) pixels
        self.register_buffer("fitted", torch.zeros((), dtype=torch.int64))  # to so many boxes
        self.shapes: torch.Tensor
        self.fitted: torch.Tensor

    def forward(self, places: Sequence[tuple[int, int]], picture: tuple[int, int]) -> torch.Tensor:
        rows = zip(self.shapes, places, strict=True)
        return torch.cat([at_places(around_origin(shapes), (h, w), (picture[0] / h, picture[1] / w)) for shapes, (h, w) in rows])

    def fit(self, boxes: torch.Tensor) -> None:
        """Take the shapes of each map from those boxes (N, 4) that are as long as it reaches; few of them leave it as it was."""
        sides = centres(boxes)[1]
        sides = sides[(sides >= 1).all(1)]
        level = level_of(sides, self.strides)
        for n, shapes in enumerate(self.shapes):
            mine = sides[level == n]
            if len(mine.unique(dim=0)) >= len(shapes):
                shapes.copy_(fitted_shapes(mine, len(shapes)))
        self.fitted.fill_(len(sides))

    @property
    def told(self) -> str:
        rows = (f"stride {stride}: " + ", ".join(f"{w:.0f}x{h:.0f}" for w, h in shapes.tolist())
                for stride, shapes in zip(self.strides, self.shapes, strict=True))
        return f"default boxes, {f'fitted to {int(self.fitted)} boxes' if self.fitted else 'not fitted'}; " + "; ".join(rows)


def level_of(sides: torch.Tensor, strides: Sequence[int]) -> torch.Tensor:
    """The coarsest of the strides that a box of sides (N, 2) is long enough for, the finest at least: (N,) places."""
    length = sides.prod(1).sqrt()
    return sum(((length >= REACH * stride).long() for stride in strides[1:]), torch.zeros(len(sides), dtype=torch.int64))


class GridAnchors(nn.Module):
    """Faster R-CNN's anchors: on each map one size, in three ratios of height to width, the same for all data."""

    def __init__(self, sizes: Sequence[float], ratios: Sequence[float]) -> None:
        super().__init__()
        self.sizes, self.levels = tuple(sizes), len(sizes)
        self.register_buffer("cells", torch.stack([cell_anchors([size], ratios) for size in sizes]), persistent=False)  # (L, A, 4)
        self.cells: torch.Tensor

    def forward(self, places: Sequence[tuple[int, int]], picture: tuple[int, int]) -> torch.Tensor:
        rows = zip(self.cells, places, strict=True)
        return torch.cat([at_places(cells, (h, w), (picture[0] // h, picture[1] // w), 0) for cells, (h, w) in rows])

    def fit(self, boxes: torch.Tensor) -> None:
        """They are not fitted."""

    @property
    def told(self) -> str:
        return "anchors of fixed sizes: " + ", ".join(f"{size:g}" for size in self.sizes) + " pixels"
