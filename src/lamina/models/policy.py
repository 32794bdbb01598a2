"""A policy and its critic: two small tanh networks side by side (as in Schulman et al. 2017, section 6.1).

First weights: orthogonal, gain sqrt(2) inside, 0.01 at the actor's head so that all actions begin alike, 1 at
the critic's (Andrychowicz et al. 2020, What matters in on-policy RL). Numbers to set are drawn around the actor's mean with a
deviation that does not depend on what is seen (the same, section 6.1).
"""

import math
from itertools import pairwise

import torch
from pydantic import PositiveInt
from torch import nn

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Actions, Controls, Spec, Vector
from lamina.nn.init import orthogonal_layer
from lamina.nn.spread import Spread


class Config(knobs.Config):
    """The widths of both networks."""

    hidden: tuple[PositiveInt, ...] = knob((64, 64), "units in each hidden layer of actor and critic", search="choice")
    log_std: float = knob(0.0, "first log deviation of numbers to set, whose whole range is 2", low=-5, high=2, search="linear")


class Policy(nn.Module):
    """`actor`: observations (B, D) -> logits (B, A), or means and log deviations (B, 2 A); `critic`: (B, D) -> values (B, 1)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Vector) or not isinstance(spec.target, Actions | Controls):
            raise UsageError("rows of observations and actions for `policy`", f"`{spec.input.kind}` and `{spec.target.kind}`",
                             "Use `--model pixel_policy` for pictures.")
        self.numbers = isinstance(spec.target, Controls)
        self.actor = _network(spec.input.size, config.hidden, spec.target.size, 0.01)
        if self.numbers:
            self.actor.append(Spread(spec.target.size, config.log_std))
        self.critic = _network(spec.input.size, config.hidden, 1, 1.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (B, A), or the controls (B, A) in -1 to 1 that are most likely."""
        output: torch.Tensor = self.actor(x)
        return output.chunk(2, -1)[0].clamp(-1, 1) if self.numbers else output


def _network(inputs: int, hidden: tuple[int, ...], outputs: int, last_gain: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, o in pairwise((inputs, *hidden)):
        layers += [orthogonal_layer(nn.Linear(i, o), math.sqrt(2)), nn.Tanh()]
    return nn.Sequential(*layers, orthogonal_layer(nn.Linear((inputs, *hidden)[-1], outputs), last_gain))
