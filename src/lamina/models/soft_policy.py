"""A policy that draws numbers and squashes them into -1 to 1, and two critics of what it does (Haarnoja et al. 2018, Soft actor-critic).

    a = tanh(u), u ~ N(mu(s), sigma(s))           (B, A)
    log pi(a | s) = log N(u) - sum log(1 - a^2)   (B,)    appendix C, written so that it holds for large u
    Q_1, Q_2 (s, a)                               (2, B)
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import nn

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Controls, Spec, Vector

LOG_STD = (-20.0, 2.0)  # bounds of the log deviation, as in the paper's code


class Config(knobs.Config):
    """The widths of the policy and of each critic."""

    hidden: tuple[PositiveInt, ...] = knob((256, 256), "units in each hidden layer of the policy and of both critics", search="choice")


class SoftPolicy(nn.Module):
    """`actor`: observations (B, D) -> means and log deviations (B, 2 A); `critics`: (B, D), (B, A) -> two values (2, B)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Vector) or not isinstance(spec.target, Controls):
            raise UsageError("rows of observations and numbers to set for `soft_policy`", f"`{spec.input.kind}` and `{spec.target.kind}`",
                             "One of several actions is learned by `--method ppo` or `--method dqn`.")
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


def drawn(output: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Actions (B, A) by the reparametrization of eq. (11), and their log-probabilities (B,), eq. (21)."""
    mean, log_std = output.chunk(2, -1)
    log_std = log_std.clamp(*LOG_STD)
    u = mean + log_std.exp() * noise
    log_normal = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
    log_slope = 2 * (math.log(2) - u - F.softplus(-2 * u))  # log(1 - tanh(u)^2), which that form loses from |u| = 9 on
    return u.tanh(), (log_normal - log_slope).sum(-1)


def _network(widths: tuple[int, ...]) -> nn.Sequential:
    layers = [layer for i, o in pairwise(widths) for layer in (nn.Linear(i, o), nn.ReLU())]
    return nn.Sequential(*layers[:-1])
