"""The default for small pictures: a strided stem, two stages, one global maximum.

After LeCun et al. 1998 with batch normalization (Ioffe & Szegedy 2015). The first convolution strides, so
that most of the work is done at a quarter of the places.
"""

import torch
from torch import nn

from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Image, Spec
from lamina.nn.layers import Style, conv, initialize


class Config(Style):
    """The width of the network."""

    norm: str = knob("batch", "normalization: see `lamina list norms`", search="choice")
    width: int = knob(24, "channels of the stem; the stages have two and four times as many", low=4, search="log")


class CNN(nn.Module):
    """Stem, blocks, head: (B, C, H, W) -> (B, K)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Image):
            raise UsageError("pictures for `cnn`", f"`{spec.input.kind}`", "Use `--model mlp` for rows of numbers.")
        w = config.width
        self.stem = nn.Sequential(*conv(spec.input.channels, w, 5, config, stride=2))
        self.blocks = nn.Sequential(*conv(w, 2 * w, 3, config, stride=2), *conv(2 * w, 4 * w, 3, config))
        self.head = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4 * w, spec.target.size))
        initialize(self, config)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.blocks(self.stem(x)))
        return logits
