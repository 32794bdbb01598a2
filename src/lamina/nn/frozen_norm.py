"""Batch normalization (Ioffe & Szegedy 2015) with averages and factors that never move, as detectors with small batches have it."""

import torch
from torch import nn


class FrozenNorm(nn.Module):
    """x -> (x - mean) / sqrt(var + eps) * weight + bias a channel, (B, C, h, w), with the names of `nn.BatchNorm2d` as buffers."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((channels,), value))
        self.weight: torch.Tensor
        self.bias: torch.Tensor
        self.running_mean: torch.Tensor
        self.running_var: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        factor = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * factor
        return x * factor.view(-1, 1, 1).to(x.dtype) + shift.view(-1, 1, 1).to(x.dtype)


def freeze(net: nn.Module, eps: float | None = None) -> None:
    """Put frozen layers in the place of every batch normalization in `net`, with what it learned; `eps` None keeps each one's own."""
    for name, layer in list(net.named_modules()):
        if isinstance(layer, nn.BatchNorm2d):
            frozen = FrozenNorm(layer.num_features, layer.eps if eps is None else eps)
            frozen.load_state_dict({k: t for k, t in layer.state_dict().items() if not k.endswith("num_batches_tracked")}, assign=True)
            net.set_submodule(name, frozen)
