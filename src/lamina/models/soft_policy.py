"""A policy that draws numbers and squashes them into -1 to 1, and two critics of what it does (Haarnoja et al. 2018, Soft actor-critic).

    mu, log sigma (s)   what is squashed, and how far it is drawn from there (methods/distributions.py:squashed)   (B, 2 A)
    Q_1, Q_2 (s, a)     (2, B)
"""

from itertools import pairwise

import torch
from pydantic import PositiveInt
from torch import nn

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Controls, Spec, Vector


class Config(knobs.Config):
    """The widths of the policy and of each critic."""

    hidden: tuple[PositiveInt, ...] = knob((256, 256), "units in each hidden layer of the policy and of both critics", search="choice")


class SoftPolicy(nn.Module):
    """`actor`: observations (B, D) -> means and log deviations (B, 2 A); `critics`: (B, D), (B, A) -> two values (2, B)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Vector) or not isinstance(spec.target, Controls):
            raise UsageError("rows of observations and numbers to set for `soft_policy`", f"`{spec.input.kind}` and `{spec.target.kind}`",
                             "Use `--method ppo` for pictures, that or `--method dqn` for one of several actions.")
        inputs, actions = spec.input.size, spec.target.size
        self.actor = _network((inputs, *config.hidden, 2 * actions))
        self.critics = Critics((inputs + actions, *config.hidden, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The controls (B, A) that the policy deems best."""
        mean: torch.Tensor = self.actor(x).chunk(2, -1)[0]
        return mean.tanh()


class Critics(nn.Module):
    """Two networks of the same widths, side by side."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.first, self.second = _network(widths), _network(widths)

    def forward(self, x: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        both = torch.cat([x, action], -1)
        return torch.cat([self.first(both), self.second(both)], -1).T


def _network(widths: tuple[int, ...]) -> nn.Sequential:
    layers = [layer for i, o in pairwise(widths) for layer in (nn.Linear(i, o), nn.ReLU())]
    return nn.Sequential(*layers[:-1])
