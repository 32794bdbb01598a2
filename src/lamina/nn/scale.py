"""Scaling of inputs and of numeric targets, learned from the training split and stored in the model."""

import torch
from torch import nn

from lamina.core.backbone import Scale
from lamina.core.spec import Image, Spec

ROWS = 10_000  # as many tell mean and deviation to a hundredth of a deviation


class InputScale(nn.Module):
    """x -> (x - mean) / deviation as float32; `mean`, `deviation`: one a channel or column."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        shape = (spec.input.channels, 1, 1) if isinstance(spec.input, Image) else spec.input.shape
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("factor", torch.ones(shape))
        self.mean: torch.Tensor
        self.factor: torch.Tensor

    def learn(self, x: torch.Tensor) -> None:
        """Take mean and deviation from training inputs (N, ...); a constant column is only centred."""
        x = x[:: max(1, len(x) // ROWS)].double()
        over = (0, 2, 3) if x.ndim == 4 else (0,)
        deviation = x.std(over, correction=0)
        self.mean.copy_(x.mean(over).view(self.mean.shape))
        self.factor.copy_(torch.where(deviation > 1e-8, 1 / deviation, 1.0).view(self.factor.shape))

    def fix(self, scale: Scale) -> None:
        """Take the scale that published weights were trained with, of bytes; grey pictures get its mean over the colours."""
        scale = scale.for_channels(len(self.mean))
        self.mean.copy_(torch.tensor(scale.mean).view(self.mean.shape))
        self.factor.copy_(1 / torch.tensor(scale.deviation).view(self.factor.shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.float() - self.mean).mul_(self.factor)


class TargetScale(nn.Module):
    """z -> z * deviation + mean: the network speaks in deviations, the model in the user's units."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.mean: torch.Tensor
        self.deviation: torch.Tensor

    def learn(self, y: torch.Tensor) -> None:
        """Take mean and deviation from training targets (N, K)."""
        deviation = y.double().std(0, correction=0)
        self.mean.copy_(y.double().mean(0))
        self.deviation.copy_(torch.where(deviation > 0, deviation, 1.0))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z * self.deviation + self.mean
