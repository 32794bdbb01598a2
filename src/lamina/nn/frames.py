"""What pictures of an environment are turned into: the convolutions of Mnih et al. 2015 (Human-level control through deep reinforcement
learning, methods: model architecture), orthogonal first weights as in Andrychowicz et al. 2020.

Pictures of less than 36 pixels a side, which those would not leave a place of, go through as many convolutions of stride 2 as leave four
places a side at most.

    84 -> 20 -> 9 -> 7 places a side; 32 -> 64 -> 64
"""

import math

import torch
from torch import nn

from lamina.core.spec import Image
from lamina.nn.init import orthogonal_layer

LARGE = ((32, 8, 4), (64, 4, 2), (64, 3, 1))  # channels, side and stride of each convolution
SMALL = (32, 64, 64)  # channels of those of stride 2
LEAST_LARGE, PLACES = 36, 4


class FrameFeatures(nn.Module):
    """(..., C, H, W) bytes -> (..., width)."""

    def __init__(self, image: Image, width: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(*_convolutions(image))
        with torch.no_grad():
            places = self.convolutions(torch.zeros(1, *image.shape)).shape[1]
        self.out = nn.Sequential(orthogonal_layer(nn.Linear(places, width), math.sqrt(2)), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h: torch.Tensor = self.out(self.convolutions(x.flatten(0, -4).float() / 255))
        return h.unflatten(0, x.shape[:-3])


def _convolutions(image: Image) -> list[nn.Module]:
    least, channels = min(image.height, image.width), image.channels
    shapes = LARGE if least >= LEAST_LARGE else tuple((c, 3, 2) for c in SMALL[: max(1, math.ceil(math.log2(least / PLACES)))])
    layers: list[nn.Module] = []
    for wide, side, stride in shapes:
        padding = 0 if least >= LEAST_LARGE else 1
        layers += [orthogonal_layer(nn.Conv2d(channels, wide, side, stride, padding), math.sqrt(2)), nn.ReLU()]
        channels = wide
    return [*layers, nn.Flatten()]
