"""LinkNet (Chaurasia & Culurciello 2017, LinkNet: exploiting encoder representations for efficient semantic segmentation).

A path up that adds to what it has enlarged the maps of the same size from the way down, where U-Net lays them beside each other: the
convolutions of the way up see no more channels than they give.

Departures: maps are enlarged bilinearly after a 1x1 convolution, and one 3x3 follows the sum, where the paper has a transposed
convolution between two 1x1 (which takes longer on processors); the way up ends at the finest maps of the backbone that are joined, and
from there each place answers for its own square of pixels (Shi et al. 2016, Real-time single image and video super-resolution using an
efficient sub-pixel convolutional neural network). Below a backbone that ends early there may be a level of its own, which sees things as
wholes. While training the coarsest maps answer too (Lee et al. 2015, Deeply-supervised nets): what things are is learned there, and
without an answer of their own they learn it late (results/digit-scenes.md).

    K  classes    C_s  channels of the backbone's map of stride s    f  finest stride
"""

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import nn
from torch.nn.functional import max_pool2d

from lamina.core.backbone import Backbone
from lamina.core.config import knob
from lamina.core.spec import Spec
from lamina.models.per_pixel import conv_norm, enlarged, pictures_with_masks, pyramid_of, strides_joined, widths_of
from lamina.models.tiled import Tiled
from lamina.nn.dropout import Dropout
from lamina.nn.init import he_outputs
from lamina.nn.pyramid import resized

COARSE_WEIGHT = 1.0  # of the loss of the coarsest maps' answer beside that of the whole


class Config(Tiled):
    """Which backbone, and how wide the way up is."""

    backbone: str = knob("efficientnet_lite0", "network of pictures as the way down: see `lamina list models`", search="choice")
    up: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = knob(
        (128, 96, 64, 48), "channels of the way up, from coarse to fine; the last serves for what is finer"
    )
    below: Annotated[tuple[PositiveInt, ...], Field(max_length=8)] = knob(
        (), "channels of 3x3 convolutions at twice the stride of the backbone's coarsest maps; none: the way up begins at those"
    )
    finest: int = knob(2, "stride of the finest maps of the backbone that are joined: 1, 2, 4 or 8", low=1, high=8)
    dropout: float = knob(0.0, "share of the coarsest maps that is silenced", low=0, high=0.95, search="linear")
    mirror: bool = knob(False, "answer with the mean over a picture and its mirror image")


class Link(nn.Module):
    """Coarse maps enlarged, the finer ones added, one 3x3."""

    def __init__(self, coarse: int, fine: int, outputs: int) -> None:
        super().__init__()
        self.narrow = nn.Sequential(nn.Conv2d(coarse, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.lateral = nn.Identity() if fine == outputs else nn.Conv2d(fine, outputs, 1, bias=False)
        self.block = nn.Sequential(*conv_norm(outputs, outputs))

    def forward(self, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        joined = (resized(self.narrow(coarse), fine) + self.lateral(fine)).relu_()
        refined: torch.Tensor = self.block(joined)
        return refined


class LinkNet(nn.Module):
    """LinkNet (Chaurasia & Culurciello 2017) on a backbone of the zoo: (B, C, H, W) -> (B, K, H, W)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        pictures_with_masks(spec, "linknet")
        self.mirror = config.mirror  # read by nn/scaled.py
        self.pyramid = pyramid_of(config.backbone, spec)
        found = self.pyramid.channels
        self.strides = strides_joined(found, config.finest)
        channels = [found[s] for s in self.strides]  # from coarse to fine
        up = widths_of(config.up, len(channels) - 1)
        if config.below:
            channels, up = [config.below[-1], *channels], [channels[0], *up]
        widths = [channels[0], *up]
        self.below = nn.Sequential(*(layer for sizes in pairwise((found[self.strides[0]], *config.below)) for layer in conv_norm(*sizes)))
        self.dropout = Dropout(config.dropout)
        self.up = nn.ModuleList(map(Link, widths, channels[1:], widths[1:]))
        self.score = nn.Conv2d(widths[-1], spec.target.size * self.strides[-1] ** 2, 1)
        self.coarse, self.auxiliary_weight = nn.Conv2d(channels[0], spec.target.size, 1), COARSE_WEIGHT
        he_outputs(self.below)
        he_outputs(self.up)

    @property
    def backbone(self) -> Backbone:
        """The network of the zoo on the way down, for published weights."""
        return self.pyramid.net

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Scores; while training also those of the coarsest maps, at the size of the finest: (B, K, h, w)."""
        maps = self.pyramid(x)
        coarsest, *finer = (maps[stride] for stride in self.strides)
        if len(self.below):
            coarsest, finer = self.below(max_pool2d(coarsest, 2, ceil_mode=True)), [coarsest, *finer]
        h = self.dropout(coarsest)
        for up, fine in zip(self.up, finer, strict=True):
            h = up(h, fine)
        answer = self._scores(h, x)
        return (answer, enlarged(self.coarse(coarsest), h)) if self.training else answer

    def _scores(self, h: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """What squares of f x f pixels are, at the size of the picture; one copy, where `pixel_shuffle` makes three."""
        f, (height, width) = self.strides[-1], h.shape[2:]
        places = self.score(h).movedim(1, -1).reshape(len(h), height, width, f, f, -1)
        scores = places.permute(0, 5, 1, 3, 2, 4).reshape(len(h), -1, f * height, f * width)
        return enlarged(scores[..., : x.shape[2], : x.shape[3]], x)  # sides that f does not divide are cut or enlarged by a pixel or so
