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
    drawn = torch.randperm(len(split), generator=rng.generator(0, 0, "neighbours"))[:PICTURES]
    if len(drawn) < 2:
        return Neighbours(0.0, 0.0)
    some, asking = split.batch(drawn), max(1, len(drawn) // 6)
    x, y = _small(some["x"]), some["y"]
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
