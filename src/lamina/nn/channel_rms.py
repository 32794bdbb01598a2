"""RMS normalization over the channels of a picture (Zhang & Sennrich 2019), place by place."""

import torch
from torch import nn


class ChannelRMS(nn.Module):
    """x (B, C, H, W) / sqrt(mean over C of x^2 + eps) * gain (C)."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))  # a vector, like every gain: never decayed
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + self.eps) * self.gain[:, None, None]
