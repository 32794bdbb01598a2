"""AlexNet (Krizhevsky, Sutskever & Hinton 2012; the one-column form of Krizhevsky 2014, One weird trick).

Parts carry torchvision's names, so that its weights load by key. As there, no local response normalization, and torch's
own first weights. Departure: under 128 px the maps are averaged to one place and the hidden layers have 512 units, as
nothing but one to nine places is left of the picture.
"""

from itertools import pairwise
from typing import Literal

import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core.backbone import Published, Step, pictures, run
from lamina.core.config import knob
from lamina.core.spec import Image, Spec
from lamina.nn.dropout import Dropout
from lamina.nn.head import Head

SMALLEST = 63  # px: the third pooling needs three places
LARGE = 128  # px
CHANNELS = 256  # of the last maps
PLACES, HIDDEN = 6, 4096
HIDDEN_SMALL = 512
STARTS = (0, 3, 6, 8, 10)  # of the convolutions among the layers


class Config(knobs.Config):
    """The sizes are the paper's but for the hidden layers."""

    hidden: Literal["auto", "imagenet", "small"] = knob(
        "auto", "hidden layers: imagenet (4096 units on 6x6 places), small (512 on one), auto by the pictures' size", search="choice"
    )
    dropout: float = knob(0.5, "share of hidden units that are silenced while training", low=0, high=0.95, search="linear")


class AlexNet(nn.Module):
    """AlexNet: five convolutions, two hidden layers, head: (B, C, H, W) -> (B, K)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        image = pictures(spec, "alexnet", SMALLEST)
        self.published = Published("alexnet", "features.0.weight", ("classifier.6.",))
        self.features = nn.Sequential(
            nn.Conv2d(image.channels, 64, 11, 4, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(256, CHANNELS, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        )  # fmt: skip
        places, hidden = (PLACES, HIDDEN) if _is_large(image, config) else (1, HIDDEN_SMALL)
        self.avgpool = nn.AdaptiveAvgPool2d(places)
        self.classifier = nn.Sequential(
            Dropout(config.dropout), nn.Linear(CHANNELS * places**2, hidden), nn.ReLU(),
            Dropout(config.dropout), nn.Linear(hidden, hidden), nn.ReLU(),
            Head(hidden, spec.target.size),
        )  # fmt: skip

    @property
    def head(self) -> nn.Module:
        return self.classifier[-1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.pool(self.maps(x)))
        return logits

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        return run(self.steps(), x)  # (B, 256, H / 16, W / 16)

    def pool(self, maps: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.classifier[:-1](self.avgpool(self.features[-1](maps)).flatten(1))
        return hidden

    def stages(self) -> list[tuple[str, nn.Module]]:
        ends = pairwise((*STARTS, len(self.features)))
        layers = [(f"conv{n}", self.features[start:end]) for n, (start, end) in enumerate(ends, 1)]
        return [*layers, ("hidden", self.classifier[:-1]), ("head", self.head)]

    def steps(self) -> list[Step]:
        layers = [(name, layer) for name, group in self.stages()[:-2] for layer in group]  # type: ignore[attr-defined]
        return layers[:-1]  # the last pooling belongs to `pool`


def _is_large(image: Image, config: Config) -> bool:
    return config.hidden == "imagenet" or (config.hidden == "auto" and min(image.height, image.width) >= LARGE)
