"""A plain network for finding things in small pictures, on processors: halved three times in all, and most of its work at stride 8.

Convolutions of 3x3 with batch normalization, as VGG's (Simonyan & Zisserman 2015; Ioffe & Szegedy 2015), but few before the places are few.
Networks that were made to classify photos halve pictures of 128 pixels until hardly a place is left of an object; residual and depthwise
stages in their place were tried and found less at equal time (results/digit-scenes.md).

    128 -> 64 -> 32 -> 16 places a side
"""

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d

from lamina.core.backbone import pictures
from lamina.core.config import knob
from lamina.core.spec import Spec
from lamina.models.stacked import Stacked
from lamina.nn.head import Head
from lamina.nn.layers import Style, conv, initialize

SMALLEST = 4  # pixels
LEAST_PLACES = 2  # a side, below which nothing is halved


class Config(Style):
    """The widths of the network."""

    norm: str = knob("batch", "normalization: see `lamina list norms`", search="choice")
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=4)] = knob(
        (16, 32, 64, 96, 96, 96), "channels at strides 2 and 4, then of each convolution that ends at stride 8", search="choice"
    )


class Compact(Stacked):
    """Three halvings, and convolutions of 3x3: (B, C, H, W) -> (B, K)."""

    parts = "stem", "down", "blocks"

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        image, widths = pictures(spec, "compact", SMALLEST), config.widths
        self.stem = nn.Sequential(*conv(image.channels, widths[0], 5, config, stride=2))
        side = (min(image.height, image.width) + 1) // 2
        first, second = side >= 2 * LEAST_PLACES, side >= 4 * LEAST_PLACES
        self.down = nn.Sequential(*conv(widths[0], widths[1], 3, config, pool=first), *conv(widths[1], widths[2], 3, config, pool=second))
        self.blocks = nn.Sequential(*(layer for i, o in pairwise(widths[2:]) for layer in conv(i, o, 3, config)))
        self.head = Head(widths[-1], spec.target.size, config.dropout)
        initialize(self, config.init, config.activation)

    def pool(self, maps: torch.Tensor) -> torch.Tensor:
        return adaptive_avg_pool2d(maps, 1).flatten(1)
