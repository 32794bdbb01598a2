"""SSD300 (Liu et al. 2016): VGG-16 whose hidden layers became convolutions, and four smaller maps behind it, for pictures of 300 pixels.

In the form that torchvision publishes; its weights load by name after `from_torchvision`. As there, the third pooling rounds up.

    sides of the six maps of 300 pixels: 38, 19, 10, 5, 3, 1
"""

import re
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import normalize

from lamina.core.backbone import Published, Scale, State
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Image, Spec
from lamina.models.finding import Finding, pictures_with_boxes
from lamina.models.maps import pyramid
from lamina.models.multibox import MultiBox, by_box
from lamina.nn.anchors import around_origin, at_places, default_shapes
from lamina.nn.pyramid import Pyramid

SIDE, SMALLEST = 300, 257  # px: as published, and what the last map needs
SCALES = (0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05)  # of the picture's side: the paper's for COCO
RATIOS = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))
STEPS = (8, 16, 32, 64, 100, 300)  # px from place to place
CHANNELS = (512, 1024, 512, 256, 256, 256)
NORM = 20.0  # of the first map at a place, at the start (Liu, Rabinovich & Berg 2016, ParseNet)
FOURTH_POOLING, BEFORE_FC = 23, 7  # VGG-16's layers from its fourth pooling on come before fc6 in torchvision's list
PUBLISHED_SCALE = Scale((123.0, 117.0, 104.0), (1.0, 1.0, 1.0))  # Caffe's


class Config(Finding):
    """The sizes are the published."""

    score: float = knob(0.01, "least score of an answer; the task asks for more before it shows one", low=0, high=1)
    overlap: float = knob(0.45, "IoU from which on the worse of two answers of one class is dropped", low=0, high=1, search="linear")
    most: int = knob(200, "answers a picture, at most", low=1, high=10_000)


class Maps(nn.Module):
    """Six maps of scaled pictures, from fine to coarse: table 1 of the paper."""

    def __init__(self, below: Pyramid) -> None:
        super().__init__()
        self.pyramid = below
        self.scale_weight = nn.Parameter(torch.full((CHANNELS[0],), NORM))
        fc = nn.Sequential(
            nn.MaxPool2d(3, 1, 1), nn.Conv2d(512, 1024, 3, padding=6, dilation=6), nn.ReLU(), nn.Conv2d(1024, 1024, 1), nn.ReLU()
        )
        further = [_narrowed(1024, 256, 512, 2), _narrowed(512, 128, 256, 2), _narrowed(256, 128, 256), _narrowed(256, 128, 256)]
        self.extra = nn.ModuleList([fc, *further])

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        below = self.pyramid.maps_by_stride(x)
        maps = [self.scale_weight.view(-1, 1, 1) * normalize(below[8])]  # conv4_3
        h = below[16]  # conv5_3
        for layers in self.extra:
            h = layers(h)
            maps.append(h)
        return maps


class Heads(nn.Module):
    """Scores (B, M, 1 + K) and codes (B, M, 4) of six maps, by a 3x3 convolution each."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.size = 1 + classes
        shapes = [2 + 2 * len(ratios) for ratios in RATIOS]
        self.scores = nn.ModuleList(nn.Conv2d(c, a * self.size, 3, padding=1) for c, a in zip(CHANNELS, shapes, strict=True))
        self.codes = nn.ModuleList(nn.Conv2d(c, a * 4, 3, padding=1) for c, a in zip(CHANNELS, shapes, strict=True))

    def forward(self, maps: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        scores = [by_box(head(one), self.size) for head, one in zip(self.scores, maps, strict=True)]
        codes = [by_box(head(one), 4) for head, one in zip(self.codes, maps, strict=True)]
        return torch.cat(scores, 1), torch.cat(codes, 1)


class PublishedBoxes(nn.Module):
    """The paper's default boxes, in shares of the picture; none is larger than it."""

    told = f"default boxes of fixed sizes: {', '.join(f'{scale:g}' for scale in SCALES[:-1])} of the picture"

    def __init__(self) -> None:
        super().__init__()
        for n, shapes in enumerate(default_shapes(SCALES, RATIOS)):
            self.register_buffer(f"shapes{n}", shapes.clamp(max=1), persistent=False)

    def forward(self, places: Sequence[tuple[int, int]], picture: tuple[int, int]) -> torch.Tensor:
        """The places of a map that is not of 300 pixels fill the picture evenly."""
        height, width = picture
        found = []
        for n, ((h, w), step) in enumerate(zip(places, STEPS, strict=True)):
            shapes = self.get_buffer(f"shapes{n}")
            cells = around_origin(shapes * shapes.new_tensor([width, height]))
            found.append(at_places(cells, (h, w), (step, step) if picture == (SIDE, SIDE) else (height / h, width / w)))
        return torch.cat(found)

    def fit(self, boxes: torch.Tensor) -> None:
        """They are not fitted."""


def ssd300(spec: Spec, config: Config) -> MultiBox:
    """SSD on VGG-16 for pictures of 300x300, as published (Liu et al. 2016)."""
    image = pictures_with_boxes(spec, "ssd300")
    _check_size(image)
    below = pyramid(spec, "vgg16", (8, 16))
    _round_up_third_pooling(below)
    features, head = Maps(below), Heads(spec.target.size)
    for layer in [*features.extra.modules(), *head.modules()]:
        if isinstance(layer, nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    net = MultiBox(features, head, PublishedBoxes(), config.selection, "mining")
    heads = ("head.scores.",)
    net.published = Published("ssd300", "features.pyramid.net.features.0.weight", heads, PUBLISHED_SCALE, from_torchvision)
    return net


def _check_size(image: Image) -> None:
    if min(image.height, image.width) < SMALLEST:
        raise UsageError(f"pictures of at least {SMALLEST}x{SMALLEST} for `ssd300`, best {SIDE}x{SIDE}", f"`{image.width}x{image.height}`",
                         f"Choose `ssd`, or larger pictures: `data.size={SIDE}`.")


def _round_up_third_pooling(below: Pyramid) -> None:
    """75 places of 300 pixels become 38, not 37."""
    poolings = [layer for _, layer in below.net.steps() if isinstance(layer, nn.MaxPool2d)]
    poolings[2].ceil_mode = True


def _narrowed(inputs: int, inner: int, outputs: int, stride: int = 1) -> nn.Module:
    """1x1 to few channels, then 3x3 that halves the sides, or takes a place off each end."""
    second = nn.Conv2d(inner, outputs, 3, stride, padding=int(stride == 2))
    return nn.Sequential(nn.Conv2d(inputs, inner, 1), nn.ReLU(), second, nn.ReLU())


def from_torchvision(state: State) -> dict[str, torch.Tensor]:
    """torchvision's names as ours.

    >>> list(from_torchvision({"backbone.extra.0.7.1.weight": torch.empty(0)}))
    ['features.extra.0.1.weight']
    """
    return {_renamed(name): tensor for name, tensor in state.items()}


def _renamed(name: str) -> str:
    name = re.sub(r"^backbone\.features\.", "features.pyramid.net.features.", name)
    name = re.sub(rf"^backbone\.extra\.0\.{BEFORE_FC}\.", "features.extra.0.", name)  # fc6, fc7
    name = re.sub(r"^backbone\.extra\.0\.(\d)\.", lambda m: f"features.pyramid.net.features.{int(m[1]) + FOURTH_POOLING}.", name)
    name = re.sub(r"^backbone\.", "features.", name)
    return name.replace("head.classification_head.module_list", "head.scores").replace("head.regression_head.module_list", "head.codes")
