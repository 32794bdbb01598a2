"""Parameters of one treatment in one piece of memory, so that a gradient is measured, clipped and followed by one call each.

Of a network of some thousand numbers in a dozen tensors, calls cost more than what they do (results/acting.md). The module keeps its
parameters: they and their gradients become views of the piece. Only for optimizers that move each number by itself, on the
processor, and for methods whose every step has a gradient for every parameter, as a piece moves as a whole.
"""

from collections.abc import Sequence

import torch
from torch import nn


class Piece:
    """`whole` and its gradient, of which the parameters and their gradients are parts."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self.whole = nn.Parameter(torch.cat([p.detach().reshape(-1) for p in parameters]))
        self.whole.grad = torch.zeros_like(self.whole)
        sizes = [p.numel() for p in parameters]
        parts = zip(parameters, self.whole.detach().split(sizes), self.whole.grad.split(sizes), strict=True)
        for p, numbers, gradient in parts:
            p.data = numbers.view(p.shape)
            p.grad = gradient.view(p.shape)

    def forget(self) -> None:
        """The gradient is nought again."""
        assert self.whole.grad is not None, "a piece keeps its gradient"
        self.whole.grad.zero_()
