"""A deviation for each number that a policy sets, which does not depend on what is seen (Andrychowicz et al. 2020)."""

import torch
from torch import nn


class Spread(nn.Module):
    """Puts a learned log deviation beside each mean: (B, A) -> (B, 2 A)."""

    def __init__(self, size: int, log_std: float) -> None:
        super().__init__()
        self.log_std = nn.Parameter(torch.full((size,), log_std))

    def forward(self, mean: torch.Tensor) -> torch.Tensor:
        return torch.cat([mean, self.log_std.expand_as(mean)], -1)
