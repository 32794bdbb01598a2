"""One layer of weights: the perceptron (Rosenblatt 1958) with a soft output, i.e. linear or logistic regression.

The words of a table's categories have learned vectors (`nn/columns.py`).
"""

import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.spec import Spec
from lamina.nn.columns import flat
from lamina.nn.layers import initialize


class Config(knobs.Config):
    """A perceptron has no sizes to choose."""

    init: str = knob("auto", "first weights: see `lamina list inits`", search="choice")


class Perceptron(nn.Module):
    """One linear layer from all inputs to all outputs: (B, ...) -> (B, K)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        self.flat, inputs = flat(spec.input)
        self.head = initialize(nn.Linear(inputs, spec.target.size), config.init, "identity")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.flat(x))
        return logits
