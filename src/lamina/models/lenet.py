"""LeNet-5 (LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document recognition).

Departures: all maps of one layer feed all of the next, a softmax head replaces the radial basis units,
and activation and pooling are the user's (`activation=tanh` is the paper's). Pictures of other sizes are
averaged to the 5x5 maps that the paper's 32x32 input leads to.
"""

import torch
from torch import nn

from lamina.core.errors import UsageError
from lamina.core.spec import Image, Spec
from lamina.nn.layers import Style, conv, dense, initialize


class Config(Style):
    """LeNet's sizes are the paper's."""


class LeNet(nn.Module):
    """C1 S2 C3 S4 C5 F6 and the head: (B, C, H, W) -> (B, K)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Image) or min(spec.input.height, spec.input.width) < 2:
            raise UsageError("pictures of at least 2x2 for `lenet`", f"`{spec.input.kind}` {spec.input.shape}",
                             "Use `--model mlp` for rows of numbers.")
        self.stem = nn.Sequential(*conv(spec.input.channels, 6, 5, config), nn.AvgPool2d(2))  # C1, S2
        self.blocks = nn.Sequential(*conv(6, 16, 5, config), nn.AdaptiveAvgPool2d(5))  # C3, S4
        self.head = nn.Sequential(
            nn.Flatten(), *dense(16 * 5 * 5, 120, config), *dense(120, 84, config), nn.Linear(84, spec.target.size)
        )  # C5, F6, output
        initialize(self, config.init, config.activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.blocks(self.stem(x)))
        return logits
