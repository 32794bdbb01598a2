"""A value for each action, of pictures (Mnih et al. 2015), with one stream for the state and one for what each action adds to it where
`duelling` (Wang et al. 2016, eq. 9)."""

import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Actions, Image, Spec
from lamina.models.q_network import Streams
from lamina.nn.frames import FrameFeatures


class Config(knobs.Config):
    """How wide, and whether the value of the state is learned apart."""

    width: int = knob(512, "units after the convolutions", low=1, search="log")
    duelling: bool = knob(False, "a stream for the value of the state and one for the advantage of each action", search="choice")


class PixelQNetwork(nn.Module):
    """Pictures (B, C, H, W) -> values of actions (B, A)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Image) or not isinstance(spec.target, Actions):
            raise UsageError("pictures and one of several actions for `pixel_q_network`", f"`{spec.input.kind}` and `{spec.target.kind}`",
                             "Use `--model q_network` for rows of numbers, `--method ppo` for numbers to set.")
        self.features = FrameFeatures(spec.input, config.width)
        self.head = Streams(config.width, spec.target.size, config.duelling)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = self.head(self.features(x))
        return values
