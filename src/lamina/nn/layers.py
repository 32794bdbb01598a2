"""Blocks in the user's style: a linear or convolutional layer with its normalization, activation and dropout.

Every built-in model takes its `Style` knobs, so that each is chosen by one word on any of them.
"""

import math

import torch
from torch import nn
from torch.nn.functional import max_pool2d

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Input, Text
from lamina.nn import ACTIVATIONS, INITS
from lamina.nn.dropout import Dropout
from lamina.nn.norm import brings_bias, layer_with_norm


class Style(knobs.Config):
    """What the layers of a model are made of; the model's own Config adds its sizes."""

    activation: str = knob("relu", "non-linearity: see `lamina list activations`", search="choice")
    norm: str = knob("none", "normalization: see `lamina list norms`", search="choice")
    dropout: float = knob(0.0, "share of units that are silenced while training", low=0, high=0.95, search="linear")
    init: str = knob("auto", "first weights: see `lamina list inits`", search="choice")


def flat_size(spec: Input) -> int:
    """How many numbers a row is when it is laid out flat; UsageError for texts, which have no fixed length."""
    if isinstance(spec, Text):
        raise UsageError("rows of numbers or pictures", "texts, `kind` text as input", "Choose a model of texts: `--model bag`.")
    return math.prod(spec.shape)


def dense(inputs: int, outputs: int, style: Style) -> list[nn.Module]:
    """Linear, normalization, activation, dropout: (B, inputs) -> (B, outputs)."""
    layer = nn.Linear(inputs, outputs, bias=not brings_bias(style.norm, spatial=False))
    return [*layer_with_norm(layer, style.norm), *_after(style)]


class Halving(nn.MaxPool2d):
    """The maximum over 2x2 places; where a side has a single place left, edges count too, so that no picture is halved to nothing."""

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return max_pool2d(x, 2, ceil_mode=min(x.shape[2:]) == 1)


def conv(inputs: int, outputs: int, kernel: int, style: Style, stride: int = 1, pool: bool = False) -> list[nn.Module]:
    """Convolution with padding kernel // 2, normalization, activation: (B, C, H, W) -> (B, C', H / stride, W / stride).

    With `pool` the maximum over 2x2 places comes before the normalization, which then sees a quarter of them.
    """
    bias = not brings_bias(style.norm, spatial=True)
    layer, *norm = layer_with_norm(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias), style.norm)
    return [layer, *([Halving()] if pool else []), *norm, ACTIVATIONS[style.activation]()]


def initialize(model: nn.Module, init: str, activation: str) -> nn.Module:
    """Draw the first weights of every layer anew by the rule `init`; `auto` leaves torch's own."""
    if init != "auto":
        INITS[init](model, activation)
    return model


def _after(style: Style) -> list[nn.Module]:
    activation = ACTIVATIONS[style.activation]()
    return [activation, Dropout(style.dropout)] if style.dropout else [activation]
