"""Finer maps from a trained network (Chen et al. 2017, Rethinking atrous convolution, section 3.2; Yu & Koltun 2016).

Where a stage would halve its maps once too often it no longer strides, and the kernels that follow look as far apart as they did: their
places are dilated by what was not strided. Weights keep their meaning, and load as before. As in torchvision, the convolution
that strode is itself dilated only by the strides that were left out before it.
"""

import math

import torch
from torch import nn

from lamina.core.backbone import Backbone
from lamina.core.errors import UsageError

TRIED = 64  # px, the side of the empty picture by which strides are found


@torch.no_grad()
def dilate(net: Backbone, stride: int, pictures: int = 3) -> None:
    """Change a fresh backbone so that none of its maps has fewer than every `stride`-th place of the picture.

    pictures: their channels. Raises UsageError where a stage that would have to change strides otherwise than by its convolutions.
    """
    assert isinstance(net, nn.Module), "a backbone is a module"
    like, training, rate = next(net.parameters()), net.training, 1
    x = torch.zeros(1, pictures, TRIED, TRIED, device=like.device, dtype=like.dtype)
    net.eval()
    for name, step in net.steps():
        seen = step(x)
        if _stride(seen) > stride or rate > 1:
            if isinstance(step, nn.Sequential):
                rate = _dilate_blocks(step, rate)
                seen = step(x)
            elif seen.shape[-1] < x.shape[-1]:
                raise UsageError(f"a backbone whose maps can be kept at every {stride}th place, as `resnet50` or `efficientnet_lite0`",
                                 f"`{type(net).__name__}`, which halves its maps in `{name}`",
                                 "Choose a larger output_stride, or another backbone.")
        x = seen
    net.train(training)


def _dilate_blocks(stage: nn.Module, rate: int) -> int:
    """Dilate the blocks of a stage one after another; returns the rate for what comes after it."""
    for block in stage.children():
        strode = 1
        for layer in block.modules():
            if isinstance(layer, nn.Conv2d):
                _spread(layer, rate)
                if strode == 1:  # a shortcut beside it strides too
                    strode = layer.stride[0]
                    rate *= strode
                layer.stride = (1, 1)
    return rate


def _spread(layer: nn.Conv2d, rate: int) -> None:
    reach = layer.kernel_size[0] // 2
    layer.dilation = (rate, rate)
    if layer.padding != (0, 0):  # some pad by themselves
        layer.padding = (rate * reach, rate * reach)


def _stride(maps: torch.Tensor) -> int:
    return 2 ** round(math.log2(TRIED / maps.shape[-1]))  # sides may be rounded up or down
