"""GoogLeNet (Szegedy, Liu, Jia et al. 2015, Going deeper with convolutions), with the normalization of its second version.

Parts carry torchvision's names, so that its weights load by key; batch normalization (Ioffe & Szegedy 2015), the 3x3 that stands
for the paper's 5x5, and the first weights are from there too. While training, two auxiliary heads (section 5) look at earlier
maps; `methods/supervised.py` adds their losses.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, relu

from lamina.core import config as knobs
from lamina.core.backbone import HALVES, Published, Step, pictures, run
from lamina.core.config import knob
from lamina.core.spec import Spec
from lamina.nn.dropout import Dropout
from lamina.nn.head import Head

SMALLEST = 15  # px: two places are left for the third pooling
FEATURES = 1024
AUXILIARY_PLACES, AUXILIARY_CHANNELS, AUXILIARY_HIDDEN = 4, 128, 1024
AUXILIARY_DROPOUT = 0.7
AUXILIARY_WEIGHT = 0.3  # of their losses beside the main one (section 5)
FIRST_DEVIATION = 0.01


class Mix(NamedTuple):
    """A row of table 1: channels of the four branches; `reduced` before a 3x3, of which the second stands for a 5x5."""

    one: int
    three_reduced: int
    three: int
    five_reduced: int
    five: int
    pooled: int

    @property
    def out(self) -> int:
        return self.one + self.three + self.five + self.pooled


MIXES = {
    "3a": Mix(64, 96, 128, 16, 32, 32), "3b": Mix(128, 128, 192, 32, 96, 64),
    "4a": Mix(192, 96, 208, 16, 48, 64), "4b": Mix(160, 112, 224, 24, 64, 64), "4c": Mix(128, 128, 256, 24, 64, 64),
    "4d": Mix(112, 144, 288, 32, 64, 64), "4e": Mix(256, 160, 320, 32, 128, 128),
    "5a": Mix(256, 160, 320, 32, 128, 128), "5b": Mix(384, 192, 384, 48, 128, 128),
}  # fmt: skip


class Config(knobs.Config):
    """The sizes are the paper's."""

    auxiliary: bool = knob(True, "two more heads on earlier maps while training")
    dropout: float = knob(0.2, "share of features that are silenced before the head", low=0, high=0.95, search="linear")


class Conv(nn.Module):
    """Convolution, normalization, rectifier."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    """Four branches side by side (figure 2b): (B, i, H, W) -> (B, mix.out, H, W)."""

    def __init__(self, inputs: int, mix: Mix) -> None:
        super().__init__()
        self.branch1 = Conv(inputs, mix.one, 1)
        self.branch2 = nn.Sequential(Conv(inputs, mix.three_reduced, 1), Conv(mix.three_reduced, mix.three, 3))
        self.branch3 = nn.Sequential(Conv(inputs, mix.five_reduced, 1), Conv(mix.five_reduced, mix.five, 3))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), Conv(inputs, mix.pooled, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class Auxiliary(nn.Module):
    """A head on the maps between: (B, i, h, w) -> (B, K)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = Conv(inputs, AUXILIARY_CHANNELS, 1)
        self.fc1 = nn.Linear(AUXILIARY_CHANNELS * AUXILIARY_PLACES**2, AUXILIARY_HIDDEN)
        self.fc2 = nn.Linear(AUXILIARY_HIDDEN, outputs)
        self.dropout = Dropout(AUXILIARY_DROPOUT)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        h = self.conv(adaptive_avg_pool2d(maps, AUXILIARY_PLACES)).flatten(1)
        logits: torch.Tensor = self.fc2(self.dropout(relu(self.fc1(h))))
        return logits


class GoogLeNet(nn.Module):
    """GoogLeNet: stem, nine mixes of convolutions, global mean, head: (B, C, H, W) -> (B, K); while training also (B, K) twice."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        image = pictures(spec, "googlenet", SMALLEST)
        # torchvision brings ImageNet's scale to halves before its first layer (`transform_input`)
        self.published = Published("googlenet", "conv1.conv.weight", ("fc.", "aux1.", "aux2."), HALVES)
        self.conv1, self.conv2, self.conv3 = Conv(image.channels, 64, 7, 2), Conv(64, 64, 1), Conv(64, 192, 3)
        inputs = 192
        for name, mix in MIXES.items():
            self.add_module(f"inception{name}", Inception(inputs, mix))
            inputs = mix.out
        self.halve, self.last_halve = nn.MaxPool2d(3, 2, ceil_mode=True), nn.MaxPool2d(2, 2, ceil_mode=True)
        if config.auxiliary:
            self.aux1, self.aux2 = (Auxiliary(MIXES[name].out, spec.target.size) for name in ("4a", "4d"))
        self.auxiliary, self.auxiliary_weight = config.auxiliary, AUXILIARY_WEIGHT
        self.fc = Head(FEATURES, spec.target.size, config.dropout)
        _draw(self)

    @property
    def head(self) -> nn.Module:
        return self.fc

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        first = self._mix(self._stem(x), "3a", "3b")
        maps_4a = self._mix(self.halve(first), "4a")
        maps_4d = self._mix(maps_4a, "4b", "4c", "4d")
        logits: torch.Tensor = self.fc(self.pool(self._last(maps_4d)))
        if not (self.training and self.auxiliary):
            return logits
        return logits, self.aux2(maps_4d), self.aux1(maps_4a)

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        return run(self.steps(), x)  # (B, 1024, H / 32, W / 32)

    def pool(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.mean((2, 3))

    def stages(self) -> list[tuple[str, nn.Module]]:
        mixes = [(f"inception{name}", self.get_submodule(f"inception{name}")) for name in MIXES]
        extra = [("auxiliary", nn.ModuleList([self.aux1, self.aux2]))] if self.auxiliary else []
        return [("stem", nn.Sequential(self.conv1, self.conv2, self.conv3)), *mixes, *extra, ("head", self.fc)]

    def steps(self) -> list[Step]:
        stem: list[Step] = [("stem", layer) for layer in (self.conv1, self.halve, self.conv2, self.conv3, self.halve)]
        mixes: dict[str, Step] = {name: (f"inception{name}", self.get_submodule(f"inception{name}")) for name in MIXES}
        before: dict[str, list[Step]] = {"4a": [("inception4a", self.halve)], "5a": [("inception5a", self.last_halve)]}
        return [*stem, *(step for name in MIXES for step in (*before.get(name, []), mixes[name]))]

    def _stem(self, x: torch.Tensor) -> torch.Tensor:
        h = self.conv3(self.conv2(self.halve(self.conv1(x))))  # (B, 192, H / 4, W / 4)
        halved: torch.Tensor = self.halve(h)
        return halved

    def _mix(self, h: torch.Tensor, *names: str) -> torch.Tensor:
        for name in names:
            h = self.get_submodule(f"inception{name}")(h)
        return h

    def _last(self, maps_4d: torch.Tensor) -> torch.Tensor:
        return self._mix(self.last_halve(self._mix(maps_4d, "4e")), "5a", "5b")  # (B, 1024, H / 32, W / 32)


def _draw(net: nn.Module) -> None:
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.trunc_normal_(layer.weight, 0, FIRST_DEVIATION)
