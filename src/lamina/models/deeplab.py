"""DeepLab: a class for every pixel, from maps that are looked at from near and far at once.

v3: Chen, Papandreou, Schroff & Adam 2017, Rethinking atrous convolution for semantic image segmentation. v3+: Chen, Zhu, Papandreou,
Schroff & Adam 2018, Encoder-decoder with atrous separable convolution. The form v3 carries torchvision's names in its head, so that
its weights load by key (`from_torchvision`).

Departures, for pictures and machines that are smaller: narrower heads; the rates of the pyramid follow the size of the maps,
as the paper's (6, 12, 18) of 33 places are mostly padding on 15; the decoder may start from finer maps than stride 4; and pictures may be
enlarged before they are seen, as networks that learned from photos of single things expect these to be large.

    K  classes    D  width of the head    s  output stride    C_s  channels of the backbone's map of stride s
"""

from typing import Annotated, Literal

import torch
from pydantic import Field, PositiveInt
from torch import nn
from torch.nn.functional import batch_norm, interpolate

from lamina.core.backbone import Backbone, State
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Spec
from lamina.models.per_pixel import conv_norm, enlarged, pictures_with_masks, pyramid_of
from lamina.models.tiled import Tiled
from lamina.nn.dropout import Dropout
from lamina.nn.init import he_outputs
from lamina.nn.pyramid import resized

PAPER_RATES, PAPER_PLACES = (6, 12, 18), 33  # of 513 px at an output stride of 16
STRIDES = (8, 16, 32)
Rates = Annotated[tuple[PositiveInt, ...], Field(max_length=8)]


class Config(Tiled):
    """Which form, on which backbone, how wide."""

    backbone: str = knob("efficientnet_lite0", "network of pictures below it: see `lamina list models`", search="choice")
    form: Literal["v3", "v3+"] = knob("v3+", "v3: coarse maps enlarged; v3+: joined with fine ones before", search="choice")
    output_stride: int = knob(16, "pixels between the places of the coarsest maps: 8, 16 or 32", low=8, high=32)
    rates: Rates = knob((), "dilations of the atrous pyramid; none: by the pictures' size")
    width: int = knob(128, "channels of the head", low=8, search="log")
    fine: int = knob(4, "stride of the maps that the decoder of v3+ joins: 2, 4 or 8", low=2, high=8)
    fine_width: int = knob(48, "channels that those maps are brought to", low=4, search="log")
    separable: bool = knob(True, "depthwise separable convolutions in the head of v3+")
    enlarge: float = knob(1.0, "times by which pictures are enlarged before they are seen: small things become large", low=0.25, high=4)
    dropout: float = knob(0.1, "share of the pyramid's output that is silenced", low=0, high=0.95, search="linear")
    mirror: bool = knob(False, "answer with the mean over a picture and its mirror image")


class PooledNorm(nn.BatchNorm2d):
    """Batch normalization of one place a picture: of a single picture no spread can be told, and the averages so far are taken."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > 1 or not self.training:
            return super().forward(x)
        return batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)


class Pooled(nn.Sequential):
    """What the whole picture is like, at every place: (B, C, h, w) -> (B, D, h, w)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Conv2d(inputs, width, 1, bias=False), PooledNorm(width), nn.ReLU())

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        whole: torch.Tensor = super().forward(maps)
        return whole.expand(-1, -1, *maps.shape[2:])


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling (v3, section 3.3): 1x1, a 3x3 of each rate, and the whole picture: (B, C, h, w) -> (B, D, h, w)."""

    def __init__(self, inputs: int, rates: tuple[int, ...], config: Config) -> None:
        super().__init__()
        width, separable = config.width, config.separable and config.form == "v3+"
        # a depthwise kernel on each of a backbone's last channels, a thousand and more, takes most of a step on processors
        self.reduce = nn.Sequential(*conv_norm(inputs, width, 1)) if separable else nn.Identity()
        inputs = width if separable else inputs
        near = [nn.Sequential(*conv_norm(inputs, width, 1))]
        far = [nn.Sequential(*conv_norm(inputs, width, 3, rate, separable)) for rate in rates]
        self.convs = nn.ModuleList([*near, *far, Pooled(inputs, width)])
        self.project = nn.Sequential(*conv_norm(len(self.convs) * width, width, 1), Dropout(config.dropout))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        maps = self.reduce(maps)
        joined: torch.Tensor = self.project(torch.cat([conv(maps) for conv in self.convs], 1))
        return joined


class Joined(nn.Module):
    """The head of v3+ (figure 2): what the pyramid saw is enlarged to the fine maps, joined with them, and refined by two 3x3."""

    def __init__(self, inputs: tuple[int, int], rates: tuple[int, ...], config: Config, classes: int) -> None:
        super().__init__()
        width = config.width
        self.aspp = ASPP(inputs[0], rates, config)
        self.low = nn.Sequential(*conv_norm(inputs[1], config.fine_width, 1))
        self.refine = nn.Sequential(*conv_norm(width + config.fine_width, width, separable=config.separable),
                                    *conv_norm(width, width, separable=config.separable))
        self.score = nn.Conv2d(width, classes, 1)

    def forward(self, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        fine = self.low(fine)
        joined = torch.cat([resized(self.aspp(coarse), fine), fine], 1)
        logits: torch.Tensor = self.score(self.refine(joined))
        return logits


class DeepLab(nn.Module):
    """DeepLab v3 and v3+ (Chen et al. 2017, 2018) on a backbone of the zoo: (B, C, H, W) -> (B, K, H, W)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        image = pictures_with_masks(spec, "deeplab")
        if config.output_stride not in STRIDES:
            raise UsageError("an output_stride of 8, 16 or 32", f"`{config.output_stride}`", "Write for example output_stride=16.")
        self.mirror, self.enlarge = config.mirror, config.enlarge  # the first is read by nn/scaled.py
        self.pyramid = pyramid_of(config.backbone, spec, config.output_stride)
        channels = self.pyramid.channels
        self.stride = max(channels)
        self.fine = min((s for s in channels if s >= config.fine), default=self.stride)
        rates = config.rates or rates_for(config.enlarge * (config.tile or max(image.height, image.width)) / self.stride)
        inputs, classes = (channels[self.stride], channels[self.fine]), spec.target.size
        self.joins = config.form == "v3+"
        self.classifier = Joined(inputs, rates, config, classes) if self.joins else _coarse(inputs[0], rates, config, classes)
        for part in list(self.classifier.children())[:-1]:  # scores begin small, as torch draws them
            he_outputs(part)

    @property
    def backbone(self) -> Backbone:
        """The network of the zoo below the head, for published weights."""
        return self.pyramid.net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = self.pyramid(self._larger(x))
        seen = (maps[self.stride], maps[self.fine]) if self.joins else (maps[self.stride],)
        logits: torch.Tensor = self.classifier(*seen)  # (B, K, h, w)
        return enlarged(logits, x)

    def _larger(self, x: torch.Tensor) -> torch.Tensor:
        sides = [max(1, round(side * self.enlarge)) for side in x.shape[2:]]
        return x if self.enlarge == 1 else interpolate(x, sides, mode="bilinear", align_corners=False)


def _coarse(inputs: int, rates: tuple[int, ...], config: Config, classes: int) -> nn.Sequential:
    """The head of v3: what the pyramid saw, one 3x3, and a score for each class."""
    return nn.Sequential(ASPP(inputs, rates, config), *conv_norm(config.width, config.width), nn.Conv2d(config.width, classes, 1))


def rates_for(places: float) -> tuple[int, ...]:
    """The paper's dilations for maps with so many places on their longer side.

    >>> rates_for(33), rates_for(15)
    ((6, 12, 18), (3, 5, 8))
    """
    return tuple(max(n, round(rate * places / PAPER_PLACES)) for n, rate in enumerate(PAPER_RATES, 1))


def from_torchvision(state: State) -> dict[str, torch.Tensor]:
    """The names of torchvision's `deeplabv3_resnet50` as ours; the auxiliary head, which only helped to train it, is left out.

    >>> list(from_torchvision({"backbone.conv1.weight": torch.empty(0), "aux_classifier.0.weight": torch.empty(0)}))
    ['pyramid.net.conv1.weight']
    """
    kept = {name: tensor for name, tensor in state.items() if not name.startswith("aux_classifier.")}
    return {f"pyramid.net.{name.removeprefix('backbone.')}" if name.startswith("backbone.") else name: t for name, t in kept.items()}
