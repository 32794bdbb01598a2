"""SENet: residual networks with squeeze-and-excitation (Hu, Shen & Sun 2018, Squeeze-and-excitation networks).

A gate on every channel of a residual branch, worked out from the branch's mean over all places. Parts carry timm's
names (`seresnet50` and its smaller sisters), so that its weights load by key.

    C  channels of the branch    r  reduction, 16 in the paper
"""

from typing import Literal

import torch
from torch import nn
from torch.nn.functional import relu

from lamina.core.config import knob
from lamina.core.spec import Spec
from lamina.models.resnet import FORMS, Form, Residual, ResNet

REDUCTION = 16
FEWEST = 8  # channels of a gate, in timm


class Config(Residual):
    """A residual network's knobs, and its depth."""

    depth: Literal[18, 34, 50] = knob(50, "layers: 18 and 34 with two convolutions a block, 50 with bottlenecks", search="choice")


class SqueezeExcitation(nn.Module):
    """(B, C, H, W) -> the same, each channel times its gate in (0, 1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = max(FEWEST, channels // REDUCTION)
        self.fc1, self.fc2 = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)

    def forward(self, u: torch.Tensor) -> torch.Tensor:
        z = u.mean((2, 3), keepdim=True)  # (B, C, 1, 1), eq. (2)
        s = self.fc2(relu(self.fc1(z))).sigmoid()  # eq. (3)
        return u * s  # eq. (4)


def se_resnet(spec: Spec, config: Config) -> ResNet:
    """A residual network with squeeze-and-excitation (Hu et al. 2018)."""
    plain = FORMS[config.depth]
    return ResNet(spec, config, Form("se_resnet", plain.block, plain.counts, SqueezeExcitation))
