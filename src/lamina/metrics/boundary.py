"""How well the edges of a mask are met (Csurka, Larlus & Perronnin 2013, What is a good evaluation measure for semantic segmentation?).

Overlap says little of thin and small things and of how ragged an edge is. Here the edge of each class is taken from both
masks: precision is the share of the said edge that lies within `tolerance` of the true one, recall the share of the true
edge that lies near the said one, and F their harmonic mean. The tolerance is a share of the picture's diagonal, 0.75 % as in
the paper. The border of the picture is no edge, nor is what touches unlabelled pixels.

    B  pictures    K  classes    C  classes of one picture
"""

import math

import torch

from lamina.core.spec import IGNORED

TOLERANCE = 0.0075  # of the diagonal


def boundary_f(said: torch.Tensor, y: torch.Tensor, classes: int, tolerance: float = TOLERANCE) -> torch.Tensor:
    """F of each class in each picture, (B, K) float64; NaN where a class has an edge in neither mask.

    said, y: (B, H, W), places of classes; what is IGNORED in `y` is judged in neither.
    """
    said = said.to(y.dtype).where(y != IGNORED, y)
    radius = tolerance * math.hypot(*y.shape[1:])
    return torch.stack([_of_picture(*masks, classes, radius) for masks in zip(said, y, strict=True)])


def edges(masks: torch.Tensor) -> torch.Tensor:
    """(..., H, W) bool: labelled pixels with a labelled neighbour of another class above, below, left or right."""
    labelled = masks != IGNORED
    found = torch.zeros_like(labelled)
    for side in (-1, -2):
        size = masks.shape[side]
        one, other = (slice(0, max(size - 1, 0)), slice(1, size))
        before, after = ((..., one), (..., other)) if side == -1 else ((..., one, slice(None)), (..., other, slice(None)))
        parts = (masks[before] != masks[after]) & labelled[before] & labelled[after]
        found[before] |= parts
        found[after] |= parts
    return found


def dilated(maps: torch.Tensor, radius: float) -> torch.Tensor:
    """(C, H, W) bool: the places within `radius` pixels of a place that is set; a disc row by row, from its narrow end to its middle."""
    height, width = maps.shape[1:]
    wide, grown, found = maps.clone(), 0, maps.clone()
    for down in range(min(int(radius), height - 1), -1, -1):
        half = min(math.isqrt(int(radius**2 - down**2)), width - 1)
        for side in range(grown + 1, half + 1):
            wide[..., side:] |= maps[..., : width - side]
            wide[..., : width - side] |= maps[..., side:]
        grown = half
        found[:, down:] |= wide[:, : height - down]
        found[:, : height - down] |= wide[:, down:]
    return found


def _of_picture(said: torch.Tensor, y: torch.Tensor, classes: int, radius: float) -> torch.Tensor:
    """(K,) from two masks (H, W)."""
    at_said, at_true = edges(said), edges(y)
    present = torch.unique(torch.cat([said[at_said], y[at_true]])).long()  # (C,)
    said_edges, true_edges = (at & (mask == present.view(-1, 1, 1)) for at, mask in ((at_said, said), (at_true, y)))  # (C, H, W)
    precision = _share(said_edges, dilated(true_edges, radius))
    recall = _share(true_edges, dilated(said_edges, radius))
    found = torch.full((classes,), torch.nan, dtype=torch.float64)
    found[present] = 2 * precision * recall / (precision + recall).clamp_min(1e-12)
    return found


def _share(edge: torch.Tensor, near: torch.Tensor) -> torch.Tensor:
    """The share of each edge that is near; 0 where there is no edge: (C, H, W) twice -> (C,) float64."""
    return (edge & near).sum((1, 2)).double() / edge.sum((1, 2)).clamp_min(1)
