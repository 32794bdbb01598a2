"""Splits: a held-out share of the rows, stratified by class, a function of the seed alone."""

import torch

from lamina.core import rng


def stratified_parts(y: torch.Tensor, share: float, seed: int, stream: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices to keep and to hold out, each sorted; about `share` of every class, and at least one row, is held out.

    y: (N,) int64 classes are stratified; anything else is split at random.
    """
    shuffled = torch.randperm(len(y), generator=rng.generator(seed, 0, stream))
    if y.ndim == 1 and y.dtype == torch.int64:
        shuffled = shuffled[torch.argsort(y[shuffled], stable=True)]  # classes one after another, each shuffled
        held = _every(shuffled, share)
        held[len(held) // 2] |= not held.any()
    else:
        held = torch.zeros(len(y), dtype=torch.bool)
        held[: max(1, round(len(y) * share))] = True
    return shuffled[~held].sort().values, shuffled[held].sort().values


def grouped_parts(
    y: torch.Tensor, groups: torch.Tensor, share: float, seed: int, stream: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `stratified_parts`, but rows of one group stay on one side. groups: (N,) int64, any numbers.

    A group has the class of its first row; shares are of groups, so that one large group cannot fill the held-out part.
    """
    _, group_of = groups.unique(return_inverse=True)
    first = torch.full((int(group_of.max()) + 1,), len(y)).scatter_reduce_(0, group_of, torch.arange(len(y)), "amin")
    _, held = stratified_parts(y[first], share, seed, stream)
    is_held = torch.zeros(len(first), dtype=torch.bool)
    is_held[held] = True
    mask = is_held[group_of]
    return (~mask).nonzero().flatten(), mask.nonzero().flatten()


def last_part(moments: torch.Tensor, share: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices to keep and to hold out: the latest `share` of the rows by `moments` (N,); rows of one moment stay together."""
    boundary = moments.sort().values[min(len(moments) - 1, round(len(moments) * (1 - share)))]
    held = moments >= boundary
    if held.all():
        held = moments > moments.min()
    return (~held).nonzero().flatten(), held.nonzero().flatten()


def _every(ordered: torch.Tensor, share: float) -> torch.Tensor:
    """A mask that is true about once in 1/share places, evenly spread."""
    places = torch.arange(len(ordered) + 1, dtype=torch.float64) * share
    return places.add_(0.5).floor().diff() > 0
