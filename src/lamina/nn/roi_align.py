"""RoIAlign: a grid of numbers of one size for every region of a map, by bilinear samples (He, Gkioxari, Dollar & Girshick 2017, Mask
R-CNN, section 3), and the level of a pyramid that a region is taken from (Lin et al. 2017, eq. (1)).

Every number of the grid is a weighted sum of rows of the map, so the whole is one gather with weights (`embedding_bag`), forward and
backward. Nothing of size (regions, channels, samples) is made.

    R  regions    P  places of the grid, a side    S  samples of a place, a side    B, C, h, w  the map
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import embedding_bag

from lamina.nn.boxes import area

CANONICAL_SIDE, CANONICAL_LEVEL = 224, 4  # a region as large as ImageNet's pictures is taken from stride 2^4
NEARLY = 1e-6  # of a level: sides that are powers of two stay on their level


@dataclass(frozen=True)
class Grid:
    """P; S, where 0 takes as many samples as the region has pixels a place; and whether pixels are points in the middle of their
    square (`aligned`), or at its corner with regions of at least one pixel, as they were at first."""

    size: int = 7
    samples: int = 2
    aligned: bool = False


def roi_align(maps: torch.Tensor, regions: torch.Tensor, image: torch.Tensor, scale: float, grid: Grid) -> torch.Tensor:
    """Maps (B, C, h, w) and regions (R, 4) in pixels of the picture `image` (R,) -> (R, C, P, P); scale: map's pixels for one of those."""
    start, end = (regions * scale - 0.5 * grid.aligned).split(2, 1)  # (R, 2): x, y
    sides = end - start if grid.aligned else (end - start).clamp(min=1)
    if grid.samples:
        return _sampled(maps, image, start, sides, (grid.size, grid.samples, grid.samples))
    found = maps.new_zeros((len(regions), maps.shape[1], grid.size, grid.size))
    counts = (sides / grid.size).ceil().long().clamp(min=0)
    for count in counts.unique(dim=0):
        mine = (counts == count).all(1).nonzero().flatten()
        if count.min() > 0:
            part = _sampled(maps, image[mine], start[mine], sides[mine], (grid.size, *count.tolist()))
            found = found.index_copy(0, mine, part)
    return found


def pyramid_align(
    maps: Sequence[torch.Tensor], strides: Sequence[int], regions: torch.Tensor, image: torch.Tensor, grid: Grid
) -> torch.Tensor:
    """`roi_align` of each region on the map of its level: maps (B, C, h, w) of strides that double -> (R, C, P, P)."""
    if len(maps) == 1:
        return roi_align(maps[0], regions, image, 1 / strides[0], grid)
    levels = level_of(regions, strides)
    found = maps[0].new_zeros((len(regions), maps[0].shape[1], grid.size, grid.size))
    for level, (one, stride) in enumerate(zip(maps, strides, strict=True)):
        mine = (levels == level).nonzero().flatten()
        found = found.index_copy(0, mine, roi_align(one, regions[mine], image[mine], 1 / stride, grid).to(found.dtype))
    return found


def level_of(regions: torch.Tensor, strides: Sequence[int]) -> torch.Tensor:
    """The place among the strides of the map that each region (R, 4) is taken from: (R,) int64."""
    first, last = (int(math.log2(stride)) for stride in (strides[0], strides[-1]))
    level = (CANONICAL_LEVEL + (area(regions).sqrt() / CANONICAL_SIDE).log2() + NEARLY).floor()  # eq. (1)
    return level.clamp(first, last).long() - first


def _sampled(
    maps: torch.Tensor, image: torch.Tensor, start: torch.Tensor, sides: torch.Tensor, counts: tuple[int, int, int]
) -> torch.Tensor:
    """Grids of regions that all take the same samples; counts: P, and S of x and of y."""
    size, across, down = counts
    channels, height, width = maps.shape[1:]
    x, x_weight = _corners(start[:, 0], sides[:, 0], size, across, width)  # (R, P, 2 S)
    y, y_weight = _corners(start[:, 1], sides[:, 1], size, down, height)
    first = image.view(-1, 1, 1, 1, 1) * (height * width)
    rows = first + y[:, :, None, :, None] * width + x[:, None, :, None, :]  # (R, P, P, 2 S, 2 S)
    weights = y_weight[:, :, None, :, None] * x_weight[:, None, :, None, :] / (across * down)
    table = maps.permute(0, 2, 3, 1).reshape(-1, channels)  # (B h w, C), a view of maps with their channels last
    flat = -1, 4 * across * down
    found = embedding_bag(rows.view(flat), table, per_sample_weights=weights.view(flat).to(table.dtype), mode="sum")
    return found.view(-1, size, size, channels).permute(0, 3, 1, 2)


def _corners(start: torch.Tensor, sides: torch.Tensor, size: int, samples: int, extent: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The two pixels beside each sample of one axis, and what they weigh: (R,) -> (R, P, 2 S) twice.

    A sample that is more than a pixel outside weighs nothing; a sample nearer than that takes the border.
    """
    place = sides / size
    within = (torch.arange(samples, device=start.device, dtype=start.dtype) + 0.5) / samples
    at = start[:, None, None] + place[:, None, None] * (torch.arange(size, device=start.device)[:, None] + within)  # (R, P, S)
    inside = ((at >= -1) & (at <= extent)).to(at.dtype)
    at = at.clamp(0, extent - 1)
    low = at.floor()
    high_weight = (at - low) * inside
    pixels = torch.stack([low, (low + 1).clamp(max=extent - 1)], -1).long()
    return pixels.flatten(2), torch.stack([inside - high_weight, high_weight], -1).flatten(2)
