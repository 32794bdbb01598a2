"""A network between its input and target scales, as one model that speaks the user's units."""

from typing import Any

import torch
from torch import nn

from lamina.core.spec import Image, Numbers, Spec, Text, Tokens
from lamina.nn.dropout import exchange
from lamina.nn.scale import InputScale, TargetScale
from lamina.nn.tiles import Tiles, by_tiles


class Scaled(nn.Module):
    """`input` scale (texts have none), the network `net`, and for numbers the `target` scale. Plain dropout in `net` becomes ours.

    A network whose `mirror` is true is asked twice for an answer: the mean over a picture and its mirror image counts. One with
    `tiles` is asked for each tile of a picture that is larger than they are.
    """

    def __init__(self, net: nn.Module, spec: Spec) -> None:
        super().__init__()
        self.input = nn.Identity() if isinstance(spec.input, Text | Tokens) else InputScale(spec)
        self.net = net
        exchange(net)
        self.mirror = bool(getattr(net, "mirror", False))
        self.tiles: Tiles = getattr(net, "tiles", Tiles())
        self.target = TargetScale(spec.target.size) if isinstance(spec.target, Numbers) else nn.Identity()
        self.channels_last = isinstance(spec.input, Image) and any(isinstance(m, nn.Conv2d) for m in net.modules())
        if not any(isinstance(p, nn.parameter.UninitializedParameter) for p in net.parameters()):
            self.lay_out()

    def lay_out(self) -> None:
        """Put the weights in the memory order of the pictures; lazy layers need to be filled in first."""
        if self.channels_last:
            self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training and x.ndim == 4 and self.tiles.needed((x.shape[2], x.shape[3])):
            return by_tiles(self._answer, x, self.tiles)
        return self._answer(x)

    def _answer(self, x: torch.Tensor) -> torch.Tensor:
        output = self.scaled(x)
        if self.mirror and not self.training:
            mirrored = self.scaled(x.flip(-1))
            output = (output + (mirrored.flip(-1) if mirrored.ndim == 4 else mirrored)) / 2  # a mask is mirrored back
        answer: torch.Tensor = self.target(output)
        return answer

    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        """The network's own output: logits, or numbers in deviations."""
        output: torch.Tensor = self.net(self.laid_out(x))
        return output

    def laid_out(self, x: torch.Tensor) -> torch.Tensor:
        """What the network sees of `x`: scaled, in the memory order of its weights."""
        x = self.input(x)
        return x.contiguous(memory_format=torch.channels_last) if self.channels_last else x


def behind_scale(model: nn.Module, x: torch.Tensor) -> tuple[Any, torch.Tensor]:
    """The network within a model, which may be asked more than its output, and what it sees of inputs `x` (B, ...)."""
    return (model.net, model.laid_out(x)) if isinstance(model, Scaled) else (model, x)
