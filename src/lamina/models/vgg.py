"""VGG (Simonyan & Zisserman 2015, Very deep convolutional networks for large-scale image recognition): A and D of table 1.

Nothing but 3x3 convolutions and pooling, then two hidden layers. Parts carry torchvision's names, so that its weights
load by key. Departure: under 128 px the maps are averaged to one place and the hidden layers have 512 units; as published
they would hold 120 million weights for a picture of which nothing is left but one to nine places.
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
from lamina.nn.init import he_outputs

BLOCKS = {  # channels of the convolutions between one pooling and the next
    "vgg11": ((64,), (128,), (256, 256), (512, 512), (512, 512)),
    "vgg16": ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)),
}
SMALLEST = 32  # px: five halvings
LARGE = 128  # px
PLACES, HIDDEN = 7, 4096
HIDDEN_SMALL = 512


class Config(knobs.Config):
    """The sizes are the paper's but for the hidden layers."""

    hidden: Literal["auto", "imagenet", "small"] = knob(
        "auto", "hidden layers: imagenet (4096 units on 7x7 places), small (512 on one), auto by the pictures' size", search="choice"
    )
    dropout: float = knob(0.5, "share of hidden units that are silenced while training", low=0, high=0.95, search="linear")


class VGG(nn.Module):
    """Five blocks, two hidden layers, head: (B, C, H, W) -> (B, K)."""

    def __init__(self, spec: Spec, config: Config, name: str) -> None:
        super().__init__()
        image = pictures(spec, name, SMALLEST)
        self.published = Published(name, "features.0.weight", ("classifier.6.",))
        self.features = _blocks(image.channels, BLOCKS[name])
        places, hidden = (PLACES, HIDDEN) if _is_large(image, config) else (1, HIDDEN_SMALL)
        self.avgpool = nn.AdaptiveAvgPool2d(places)
        self.classifier = nn.Sequential(
            nn.Linear(BLOCKS[name][-1][-1] * places**2, hidden), nn.ReLU(), Dropout(config.dropout),
            nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Identity(), Head(hidden, spec.target.size, config.dropout),  # the head has the second dropout inside
        )  # fmt: skip
        he_outputs(self)
        for layer in self.classifier:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, 0, 0.01)  # section 3.1
                nn.init.zeros_(layer.bias)

    @property
    def head(self) -> nn.Module:
        return self.classifier[-1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.pool(self.maps(x)))
        return logits

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        return run(self.steps(), x)  # (B, 512, H / 16, W / 16)

    def pool(self, maps: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.classifier[:-1](self.avgpool(self.features[-1](maps)).flatten(1))
        return hidden

    def stages(self) -> list[tuple[str, nn.Module]]:
        ends = [n + 1 for n, layer in enumerate(self.features) if isinstance(layer, nn.MaxPool2d)]
        blocks = [(f"block{n}", self.features[start:end]) for n, (start, end) in enumerate(pairwise([0, *ends]), 1)]
        return [*blocks, ("hidden", self.classifier[:-1]), ("head", self.head)]

    def steps(self) -> list[Step]:
        layers = [(name, layer) for name, block in self.stages()[:-2] for layer in block]  # type: ignore[attr-defined]
        return layers[:-1]  # the last pooling belongs to `pool`


def vgg11(spec: Spec, config: Config) -> VGG:
    """Eleven layers of weights (Simonyan & Zisserman 2015, configuration A)."""
    return VGG(spec, config, "vgg11")


def vgg16(spec: Spec, config: Config) -> VGG:
    """Sixteen layers of weights (Simonyan & Zisserman 2015, configuration D)."""
    return VGG(spec, config, "vgg16")


def _is_large(image: Image, config: Config) -> bool:
    return config.hidden == "imagenet" or (config.hidden == "auto" and min(image.height, image.width) >= LARGE)


def _blocks(inputs: int, blocks: tuple[tuple[int, ...], ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for widths in blocks:
        for width in widths:
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(inplace=True)]
            inputs = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)
