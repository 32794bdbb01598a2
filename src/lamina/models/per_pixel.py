"""What the networks that answer for every pixel share: which data they take, a backbone of the zoo, blocks, and the way to full size."""

from collections.abc import Iterable, Sequence

import torch
from torch import nn

from lamina.core.backbone import Backbone, pictures
from lamina.core.config import build, config_of
from lamina.core.errors import UsageError
from lamina.core.spec import Classes, Image, Mask, Spec
from lamina.models import MODELS
from lamina.models.weights import words
from lamina.nn.dilation import dilate
from lamina.nn.pyramid import Pyramid, resized


def pictures_with_masks(spec: Spec, model: str) -> Image:
    """The spec's pictures, or a UsageError where a class for every pixel is not what is asked."""
    if not isinstance(spec.target, Mask):
        raise UsageError(f"pictures with masks for `{model}`", f"`{spec.target.kind}` as target",
                         "Leave --model out, and it is chosen by the data.")
    return pictures(spec, model)


def pyramid_of(backbone: str, spec: Spec, output_stride: int = 0) -> Pyramid:
    """The maps by stride of a network of the zoo, in its published form so that weights fit; with an `output_stride` dilated so that none
    is coarser. Raises UsageError where the network is none of pictures in stages."""
    image = spec.input
    assert isinstance(image, Image), "asked before"
    answers = spec.model_copy(update={"target": Classes(names=("a", "b"))})  # of a head that is taken off
    net: nn.Module = MODELS[backbone](answers, build("backbone", config_of(MODELS[backbone]), words(backbone)))
    if not isinstance(net, Backbone):
        raise UsageError("a backbone in stages, as `efficientnet_lite0` or `resnet18`", f"`{backbone}`", "Choose another with backbone=.")
    if output_stride:
        dilate(net, output_stride, image.channels)
    return Pyramid(net, image.channels)


def conv_norm(inputs: int, outputs: int, kernel: int = 3, rate: int = 1, separable: bool = False) -> list[nn.Module]:
    """Convolution, batch normalization, rectifier; `separable`: first place by place in each channel, then across channels
    (Chollet 2017): (B, inputs, h, w) -> (B, outputs, h, w)."""
    reach = rate * (kernel // 2)
    if separable and kernel > 1:
        depthwise = nn.Conv2d(inputs, inputs, kernel, padding=reach, dilation=rate, groups=inputs, bias=False)
        return [depthwise, nn.BatchNorm2d(inputs), nn.ReLU(inplace=True), *conv_norm(inputs, outputs, 1)]
    layer = nn.Conv2d(inputs, outputs, kernel, padding=reach, dilation=rate, bias=False)
    return [layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def strides_joined(channels: Iterable[int], finest: int) -> list[int]:
    """Of a pyramid's strides those that a way up joins, from coarse to fine; the coarsest always.

    >>> strides_joined([2, 4, 8], 4), strides_joined([2, 4], 8)
    ([8, 4], [4])
    """
    found = sorted(channels, reverse=True)
    return [s for s in found if s == found[0] or s >= finest]


def widths_of(wanted: Sequence[int], count: int) -> list[int]:
    """As many as there are steps; the last one is repeated.

    >>> widths_of((128, 64), 4)
    [128, 64, 64, 64]
    """
    return [wanted[min(n, len(wanted) - 1)] for n in range(count)]


def enlarged(logits: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Logits (B, K, h, w) at the size of the pictures, class by class in memory: the loss of that order takes a third of the time."""
    return resized(logits.contiguous(), x)
