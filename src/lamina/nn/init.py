"""First weights by name: xavier (Glorot & Bengio 2010), he (He et al. 2015), orthogonal (Saxe et al. 2013)."""

from collections.abc import Callable

import torch
from torch import nn

Rule = Callable[[torch.Tensor, float], object]


def xavier(model: nn.Module, activation: str) -> None:
    """Variance 2 / (fan in + fan out), times the activation's gain."""
    _draw(model, lambda w, gain: nn.init.xavier_uniform_(w, gain), activation)


def he(model: nn.Module, activation: str) -> None:
    """Variance 2 / fan in: keeps the signal through rectifiers."""
    _draw(model, lambda w, gain: nn.init.kaiming_normal_(w, nonlinearity="relu"), activation)


def orthogonal(model: nn.Module, activation: str) -> None:
    """Orthogonal matrices times the activation's gain: keeps lengths through depth."""
    _draw(model, lambda w, gain: nn.init.orthogonal_(w, gain), activation)


def _draw(model: nn.Module, rule: Rule, activation: str) -> None:
    gain = nn.init.calculate_gain(activation) if activation in ("sigmoid", "tanh", "relu", "leaky_relu", "selu") else 1.0
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            rule(layer.weight, gain)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
