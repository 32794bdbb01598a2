"""Residual networks (He, Zhang, Ren & Sun 2015, Deep residual learning for image recognition).

Parts carry torchvision's names, so that its weights load by key; as there, the bottleneck strides in its 3x3
convolution, not in its first. Pictures under 64 px get the paper's CIFAR stem (section 4.2): 3x3, stride 1, no pooling.

    n  blocks in a stage: (2, 2, 2, 2) for 18 layers, (3, 4, 6, 3) for 34 and 50
    w  width of a stage: 64, 128, 256, 512; a bottleneck's output has 4 w channels
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn.functional import relu

from lamina.core import config as knobs
from lamina.core.backbone import Published, Step, pictures, run
from lamina.core.config import knob
from lamina.core.spec import Image, Spec
from lamina.nn.head import Head
from lamina.nn.init import he_outputs

WIDTHS = (64, 128, 256, 512)
SMALL = 64  # px; below, the stem that quarters the sides would leave too few places
Gate = Callable[[int], nn.Module]


class Residual(knobs.Config):
    """The knobs of every residual network."""

    stem: Literal["auto", "imagenet", "small"] = knob(
        "auto", "first layers: imagenet (7x7, quarters the sides), small (3x3, keeps them), auto by the pictures' size", search="choice"
    )
    dropout: float = knob(0.0, "share of features that are silenced before the head", low=0, high=0.95, search="linear")
    zero_init: bool = knob(False, "begin with every residual branch at zero (Goyal et al. 2017, section 5.1)")


class Config(Residual):
    """The sizes are the paper's."""


class Basic(nn.Module):
    """x + F(x) with two 3x3 convolutions: (B, i, H, W) -> (B, w, H / stride, W / stride)."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, gate: Gate) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(inputs, width, 3, stride), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _conv(width, width, 3), nn.BatchNorm2d(width)
        self.se = gate(width)
        self.downsample = _shortcut(inputs, width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = relu(self.bn1(self.conv1(x)), inplace=True)
        h = self.se(self.bn2(self.conv2(h)))
        return relu(h + self.downsample(x), inplace=True)  # eq. (1), (2)

    def last_norm(self) -> nn.BatchNorm2d:
        return self.bn2


class Bottleneck(nn.Module):
    """x + F(x) with 1x1, 3x3, 1x1 convolutions: (B, i, H, W) -> (B, 4 w, H / stride, W / stride)."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, gate: Gate) -> None:
        super().__init__()
        outputs = self.expansion * width
        self.conv1, self.bn1 = _conv(inputs, width, 1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _conv(width, width, 3, stride), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = _conv(width, outputs, 1), nn.BatchNorm2d(outputs)
        self.se = gate(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = relu(self.bn1(self.conv1(x)), inplace=True)
        h = relu(self.bn2(self.conv2(h)), inplace=True)
        h = self.se(self.bn3(self.conv3(h)))
        return relu(h + self.downsample(x), inplace=True)

    def last_norm(self) -> nn.BatchNorm2d:
        return self.bn3


@dataclass(frozen=True)
class Form:
    """What tells one network of the family from another."""

    name: str
    block: type[Basic] | type[Bottleneck]
    counts: tuple[int, int, int, int]
    gate: Gate = nn.Identity


FORMS = {
    18: Form("resnet18", Basic, (2, 2, 2, 2)), 34: Form("resnet34", Basic, (3, 4, 6, 3)), 50: Form("resnet50", Bottleneck, (3, 4, 6, 3)),
}  # fmt: skip


class ResNet(nn.Module):
    """Stem, four stages, global mean, head: (B, C, H, W) -> (B, K)."""

    def __init__(self, spec: Spec, config: Residual, form: Form) -> None:
        super().__init__()
        self.published = Published(form.name, "conv1.weight", ("fc.",))
        image = pictures(spec, form.name)
        small = _is_small(image, config)
        self.conv1 = _conv(image.channels, WIDTHS[0], 3) if small else _conv(image.channels, WIDTHS[0], 7, 2)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)
        inputs = (WIDTHS[0], *(form.block.expansion * w for w in WIDTHS))
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(inputs[n], WIDTHS[n], 1 if n == 0 else 2, form.counts[n], form) for n in range(4)
        )
        self.fc = Head(inputs[-1], spec.target.size, config.dropout)
        he_outputs(self)
        if config.zero_init:
            self._silence_branches()

    @property
    def head(self) -> nn.Module:
        return self.fc

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.pool(self.maps(x)))
        return logits

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        return run(self.steps(), x)  # (B, F, H / 32, W / 32)

    def pool(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.mean((2, 3))

    def stages(self) -> list[tuple[str, nn.Module]]:
        layers = [(f"layer{n}", self.get_submodule(f"layer{n}")) for n in (1, 2, 3, 4)]
        return [("stem", nn.Sequential(self.conv1, self.bn1)), *layers, ("head", self.fc)]

    def steps(self) -> list[Step]:
        layers: list[Step] = [(name, layer) for name, layer in self.stages()[1:-1]]
        return [("stem", self._stem), ("stem", self.maxpool), *layers]  # places H / 2, then H / 4

    def _stem(self, x: torch.Tensor) -> torch.Tensor:
        return relu(self.bn1(self.conv1(x)), inplace=True)

    def _silence_branches(self) -> None:
        for block in self.modules():
            if isinstance(block, Basic | Bottleneck):
                nn.init.zeros_(block.last_norm().weight)


def resnet18(spec: Spec, config: Config) -> ResNet:
    """A residual network of 18 layers (He et al. 2015)."""
    return ResNet(spec, config, FORMS[18])


def resnet34(spec: Spec, config: Config) -> ResNet:
    """A residual network of 34 layers (He et al. 2015)."""
    return ResNet(spec, config, FORMS[34])


def resnet50(spec: Spec, config: Config) -> ResNet:
    """A residual network of 50 layers with bottlenecks (He et al. 2015)."""
    return ResNet(spec, config, FORMS[50])


def _is_small(image: Image, config: Residual) -> bool:
    return config.stem == "small" or (config.stem == "auto" and min(image.height, image.width) < SMALL)


def _stage(inputs: int, width: int, stride: int, count: int, form: Form) -> nn.Sequential:
    """`count` blocks, of which the first strides."""
    first = form.block(inputs, width, stride, form.gate)
    return nn.Sequential(first, *(form.block(form.block.expansion * width, width, 1, form.gate) for _ in range(count - 1)))


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    """The identity, or a projection where the shape changes (option B of the paper)."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(_conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
