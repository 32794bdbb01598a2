"""U-Net (Ronneberger, Fischer & Brox 2015, Convolutional networks for biomedical image segmentation).

A path down that halves the maps, a path up that doubles them, and at every size the maps from the way down laid beside those on the
way up. Departures: kernels are padded and maps enlarged to the size of what they are joined with, so that the answer has
the size of the picture, whatever that is; batch normalization; enlarging is bilinear and the convolution after it is one of the
block's. With a `backbone` of the zoo its maps are the way down, and the way up ends at the finest of them.

    K  classes    w  width of the first level    C_s  channels of the map of stride s
"""

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

MOST_WIDTH = 512
FROM_SCRATCH = "none"


class Config(Tiled):
    """The sizes; the paper's are depth 4 and width 64."""

    backbone: str = knob(FROM_SCRATCH, "network of pictures as the way down: see `lamina list models`; none: convolutions from scratch",
                         search="choice")
    depth: int = knob(4, "halvings of a way down from scratch", low=1, high=7, search="linear")
    width: int = knob(16, "channels at full size, doubled at each halving", low=4, search="log")
    up: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = knob(
        (128, 96, 64, 32), "channels of the way up on a backbone, from coarse to fine; the last serves for what is finer"
    )
    finest: int = knob(2, "stride of the finest maps of a backbone that are joined: 1, 2, 4 or 8", low=1, high=8)
    separable: bool = knob(False, "depthwise separable convolutions on the way up")
    dropout: float = knob(0.0, "share of the coarsest maps that is silenced", low=0, high=0.95, search="linear")
    mirror: bool = knob(False, "answer with the mean over a picture and its mirror image")


class Down(nn.Module):
    """The paper's way down: (B, C, H, W) -> {s: (B, C_s, H / s, W / s)} for s = 1, 2, 4 ..."""

    def __init__(self, inputs: int, depth: int, width: int) -> None:
        super().__init__()
        self.channels = {2**n: min(width * 2**n, MOST_WIDTH) for n in range(depth + 1)}
        widths = list(self.channels.values())
        self.blocks = nn.ModuleList(_twice(i, o) for i, o in zip([inputs, *widths], widths, strict=False))

    def forward(self, x: torch.Tensor) -> dict[int, torch.Tensor]:
        found: dict[int, torch.Tensor] = {}
        for stride, block in zip(self.channels, self.blocks, strict=True):
            x = found[stride] = block(x if stride == 1 else max_pool2d(x, 2, ceil_mode=True))
        return found


class Up(nn.Module):
    """One step of the way up: coarse maps enlarged to the finer ones, both joined, two 3x3."""

    def __init__(self, coarse: int, fine: int, outputs: int, separable: bool) -> None:
        super().__init__()
        self.block = _twice(coarse + fine, outputs, separable)

    def forward(self, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        joined: torch.Tensor = self.block(torch.cat([fine, resized(coarse, fine)], 1))
        return joined


class UNet(nn.Module):
    """U-Net (Ronneberger et al. 2015), from scratch or on a backbone of the zoo: (B, C, H, W) -> (B, K, H, W)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        image = pictures_with_masks(spec, "unet")
        self.mirror = config.mirror  # read by nn/scaled.py
        plain = config.backbone == FROM_SCRATCH
        self.down = Down(image.channels, config.depth, config.width) if plain else pyramid_of(config.backbone, spec)
        self.strides = strides_joined(self.down.channels, 1 if plain else config.finest)
        channels = [self.down.channels[s] for s in self.strides]  # from coarse to fine
        widths = channels if plain else widths_of(config.up, len(channels))
        # a backbone's last maps are wide, and are brought down before they are enlarged
        self.bridge = nn.Sequential(*([] if plain else conv_norm(channels[0], widths[0], 1)), Dropout(config.dropout))
        sizes = zip(widths, channels[1:], widths[1:], strict=False)
        self.up = nn.ModuleList(Up(coarse, fine, width, config.separable) for coarse, fine, width in sizes)
        self.score = nn.Conv2d(widths[-1], spec.target.size, 1)
        for part in (self.bridge, self.up, *([self.down] if plain else [])):
            he_outputs(part)

    @property
    def backbone(self) -> Backbone | None:
        """The network of the zoo on the way down, for published weights; None from scratch."""
        return None if isinstance(self.down, Down) else self.down.net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = self.down(x)
        coarsest, *finer = (maps[stride] for stride in self.strides)
        h = self.bridge(coarsest)
        for up, fine in zip(self.up, finer, strict=True):
            h = up(h, fine)
        return enlarged(self.score(h), x)


def _twice(inputs: int, outputs: int, separable: bool = False) -> nn.Sequential:
    return nn.Sequential(*conv_norm(inputs, outputs, separable=separable), *conv_norm(outputs, outputs, separable=separable))
