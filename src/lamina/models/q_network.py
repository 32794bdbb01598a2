"""A value for each action: a network of rectified layers (Mnih et al. 2015), with one stream for the state and one for what each action
adds to it where `duelling` (Wang et al. 2016, eq. 9).

    V(s)  value      (B, 1)
    A(s, a)  advantage  (B, A)
    Q = V + A - mean_a A
"""

from itertools import pairwise

import torch
from pydantic import PositiveInt
from torch import nn

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Actions, Spec, Vector


class Config(knobs.Config):
    """How wide, and whether the value of the state is learned apart."""

    hidden: tuple[PositiveInt, ...] = knob((128, 128), "units in each hidden layer", search="choice")
    duelling: bool = knob(False, "a stream for the value of the state and one for the advantage of each action", search="choice")


class QNetwork(nn.Module):
    """Observations (B, D) -> values of actions (B, A)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Vector) or not isinstance(spec.target, Actions):
            came = f"`{spec.input.kind}` and `{spec.target.kind}`"
            raise UsageError("rows of observations and one of several actions for `q_network`", came,
                             "Numbers to set are learned by `--method sac` or `--method ppo`.")
        widths = (spec.input.size, *config.hidden)
        self.body = nn.Sequential(*(layer for i, o in pairwise(widths) for layer in (nn.Linear(i, o), nn.ReLU())))
        self.head = Streams(widths[-1], spec.target.size, config.duelling)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = self.head(self.body(x))
        return values


class Streams(nn.Module):
    """Features (B, F) -> values of actions (B, A), by one layer, or by the two streams of a duel."""

    def __init__(self, width: int, actions: int, duelling: bool) -> None:
        super().__init__()
        self.advantage = nn.Linear(width, actions)
        self.value = nn.Linear(width, 1) if duelling else None

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        advantage: torch.Tensor = self.advantage(h)
        return advantage if self.value is None else self.value(h) + advantage - advantage.mean(-1, keepdim=True)
