"""The multi-layer perceptron (Rumelhart, Hinton & Williams 1986): hidden layers of any number and width.

The columns of a table are embedded first (`nn/columns.py`, without quantiles).
"""

from itertools import pairwise

import torch
from pydantic import PositiveInt
from torch import nn

from lamina.core.config import knob
from lamina.core.spec import Spec
from lamina.nn.columns import flat
from lamina.nn.layers import Style, dense, initialize


class Config(Style):
    """The widths of the hidden layers."""

    hidden: tuple[PositiveInt, ...] = knob((128,), "units in each hidden layer, as 64,64", search="choice")


class MLP(nn.Module):
    """Hidden layers and a linear head: (B, ...) -> (B, K)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        self.flat, inputs = flat(spec.input)
        widths = inputs, *config.hidden
        self.blocks = nn.Sequential(*(layer for i, o in pairwise(widths) for layer in dense(i, o, config)))
        self.head = nn.Linear(widths[-1], spec.target.size)
        initialize(self, config.init, config.activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.blocks(self.flat(x)))
        return logits
