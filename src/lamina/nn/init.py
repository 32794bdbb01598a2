"""First weights by name: xavier (Glorot & Bengio 2010), he (He et al. 2015), orthogonal (Saxe et al. 2013)."""

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

GAINS = ("sigmoid", "tanh", "relu", "leaky_relu", "selu")  # for which torch knows one
Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)
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


def orthogonal_layer(layer: Layer, gain: float) -> Layer:
    """The layer with an orthogonal matrix times `gain`, and no bias yet: what policies begin with."""
    nn.init.orthogonal_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def he_outputs(model: nn.Module) -> None:
    """Convolutions normal with variance 2 / fan out, as the residual networks' authors published; the rest is left as it is."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            fan_out = layer.out_channels // layer.groups * layer.weight[0, 0].numel()
            nn.init.normal_(layer.weight, 0, math.sqrt(2 / fan_out))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _draw(model: nn.Module, rule: Rule, activation: str) -> None:
    gain = nn.init.calculate_gain(activation) if activation in GAINS else 1.0  # type: ignore[arg-type]
    for layer in model.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            _put(layer, rule, gain)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


@torch.no_grad()
def _put(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, rule: Rule, gain: float) -> None:
    """Draw the weight as (outputs, inputs, ...) and put it in place; a parametrization takes it apart again."""
    swapped = isinstance(layer, nn.ConvTranspose2d)  # its weight is (inputs, outputs, ...)
    shape = layer.weight.transpose(0, 1).shape if swapped else layer.weight.shape
    drawn = torch.empty(shape, dtype=layer.weight.dtype, device=layer.weight.device)
    rule(drawn, gain)
    drawn = drawn.transpose(0, 1) if swapped else drawn
    if is_parametrized(layer, "weight"):
        layer.weight = drawn
    else:
        layer.weight.copy_(drawn)
