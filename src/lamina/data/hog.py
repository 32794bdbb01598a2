"""Histograms of oriented gradients: Dalal and Triggs, 2005, for whole pictures.

What a picture's edges look like, place by place, whatever their contrast. As in the paper: centred differences without smoothing,
of the colour whose gradient is strongest; votes shared by the two nearest of nine orientations from 0 to 180 degrees; blocks
of 2 x 2 cells, each cell in up to four blocks, normalized by L2-Hys. Departures: a picture has about eight cells
a side, whatever its size, and votes are not shared between cells, which costs little where cells are few.

B pictures, C channels, n x m cells of `cell` pixels.
"""

import math

import torch
import torch.nn.functional as F

ORIENTATIONS = 9
CELLS = 8  # a side, about
SMALLEST = 16  # pixels a side, below which there are no cells worth counting in
CLIP = 0.2  # of L2-Hys


def hog(x: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) bytes as (B, (n - 1) (m - 1) 4 ORIENTATIONS) float32, each block of length at most one."""
    cell = math.ceil(min(x.shape[2:]) / CELLS)
    cells = F.avg_pool2d(oriented(x), cell)  # (B, ORIENTATIONS, n, m)
    blocks = F.unfold(cells, 2).transpose(1, 2)  # (B, (n - 1) (m - 1), 4 ORIENTATIONS)
    return _l2_hys(blocks).flatten(1)


def oriented(x: torch.Tensor) -> torch.Tensor:
    """The strength of the edge at each pixel, by its orientation: (B, C, H, W) bytes -> (B, ORIENTATIONS, H, W)."""
    return _votes(*_gradient(x.float()))


def _gradient(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Magnitude and unsigned angle in [0, pi) of the strongest channel, (B, H, W) each."""
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    dx, dy = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2], padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    magnitude, channel = torch.hypot(dx, dy).max(1)
    dx, dy = (one.gather(1, channel[:, None])[:, 0] for one in (dx, dy))
    return magnitude, torch.atan2(dy, dx) % math.pi


def _votes(magnitude: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Each pixel's magnitude, shared by the two orientations nearest to its angle: (B, ORIENTATIONS, H, W)."""
    place = angle * (ORIENTATIONS / math.pi) - 0.5  # the centre of orientation k is at k
    lower = place.floor()
    upper_share = place - lower
    votes = magnitude.new_zeros(len(magnitude), ORIENTATIONS, *magnitude.shape[1:])
    below, above = (lower % ORIENTATIONS).long(), ((lower + 1) % ORIENTATIONS).long()
    votes.scatter_add_(1, below[:, None], (magnitude * (1 - upper_share))[:, None])
    return votes.scatter_add_(1, above[:, None], (magnitude * upper_share)[:, None])


def _l2_hys(blocks: torch.Tensor) -> torch.Tensor:
    """Length one, no entry above CLIP, length one again (Lowe 2004); a block without edges stays zero."""
    return F.normalize(F.normalize(blocks, dim=2, eps=1.0).clamp(max=CLIP), dim=2, eps=1e-3)
