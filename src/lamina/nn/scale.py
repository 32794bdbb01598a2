"""Scaling of inputs and of numeric targets, learned from the training split and stored in the model."""

import torch
from torch import nn

from lamina.core.backbone import Scale
from lamina.core.spec import Image, Series, Spec, Table

ROWS = 10_000  # as many tell mean and deviation to a hundredth of a deviation
NUMBERS = 200_000_000  # of inputs that are looked at at once; of large pictures fewer rows do


def rows_that_tell(count: int, numbers: int) -> torch.Tensor:
    """Which of `count` rows with so many numbers each a scale is learned from, evenly spread: (n,) int64."""
    most = max(1, min(ROWS, NUMBERS // max(1, numbers)))
    return torch.arange(0, count, max(1, count // most))


class InputScale(nn.Module):
    """x -> (x - mean) / deviation as float32; `mean`, `deviation`: one a channel or column.

    Categories of a table are left as they are, and a missing number stays NaN.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        shape = spec.input.shape
        if isinstance(spec.input, Image):
            shape = (spec.input.channels, 1, 1)
        elif isinstance(spec.input, Series):  # all moments of a column have one scale
            shape = shape[1:]
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("factor", torch.ones(shape))
        self.mean: torch.Tensor
        self.factor: torch.Tensor
        columns = spec.input.columns if isinstance(spec.input, Table) else ()
        self._kept = [i for i, column in enumerate(columns) if column.kind == "category"]

    def learn(self, x: torch.Tensor) -> None:
        """Take mean and deviation from training inputs (N, ...); a constant column is only centred."""
        mean, deviation = _moments(x.movedim(1, 0).flatten(1) if x.ndim == 4 else x.flatten(0, -2).T)
        mean[self._kept], deviation[self._kept] = 0, 1
        self.mean.copy_(mean.view(self.mean.shape))
        self.factor.copy_(torch.where(deviation > 1e-8, 1 / deviation, 1.0).view(self.factor.shape))

    def fix(self, scale: Scale) -> None:
        """Take the scale that published weights were trained with, of bytes; grey pictures get its mean over the colours."""
        scale = scale.for_channels(len(self.mean))
        self.mean.copy_(torch.tensor(scale.mean).view(self.mean.shape))
        self.factor.copy_(1 / torch.tensor(scale.deviation).view(self.factor.shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.float() - self.mean).mul_(self.factor)


def _moments(channels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of each of (C, N), one channel in float64 at a time; missing numbers do not count, of nothing 0 and 0."""
    if channels.dtype == torch.uint8:
        return _moments_of_bytes(channels)
    mean, deviation = torch.zeros(2, len(channels), dtype=torch.float64)
    for i, channel in enumerate(channels):
        values = channel.double()
        values = values[~values.isnan()]
        if len(values):
            deviation[i], mean[i] = torch.std_mean(values, correction=0)
    return mean, deviation


def _moments_of_bytes(channels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same of bytes, from how often each value stands there: a tenth of the time, and of the memory."""
    counts = torch.stack([torch.bincount(channel, minlength=256) for channel in channels]).double()  # (C, 256)
    values, total = torch.arange(256, dtype=torch.float64), counts.sum(1).clamp_min(1)
    mean = counts @ values / total
    variance = (counts * (values - mean[:, None]).square()).sum(1) / total
    return mean, variance.sqrt()


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
