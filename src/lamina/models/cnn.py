"""The default for small pictures: a strided stem, three convolutions with pooling between, one global maximum.

After LeCun et al. 1998 with batch normalization (Ioffe & Szegedy 2015). Two choices are ours, for speed: the
first convolution strides, so that nothing is computed at full size, and pooling comes before the normalization,
which then sees a quarter of the places. results/mnist-settings.md lists the shapes that were tried at equal time.

    28 -> 14 -> 7 -> 3 places a side; 64 -> 32 -> 16 -> 8
"""

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import nn
from torch.nn.functional import adaptive_max_pool2d

from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Image, Spec
from lamina.models.stacked import Stacked
from lamina.nn.head import Head
from lamina.nn.layers import Style, conv, initialize


class Config(Style):
    """The widths of the network."""

    norm: str = knob("batch", "normalization: see `lamina list norms`", search="choice")
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = knob(
        (24, 32, 64, 128), "channels of the stem and of each convolution after it", search="choice"
    )


class CNN(Stacked):
    """Stem, blocks, head: (B, C, H, W) -> (B, K)."""

    parts = "stem", "blocks"

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Image):
            raise UsageError("pictures for `cnn`", f"`{spec.input.kind}`", "Use `--model mlp` for rows of numbers.")
        self.stem = nn.Sequential(*conv(spec.input.channels, config.widths[0], 5, config, stride=2))
        pairs = list(pairwise(config.widths))
        pooled = _halvings(spec.input)
        self.blocks = nn.Sequential(
            *(layer for n, (i, o) in enumerate(pairs) for layer in conv(i, o, 3, config, pool=n < min(pooled, len(pairs) - 1)))
        )
        self.head = Head(config.widths[-1], spec.target.size, config.dropout)
        initialize(self, config.init, config.activation)

    def pool(self, maps: torch.Tensor) -> torch.Tensor:
        return adaptive_max_pool2d(maps, 1).flatten(1)


def _halvings(picture: Image) -> int:
    """How often the picture can be halved after the stem and keep two places a side."""
    return max(0, ((min(picture.height, picture.width) + 1) // 2).bit_length() - 2)
