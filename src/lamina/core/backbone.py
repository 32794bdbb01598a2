"""What a model of pictures offers to whoever transfers it or looks into it: its parts, its features, its published weights.

    B  pictures in a batch    C  channels    h, w  places of the last convolution    F  features    K  outputs
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from lamina.core.errors import UsageError
from lamina.core.spec import Image, Spec

State = Mapping[str, torch.Tensor]
Step = tuple[str, Callable[[torch.Tensor], torch.Tensor]]


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of the bytes 0..255, one a channel: a network sees (x - mean) / deviation."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def for_channels(self, channels: int) -> "Scale":
        """The same for grey pictures: the mean over the colours."""
        if channels == len(self.mean):
            return self
        return Scale((sum(self.mean) / len(self.mean),) * channels, (sum(self.deviation) / len(self.deviation),) * channels)


IMAGENET = Scale((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))  # 255 times torchvision's (0.485 ...), (0.229 ...)
HALVES = Scale((127.5,) * 3, (127.5,) * 3)  # bytes as -1..1


def unchanged(state: State) -> dict[str, torch.Tensor]:
    return dict(state)


@dataclass(frozen=True)
class Published:
    """How the published weights of an architecture fit the module.

    model: the name that it is asked for by. stem: the tensor whose second axis is the picture's channels. heads: the beginnings of the
    names of tensors that follow the classes, so that they may start anew. scale: what the weights were trained with. rename:
    published names to the module's.
    """

    model: str
    stem: str
    heads: tuple[str, ...]
    scale: Scale = IMAGENET
    rename: Callable[[State], dict[str, torch.Tensor]] = field(default=unchanged)


@runtime_checkable
class Backbone(Protocol):
    """A network of pictures in parts: `forward(x)` is `head(pool(maps(x)))`.

    x: scaled pictures (B, C, H, W) float32.
    """

    @property
    def head(self) -> nn.Module:
        """The last layer: features (B, F) -> (B, K)."""

    @property
    def published(self) -> Published | None:
        """How published weights fit; None where there are none of this architecture."""

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        """The last convolution's output after its activation: (B, C, h, w)."""

    def pool(self, maps: torch.Tensor) -> torch.Tensor:
        """What the head sees of the maps: (B, C, h, w) -> (B, F)."""

    def stages(self) -> list[tuple[str, nn.Module]]:
        """The parts with their names from the stem to the head; every parameter is in exactly one."""

    def steps(self) -> list[Step]:
        """`maps` as what it runs one after another, each with the name of the stage that holds its parameters."""


def run(steps: list[Step], x: torch.Tensor) -> torch.Tensor:
    """What comes out of the last step."""
    for _, step in steps:
        x = step(x)
    return x


def features(net: Backbone, x: torch.Tensor) -> torch.Tensor:
    """What the head of a network sees of scaled pictures: (B, C, H, W) -> (B, F)."""
    return net.pool(net.maps(x))


def pictures(spec: Spec, model: str, smallest: int = 1) -> Image:
    """The spec's pictures, or a UsageError where the data are none or smaller than the network can halve."""
    image = spec.input
    if not isinstance(image, Image) or min(image.height, image.width) < smallest:
        raise UsageError(f"pictures of at least {smallest}x{smallest} for `{model}`", f"`{image.kind}` {image.shape}",
                         "Use `--model cnn` for smaller pictures, `--model mlp` for rows of numbers.")
    return image
