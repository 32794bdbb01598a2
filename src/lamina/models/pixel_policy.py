"""A policy and its critic that look at pictures with the same convolutions (Mnih et al. 2016, Asynchronous methods, section 5.1; the
convolutions of Mnih et al. 2015).

First weights: orthogonal, gain sqrt(2) inside, 0.01 at the actor's head and 1 at the critic's (Andrychowicz et al. 2020).
"""

import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Actions, Controls, Image, Spec
from lamina.nn.frames import FrameFeatures
from lamina.nn.init import orthogonal_layer
from lamina.nn.spread import Spread


class Config(knobs.Config):
    """How wide, and how far numbers are drawn at first."""

    width: int = knob(512, "units after the convolutions", low=1, search="log")
    log_std: float = knob(0.0, "first log deviation of numbers to set, whose whole range is 2", low=-5, high=2, search="linear")


class PixelPolicy(nn.Module):
    """`actor`: pictures (B, C, H, W) -> logits (B, A), or means and log deviations (B, 2 A); `critic`: -> values (B, 1); `both` at once."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Image) or not isinstance(spec.target, Actions | Controls):
            raise UsageError("pictures and actions for `pixel_policy`", f"`{spec.input.kind}` and `{spec.target.kind}`",
                             "Use `--model policy` for rows of numbers.")
        self.numbers = isinstance(spec.target, Controls)
        self.features = FrameFeatures(spec.input, config.width)
        self.action = nn.Sequential(orthogonal_layer(nn.Linear(config.width, spec.target.size), 0.01))
        if self.numbers:
            self.action.append(Spread(spec.target.size, config.log_std))
        self.value = orthogonal_layer(nn.Linear(config.width, 1), 1.0)

    @property
    def actor(self) -> nn.Module:
        return nn.Sequential(self.features, self.action)

    @property
    def critic(self) -> nn.Module:
        return nn.Sequential(self.features, self.value)

    def both(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The actor's output and the critic's, whose convolutions are computed once."""
        h = self.features(x)
        return self.action(h), self.value(h)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (B, A), or the controls (B, A) in -1 to 1 that are most likely."""
        output: torch.Tensor = self.action(self.features(x))
        return output.chunk(2, -1)[0].clamp(-1, 1) if self.numbers else output
