"""A policy and its critic: two small tanh networks side by side (as in Schulman et al. 2017, section 6.1).

First weights: orthogonal, gain sqrt(2) inside, 0.01 at the actor's head so that all actions begin alike, 1 at
the critic's (Andrychowicz et al. 2020, What matters in on-policy RL).
"""

import math
from itertools import pairwise

import torch
from pydantic import PositiveInt
from torch import nn

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Actions, Spec, Vector


class Config(knobs.Config):
    """The widths of both networks."""

    hidden: tuple[PositiveInt, ...] = knob((64, 64), "units in each hidden layer of actor and critic", search="choice")


class Policy(nn.Module):
    """`actor`: observations (B, D) -> logits (B, A); `critic`: (B, D) -> values (B, 1)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Vector) or not isinstance(spec.target, Actions):
            raise UsageError("rows of observations and discrete actions for `policy`", f"`{spec.input.kind}` and `{spec.target.kind}`",
                             "Use `--model mlp` for rows of numbers, `--model cnn` for pictures.")
        self.actor = _network(spec.input.size, config.hidden, spec.target.size, 0.01)
        self.critic = _network(spec.input.size, config.hidden, 1, 1.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.actor(x)
        return logits


def _network(inputs: int, hidden: tuple[int, ...], outputs: int, last_gain: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, o in pairwise((inputs, *hidden)):
        layers += [_orthogonal(nn.Linear(i, o), math.sqrt(2)), nn.Tanh()]
    return nn.Sequential(*layers, _orthogonal(nn.Linear((inputs, *hidden)[-1], outputs), last_gain))


def _orthogonal(layer: nn.Linear, gain: float) -> nn.Linear:
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer
