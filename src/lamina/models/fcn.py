"""Fully convolutional networks (Long, Shelhamer & Darrell 2015, Fully convolutional networks for semantic segmentation).

A score for every class at every place of several maps of a backbone, the coarse ones enlarged and added to the finer ones: with maps
down to stride 8 this is FCN-8s (figure 3). The form `dilated` keeps the maps at stride 8 instead and has torchvision's head, whose
names it carries, so that its weights load by key (`from_torchvision`).

Departures: the backbone's last convolution stands for VGG's two hidden layers; scores are enlarged by fixed bilinear weights, which
the paper's learned ones begin with; scores of finer maps begin at zero, as in the authors' code.

    K  classes    C_s  channels of the backbone's map of stride s
"""

from typing import Literal

import torch
from torch import nn

from lamina.core.backbone import Backbone, State
from lamina.core.config import knob
from lamina.core.spec import Spec
from lamina.models import deeplab
from lamina.models.per_pixel import conv_norm, enlarged, pictures_with_masks, pyramid_of, strides_joined
from lamina.models.tiled import Tiled
from lamina.nn.dropout import Dropout
from lamina.nn.init import he_outputs
from lamina.nn.pyramid import resized

DILATED = 8  # the stride of the coarsest maps


class Config(Tiled):
    """Which form, on which backbone."""

    backbone: str = knob("efficientnet_lite0", "network of pictures below it: see `lamina list models`", search="choice")
    form: Literal["skips", "dilated"] = knob("skips", "skips: scores of several maps are added; dilated: one fine map", search="choice")
    finest: int = knob(8, "stride of the finest map that is scored: 32, 16 or 8 as in the paper, or finer", low=1, high=32)
    dropout: float = knob(0.1, "share of the last maps that is silenced", low=0, high=0.95, search="linear")
    mirror: bool = knob(False, "answer with the mean over a picture and its mirror image")


class FCN(nn.Module):
    """A fully convolutional network (Long et al. 2015) on a backbone of the zoo: (B, C, H, W) -> (B, K, H, W)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        pictures_with_masks(spec, "fcn")
        self.mirror = config.mirror  # read by nn/scaled.py
        dilated = config.form == "dilated"
        self.pyramid = pyramid_of(config.backbone, spec, DILATED if dilated else 0)
        channels, classes = self.pyramid.channels, spec.target.size
        coarsest = max(channels)
        self.strides = strides_joined(channels, coarsest if dilated else config.finest)
        self.classifier = _head(channels[coarsest], classes, config.dropout) if dilated else nn.Sequential(
            Dropout(config.dropout), nn.Conv2d(channels[coarsest], classes, 1))  # fmt: skip
        self.scores = nn.ModuleList(_silent(nn.Conv2d(channels[s], classes, 1)) for s in self.strides[1:])
        for part in list(self.classifier.children())[:-1]:
            he_outputs(part)

    @property
    def backbone(self) -> Backbone:
        """The network of the zoo below the scores, for published weights."""
        return self.pyramid.net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = self.pyramid(x)
        coarsest, *finer = (maps[stride] for stride in self.strides)
        logits: torch.Tensor = self.classifier(coarsest)
        for score, fine in zip(self.scores, finer, strict=True):
            logits = resized(logits, fine) + score(fine)
        return enlarged(logits, x)


def from_torchvision(state: State) -> dict[str, torch.Tensor]:
    """The names of torchvision's `fcn_resnet50` as ours; its parts are those of its DeepLab."""
    return deeplab.from_torchvision(state)


def _head(inputs: int, classes: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(*conv_norm(inputs, inputs // 4), Dropout(dropout), nn.Conv2d(inputs // 4, classes, 1))


def _silent(score: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(score.weight)
    return score
