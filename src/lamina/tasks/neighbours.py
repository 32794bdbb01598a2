"""How hard a set of small pictures is, and whether a mirror changes what they show: asked of their nearest neighbours.

A tenth of a second, before anything is trained. Of MNIST's digits the nearest neighbour knows nine in
ten and, once they are mirrored, fewer than four; of Fashion-MNIST's clothes eight and six; of CIFAR-10's photos a
quarter, mirrored or not. So digits need a small network and must not be mirrored, photos a large one, and may be.
"""

from dataclasses import dataclass

import torch

from lamina.core import rng
from lamina.core.data import Split
from lamina.data import augment

PICTURES = 3000  # of the training split; a sixth of them asks, the others answer
SIDE = 14  # pixels to which they are made smaller


@dataclass(frozen=True)
class Neighbours:
    """Shares of pictures whose nearest neighbour is of their class: as they are, and mirrored left to right."""

    right: float
    mirrored: float


def ask(split: Split) -> Neighbours:
    """Pictures (C, H, W) uint8 and classes of a training split, of which some are drawn, the same each time."""
    some = split.batch(_drawn(len(split), PICTURES))
    return _asked(_small(some["x"]), some["y"])


def ask_objects(split: Split) -> Neighbours:
    """The same of the objects of pictures with boxes, each cut out and brought to one size."""
    some = split.batch(_drawn(len(split), PICTURES // 4))
    height, width = some["x"].shape[2:]
    corners = some["boxes"].round().int()
    corners[:, :2].clamp_(min=0)
    corners[:, 2:] = torch.minimum(corners[:, 2:], torch.tensor([width, height]))
    whole = ((corners[:, 2:] - corners[:, :2]) > 1).all(1).nonzero().flatten()[:PICTURES].tolist()
    cut = [some["x"][some["box_image"][n], :, y0:y1, x0:x1] for n in whole for x0, y0, x1, y1 in [corners[n].tolist()]]
    if not cut:
        return Neighbours(0.0, 0.0)
    return _asked(torch.cat([augment.resize(one[None], SIDE, SIDE) for one in cut]), some["box_class"][whole])


def _drawn(count: int, most: int) -> torch.Tensor:
    return torch.randperm(count, generator=rng.generator(0, 0, "neighbours"))[:most]


def _asked(x: torch.Tensor, y: torch.Tensor) -> Neighbours:
    """A sixth of small pictures (N, C, h, w) asks, the others answer."""
    if len(x) < 2:
        return Neighbours(0.0, 0.0)
    asking = max(1, len(x) // 6)
    shelf, classes = x[asking:].flatten(1), y[asking:]
    right, mirrored = (
        (classes[_nearest(shelf, asked.flatten(1))] == y[:asking]).float().mean().item() for asked in (x[:asking], x[:asking].flip(3))
    )
    return Neighbours(right, mirrored)


def _small(x: torch.Tensor) -> torch.Tensor:
    height, width = (min(n, SIDE) for n in x.shape[2:])
    return augment.resize(x, height, width)


def _nearest(shelf: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
    """The row of `shelf` (N, D) that is nearest to each of `asked` (M, D): (M,)."""
    return (shelf.square().sum(1) - 2 * asked @ shelf.T).argmin(1)  # without |asked|^2, which is the same for all
