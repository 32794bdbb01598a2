"""The multi-layer perceptron (Rumelhart, Hinton & Williams 1986): hidden layers of any number and width."""

from itertools import pairwise

import torch
from pydantic import PositiveInt
from torch import nn

from lamina.core.config import knob
from lamina.core.spec import Spec
from lamina.nn.layers import Style, dense, flat_size, initialize


class Config(Style):
    """The widths of the hidden layers."""

    hidden: tuple[PositiveInt, ...] = knob((128,), "units in each hidden layer, as 64,64", search="choice")


class MLP(nn.Module):
    """Hidden layers and a linear head: (B, ...) -> (B, K)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        widths = flat_size(spec.input), *config.hidden
        self.blocks = nn.Sequential(*(layer for i, o in pairwise(widths) for layer in dense(i, o, config)))
        self.head = nn.Linear(widths[-1], spec.target.size)
        initialize(self, config.init, config.activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.blocks(x.flatten(1)))
        return logits
