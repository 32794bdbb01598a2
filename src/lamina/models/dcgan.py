"""DCGAN (Radford, Metz & Chintala 2015, Unsupervised representation learning with deep convolutional GANs).

A generator that grows noise into a picture, and a discriminator that shrinks a picture into one logit: the same
figure read in both directions. Departures: the last convolution to one unit is written as the linear layer that it
is; widths follow the size of the pictures. `discriminator_norm=spectral` divides the discriminator's weights by their
largest singular value (Miyato et al. 2018); on digits the paper's batch normalization learned faster.

    z   noise      (B, Z)        standard normal
    x   picture    (B, C, H, W)  -1 is black, 1 is white
    w   width      channels at half the picture's size; they double at each halving
    S   stages     halvings, so that 4 to 7 places a side are left: 8 -> 1, 28 -> 2, 32 -> 3, 64 -> 4
"""

import math
from itertools import pairwise
from typing import Literal

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Image, Spec
from lamina.nn import NORMS

SMALLEST_SIDE = 4
LEAK = 0.2
FIRST_DEVIATION = 0.02  # of the first weights, section 4 of the paper


class Config(knobs.Config):
    """The sizes of both networks."""

    noise: int = knob(64, "numbers of noise from which a picture is made", low=1, search="log")
    width: int = knob(32, "channels at half the picture's size; they double at each halving", low=2, search="log")
    norm: str = knob("batch", "normalization in the generator: see `lamina list norms`", search="choice")
    discriminator_norm: Literal["spectral", "batch", "none"] = knob("batch", "what steadies the discriminator", search="choice")


class DCGAN(nn.Module):
    """`generator` and `discriminator`; forward is the generator's: (B, Z) -> (B, C, H, W) in [-1, 1]."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Image) or min(spec.input.height, spec.input.width) < 2 * SMALLEST_SIDE:
            raise UsageError("pictures of at least 8x8 for `dcgan`", f"`{spec.input.kind}` {spec.input.shape}", "Use other data.")
        self.noise_size = config.noise
        self.generator = Generator(spec.input, config)
        self.discriminator = Discriminator(spec.input, config)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        picture: torch.Tensor = self.generator(noise)
        return picture


class Generator(nn.Module):
    """Project, then double the sides S times; a side that is no multiple of 2^S is grown too far and cut."""

    def __init__(self, image: Image, config: Config) -> None:
        super().__init__()
        widths = _widths(image, config)[::-1]  # 2^(S-1) w, ..., 2w, w
        grown = 2 ** len(widths)
        self.start = widths[0], math.ceil(image.height / grown), math.ceil(image.width / grown)
        self.size = image.height, image.width
        self.stem = _drawn(nn.Linear(config.noise, math.prod(self.start)))
        self.blocks = nn.Sequential(_norm(widths[0], config), nn.ReLU())
        for wide, narrow in pairwise(widths):
            self.blocks.extend([_drawn(nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False)), _norm(narrow, config), nn.ReLU()])
        self.head = nn.Sequential(_drawn(nn.ConvTranspose2d(widths[-1], image.channels, 4, 2, 1)), nn.Tanh())

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        channels, height, width = self.start
        h = self.stem(z).view(-1, height, width, channels).permute(0, 3, 1, 2)  # (B, 2^(S-1) w, H/2^S, W/2^S), channels last
        x: torch.Tensor = self.head(self.blocks(h))
        return x[:, :, : self.size[0], : self.size[1]]


class Discriminator(nn.Module):
    """Halve the sides S times, then one linear unit: (B, C, H, W) -> (B,) logits, positive for real."""

    def __init__(self, image: Image, config: Config) -> None:
        super().__init__()
        widths = [image.channels, *_widths(image, config)]
        self.blocks = nn.Sequential()
        for index, (i, o) in enumerate(pairwise(widths)):
            self.blocks.extend(_halve(i, o, config, first=index == 0))
        halved = 2 ** (len(widths) - 1)
        head = _drawn(nn.Linear(widths[-1] * (image.height // halved) * (image.width // halved), 1))
        self.head = spectral_norm(head) if config.discriminator_norm == "spectral" else head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.blocks(x.contiguous(memory_format=torch.channels_last))
        logits: torch.Tensor = self.head(h.flatten(1))
        return logits[:, 0]


def _widths(image: Image, config: Config) -> list[int]:
    """Channels at 1/2, 1/4, ... of the picture's size."""
    stages = int(math.log2(min(image.height, image.width) / SMALLEST_SIDE))
    return [config.width * 2**stage for stage in range(stages)]


def _halve(inputs: int, outputs: int, config: Config, first: bool) -> list[nn.Module]:
    """Strided convolution, normalization (not on the pictures themselves, section 3), leaky rectifier."""
    if config.discriminator_norm == "batch" and not first:
        return [_drawn(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)), nn.BatchNorm2d(outputs), nn.LeakyReLU(LEAK)]
    layer = _drawn(nn.Conv2d(inputs, outputs, 4, 2, 1))
    return [spectral_norm(layer) if config.discriminator_norm == "spectral" else layer, nn.LeakyReLU(LEAK)]


def _norm(channels: int, config: Config) -> nn.Module:
    layer: nn.Module = nn.Identity() if config.norm == "none" else NORMS[config.norm](channels, True)
    return layer


def _drawn(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> nn.Module:
    """The layer with the paper's first weights, drawn before a normalization is put on them."""
    nn.init.normal_(layer.weight, 0, FIRST_DEVIATION)
    return layer
