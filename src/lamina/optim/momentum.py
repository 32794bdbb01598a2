"""Stochastic gradient descent with momentum (Polyak 1964) and Nesterov's look-ahead (Sutskever et al. 2013)."""

from typing import Any

from torch.optim import SGD


def momentum(params: Any, lr: float, momentum: float = 0.9, weight_decay: float = 0.0, fused: bool | None = None) -> SGD:
    """Heavy-ball momentum: v <- momentum * v + g; w <- w - lr * v."""
    return SGD(params, lr, momentum, weight_decay=weight_decay, fused=fused)


def nesterov(params: Any, lr: float, momentum: float = 0.9, weight_decay: float = 0.0, fused: bool | None = None) -> SGD:
    """Momentum whose gradient is taken after the jump: w <- w - lr * (g + momentum * v)."""
    return SGD(params, lr, momentum, weight_decay=weight_decay, nesterov=True, fused=fused)
