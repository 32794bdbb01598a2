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


def _every(ordered: torch.Tensor, share: float) -> torch.Tensor:
    """A mask that is true about once in 1/share places, evenly spread."""
    places = torch.arange(len(ordered) + 1, dtype=torch.float64) * share
    return places.add_(0.5).floor().diff() > 0
