"""Stochastic gradient descent with momentum (Polyak 1964) and Nesterov's look-ahead (Sutskever et al. 2013)."""

from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import SGD


def momentum(params: Iterable[nn.Parameter], lr: float, momentum: float = 0.9, **settings: Any) -> SGD:
    """Heavy-ball momentum."""
    return SGD(params, lr, momentum, **settings)


def nesterov(params: Iterable[nn.Parameter], lr: float, momentum: float = 0.9, **settings: Any) -> SGD:
    """Momentum whose gradient is taken after the jump."""
    return SGD(params, lr, momentum, nesterov=True, **settings)
