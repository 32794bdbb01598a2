"""Stochastic depth (Huang, Sun, Liu, Sedra & Weinberger 2016), which EfficientNet calls drop-connect."""

import torch
from torch import nn


class DropPath(nn.Module):
    """Silence a residual branch (B, ...) of each picture with probability `rate`, scale the others by 1 / (1 - rate)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def extra_repr(self) -> str:
        return f"{self.rate:.3f}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = torch.rand(len(x), *[1] * (x.ndim - 1), device=x.device) >= self.rate
        return x * (keep / (1 - self.rate)).to(x.dtype)
