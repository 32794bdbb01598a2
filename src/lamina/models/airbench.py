"""A small convolutional network that learns much in few passes (Jordan 2024, 94 % on CIFAR-10 in 3.29 seconds).

A whitening layer that is not trained, then groups of two 3x3 convolutions with pooling in the first, and one linear
layer on the maximum over all places. Convolutions begin as the identity on their first channels, so that the fresh
network passes pictures on. Where we depart from it, for processors: narrower groups, a rectifier after the whitening
(there are as many places as in all the rest together, and whitened channels come with both signs), normalization with a
gain, and any size of picture. `mirror` is the paper's test-time augmentation: the answer is the mean over a
picture and its mirror image (nn/scaled.py).

    32 -> 31 -> 15 -> 7 -> 3 -> 1 places a side
"""

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import nn

from lamina.core.backbone import Published, Step, pictures, run
from lamina.core.config import knob
from lamina.core.spec import Spec
from lamina.nn.head import Head
from lamina.nn.layers import Style, conv, initialize
from lamina.nn.whiten import Whiten

OUTPUT_SCALE = 1 / 9  # of the logits, which begin small


class Config(Style):
    """The widths of the network."""

    activation: str = knob("silu", "non-linearity: see `lamina list activations`", search="choice")
    norm: str = knob("batch", "normalization: see `lamina list norms`", search="choice")
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = knob(
        (32, 96, 128), "channels of each group of two convolutions", search="choice"
    )
    patch: int = knob(2, "side in pixels of the patches that the first layer whitens", low=1, high=5)
    mirror: bool = knob(False, "answer with the mean over a picture and its mirror image")


class Airbench(nn.Module):
    """Stem, blocks, head: (B, C, H, W) -> (B, K)."""

    published: Published | None = None

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        image = pictures(spec, "airbench", config.patch)
        self.mirror = config.mirror
        whiten = Whiten(image.channels, config.patch)
        self.stem = nn.Sequential(whiten, nn.ReLU())
        side = min(image.height, image.width) - config.patch + 1
        groups, inputs = [], 2 * whiten.size
        for n, width in enumerate(config.widths):
            groups.append(_group(inputs, width, config, pool=side >> n >= 4))
            inputs = width
        self.blocks = nn.Sequential(*groups)
        self.head = Head(inputs, spec.target.size, config.dropout)
        initialize(self, config.init, config.activation)
        if config.init == "auto":
            _begin_as_identity(self.blocks)
            self.head.weight.data.mul_(OUTPUT_SCALE)

    def learn(self, x: torch.Tensor) -> None:
        """Take the whitening from scaled training pictures (N, C, H, W)."""
        whiten = self.stem[0]
        assert isinstance(whiten, Whiten)
        whiten.learn(x)

    def stages(self) -> list[tuple[str, nn.Module]]:
        """The network's parts from the picture to the answer."""
        return [("stem", self.stem), *((f"group{n}", group) for n, group in enumerate(self.blocks)), ("head", self.head)]

    def steps(self) -> list[Step]:
        """`maps` one step after another, each with its stage."""
        return [("stem", self.stem), *((f"group{n}", group) for n, group in enumerate(self.blocks))]

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        """The last convolution's places: (B, C, H, W) -> (B, F, h, w)."""
        return run(self.steps(), x)

    def pool(self, maps: torch.Tensor) -> torch.Tensor:
        """What the head reads: (B, F, h, w) -> (B, F)."""
        return maps.amax((2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.pool(self.maps(x)))
        return logits


def _group(inputs: int, outputs: int, config: Config, pool: bool) -> nn.Sequential:
    return nn.Sequential(*conv(inputs, outputs, 3, config, pool=pool), *conv(outputs, outputs, 3, config))


def _begin_as_identity(blocks: nn.Module) -> None:
    """The first outputs of every convolution copy its inputs, as many as there are; the rest stay random."""
    for layer in blocks.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.dirac_(layer.weight.data[: layer.in_channels])
