"""Penalties on large weights: l1 (Tibshirani 1996), l2 (Hoerl & Kennard 1970), max norm (Srebro & Shraibman 2005).

They hold back weights only, never vectors: a bias or the gain of a normalization is no measure of complexity.
"""

from collections.abc import Iterable

import torch
from torch import nn


@torch.no_grad()
def penalize(parameters: Iterable[nn.Parameter], l1: float, l2: float) -> None:
    """Add the gradient of l1 * sum |w| + l2 / 2 * sum w^2 to the gradients that are there."""
    for w in parameters:
        if w.ndim > 1 and w.grad is not None:
            w.grad.add_(w.sign(), alpha=l1).add_(w, alpha=l2)


@torch.no_grad()
def shorten(parameters: Iterable[nn.Parameter], longest: float) -> None:
    """Project the weights (R, ...) of each of the R units onto the ball of radius `longest`."""
    for w in parameters:
        if w.ndim > 1:
            w.copy_(torch.renorm(w, 2, 0, longest))
