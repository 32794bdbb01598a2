"""A light SSD (Liu et al. 2016) for processors: a small backbone, depthwise heads (SSDLite: Sandler et al. 2018, MobileNetV2, section
6.2), a top-down path of few channels (Lin et al. 2017) so that its fine maps see what is around, and default boxes fitted to the data.

    B  pictures    L  maps    A  default boxes at a place    D  channels of the joined maps    n  outputs a box (multibox.py)
"""

import math
from typing import Literal

import torch
from torch import nn
from torch.nn.functional import interpolate, max_pool2d, relu6

from lamina.core.config import knob
from lamina.core.spec import Spec
from lamina.models.default_boxes import FittedBoxes
from lamina.models.finding import Finding, pictures_with_boxes
from lamina.models.maps import Strides, pyramid
from lamina.models.multibox import MultiBox, by_box, outputs
from lamina.nn.init import he_outputs
from lamina.nn.pyramid import Pyramid

PRIOR = 0.01  # of an object at a default box, before anything is learned (Lin et al. 2017, focal loss, section 4.1)


class Config(Finding):
    """What the network looks at, and what it learns from."""

    backbone: str = knob("efficientnet_lite0", "the network of pictures below: see `lamina list models`", search="choice")
    strides: Strides = knob(
        (8, 16, 32), "strides of the maps, each double the one before; coarser ones than the backbone's are added", search="choice"
    )
    width: int = knob(96, "channels of the joined maps", low=8, search="log")
    shapes: int = knob(4, "default boxes at a place", low=1, high=12, search="linear")
    loss: Literal["focal", "mining"] = knob(
        "focal", "of the scores: focal (all default boxes, the sure ones weigh little) or mining (the hardest of them)", search="choice"
    )
    beta: float = knob(1.0, "distance of box codes up to which their loss is a square; below 1 boxes become more exact, and cost more",
                       low=0.01, high=10)


class Separable(nn.Module):
    """Depthwise 3x3 with normalization and activation, then 1x1: (B, i, h, w) -> (B, o, h, w)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.bn = nn.BatchNorm2d(inputs)
        self.conv_pw = nn.Conv2d(inputs, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h: torch.Tensor = self.conv_pw(relu6(self.bn(self.conv_dw(x))))
        return h


class Joined(nn.Module):
    """Maps of the backbone, brought to one width and joined top-down, and coarser maps made of the last: L maps (B, D, h, w)."""

    def __init__(self, below: Pyramid, strides: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.pyramid = below
        self.used = [stride for stride in strides if stride in below.channels]
        self.lateral = nn.ModuleList(_lateral(below.channels[stride], width) for stride in self.used)
        self.smooth = nn.ModuleList(Separable(width, width) for _ in self.used)
        # pooled before, as gradients of depthwise layers with stride are slow on processors
        self.coarser = nn.ModuleList(Separable(width, width) for _ in strides[len(self.used) :])

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        maps = self.pyramid.maps_by_stride(x)
        joined = [lateral(maps[stride]) for lateral, stride in zip(self.lateral, self.used, strict=True)]
        for n in reversed(range(len(joined) - 1)):
            joined[n] = joined[n] + interpolate(joined[n + 1], joined[n].shape[2:])
        joined = [smooth(one) for smooth, one in zip(self.smooth, joined, strict=True)]
        for coarser in self.coarser:
            joined.append(coarser(max_pool2d(joined[-1], 2, ceil_mode=True)))
        return [relu6(one) for one in joined]


class Heads(nn.Module):
    """Scores (B, M, n) and codes (B, M, 4) of L maps, by one depthwise and one 1x1 convolution each."""

    def __init__(self, maps: int, width: int, shapes: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.scores = nn.ModuleList(Separable(width, shapes * size) for _ in range(maps))
        self.codes = nn.ModuleList(Separable(width, shapes * 4) for _ in range(maps))

    def forward(self, maps: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        scores = [by_box(head(one), self.size) for head, one in zip(self.scores, maps, strict=True)]
        codes = [by_box(head(one), 4) for head, one in zip(self.codes, maps, strict=True)]
        return torch.cat(scores, 1), torch.cat(codes, 1)


def ssd(spec: Spec, config: Config) -> MultiBox:
    """SSD on a small backbone, for photos of some 300 pixels (Liu et al. 2016)."""
    pictures_with_boxes(spec, "ssd")
    below = pyramid(spec, config.backbone, config.strides, beyond=True)
    features = Joined(below, config.strides, config.width)
    head = Heads(len(config.strides), config.width, config.shapes, outputs(spec.target.size, config.loss))
    _draw(features, head, config.loss)
    return MultiBox(features, head, FittedBoxes(config.strides, config.shapes), config.selection, config.loss, config.beta)


def _lateral(inputs: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width))


def _draw(features: Joined, head: Heads, loss: str) -> None:
    """First weights of all that is not the backbone: at the start no box is moved, and nothing is taken for an object."""
    for part in (features.lateral, features.smooth, features.coarser, head):
        he_outputs(part)
    for one in (*head.scores, *head.codes):
        nn.init.normal_(one.get_submodule("conv_pw").weight, 0, 0.01)
    if loss == "focal":
        for one in head.scores:
            nn.init.constant_(one.get_submodule("conv_pw").bias, -math.log((1 - PRIOR) / PRIOR))  # type: ignore[arg-type]
