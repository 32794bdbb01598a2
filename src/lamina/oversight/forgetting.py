"""What a recurrent layer forgets: how long the gradient is that comes back from the last place to each place before it.

The vanishing gradient (Hochreiter 1991; Bengio, Simard & Frasconi 1994): where it is as good as nothing, nothing at that place can be
learned from an error at the end.
"""

from typing import Any

import torch


def gradients_through_time(cells: Any, x: torch.Tensor) -> torch.Tensor:
    """(L,) the mean length of d sum(h_L) / d x_t for each place t of x (B, L, D); cells: (B, L, D) -> (B, L, H)."""
    leaf = x.detach().clone().requires_grad_()
    cells(leaf)[:, -1].sum().backward()
    assert leaf.grad is not None, "the last place hangs on the others"
    return leaf.grad.norm(dim=2).mean(0)
