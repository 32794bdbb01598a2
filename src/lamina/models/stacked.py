"""What networks have in common whose parts are sequences of layers, run one after another (core/backbone.py)."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import nn

from lamina.core.backbone import Published, Step, run


class Stacked(nn.Module, ABC):
    """Parts by name, each an nn.Sequential, then `pool` and `head`: (B, C, H, W) -> (B, K)."""

    published: Published | None = None
    parts: ClassVar[tuple[str, ...]]
    head: nn.Module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.pool(self.maps(x)))
        return logits

    def maps(self, x: torch.Tensor) -> torch.Tensor:
        return run(self.steps(), x)

    @abstractmethod
    def pool(self, maps: torch.Tensor) -> torch.Tensor:
        """What the head sees of the maps: (B, C, h, w) -> (B, F)."""

    def stages(self) -> list[tuple[str, nn.Module]]:
        return [(name, self.get_submodule(name)) for name in (*self.parts, "head")]

    def steps(self) -> list[Step]:
        return [(name, layer) for name in self.parts for layer in self.get_submodule(name).children()]
