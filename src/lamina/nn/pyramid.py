"""Feature maps of a network of pictures by stride, and the top-down path that joins them.

FPN: Lin, Dollar, Girshick, He, Hariharan & Belongie 2017, Feature pyramid networks for object detection. Parts carry
torchvision's names, so that its weights load by key.

    B  pictures    C_s  channels of the map with stride s    H, W  the picture's sides    D  channels of the joined maps
"""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import interpolate, max_pool2d

from lamina.core.backbone import Backbone

TRIED = 64  # px, the side of the empty picture by which the strides are found


class Pyramid(nn.Module):
    """The last map of each stride of a backbone, whose head is taken off: (B, C, H, W) -> {s: (B, C_s, H / s, W / s)}.

    net: a fresh backbone of the zoo, which is changed; pictures: their channels; coarsest: the stride after which it is cut
    off too. `channels` is {s: C_s}, from fine to coarse.
    """

    def __init__(self, net: Backbone, pictures: int = 3, coarsest: int = 1 << 16) -> None:
        super().__init__()
        assert isinstance(net, nn.Module), "a backbone is a module"
        self._strides, channels = _tried(net, pictures, coarsest)
        self.channels = dict(sorted(channels.items()))
        _take_off(net, {name for name, _ in net.steps()[: len(self._strides)]})
        self.net: Backbone = net

    def maps_by_stride(self, x: torch.Tensor) -> dict[int, torch.Tensor]:
        """The maps of scaled pictures, from fine to coarse."""
        found: dict[int, torch.Tensor] = {}
        for stride, (_, step) in zip(self._strides, self.net.steps(), strict=False):
            x = found[stride] = step(x)
        return found

    def forward(self, x: torch.Tensor) -> dict[int, torch.Tensor]:
        return self.maps_by_stride(x)


def _take_off(net: Backbone, used: set[str]) -> None:
    """Put identities in the place of the layers of all stages that are not used, so that every parameter learns."""
    assert isinstance(net, nn.Module)
    rest = {id(p) for name, stage in net.stages() if name not in used for p in stage.parameters()}
    for name, layer in list(net.named_modules()):
        if any(id(p) in rest for p in layer.parameters(recurse=False)):
            net.set_submodule(name, nn.Identity())


@torch.no_grad()
def _tried(net: Backbone, pictures: int, coarsest: int) -> tuple[list[int], dict[int, int]]:
    """The stride after each step up to the coarsest, and the channels of the last map of each, as an empty picture shows them."""
    assert isinstance(net, nn.Module)
    like = next(net.parameters())
    x = torch.zeros(1, pictures, TRIED, TRIED, device=like.device, dtype=like.dtype)
    strides: list[int] = []
    channels: dict[int, int] = {}
    training = net.training
    net.eval()
    for _, step in net.steps():
        x = step(x)
        stride = 2 ** round(math.log2(TRIED / x.shape[-1]))  # sides may be rounded up or down
        if stride > coarsest:
            break
        strides.append(stride)
        channels[stride] = x.shape[1]
    net.train(training)
    return strides, channels


class FPN(nn.Module):
    """Maps from fine to coarse (B, C_s, h, w) -> as many (B, D, h, w), each seeing what the coarser ones saw (figure 3)."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.inner_blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(c, width, 1)) for c in channels)
        self.layer_blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(width, width, 3, padding=1)) for _ in channels)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_uniform_(layer.weight, a=1)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, maps: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        joined = [inner(one) for inner, one in zip(self.inner_blocks, maps, strict=True)]
        for n in reversed(range(len(joined) - 1)):
            joined[n] = joined[n] + interpolate(joined[n + 1], joined[n].shape[2:])
        return [layer(one) for layer, one in zip(self.layer_blocks, joined, strict=True)]


def coarser(one: torch.Tensor) -> torch.Tensor:
    """Every second place of a map: the level above the last (section 4.1, P6)."""
    return max_pool2d(one, 1, 2)


def resized(maps: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Maps (B, C, h, w) at the height and width of others, bilinear."""
    return maps if maps.shape[2:] == like.shape[2:] else interpolate(maps, like.shape[2:], mode="bilinear", align_corners=False)
