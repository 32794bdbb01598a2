"""Observations brought to mean 0 and deviation 1 by what was seen of them so far.

Mean and variance are merged batch by batch (Chan, Golub & LeVeque 1979). Until something is learned it changes nothing. They are
buffers, so that they are saved with the weights and answers see what training saw.
"""

from typing import cast

import torch
from torch import nn

FARTHEST = 10.0  # deviations; beyond them observations are cut once something is learned
LEAST_VARIANCE = 1e-8


class RunningScale(nn.Module):
    """(..., D) -> (..., D)."""

    mean: torch.Tensor
    variance: torch.Tensor
    count: torch.Tensor
    limit: torch.Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("variance", torch.ones(shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("limit", torch.tensor(torch.inf))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = (x - self.mean) * (self.variance + LEAST_VARIANCE * torch.isfinite(self.limit)).rsqrt()
        return torch.minimum(torch.maximum(z, -self.limit), self.limit)

    def learn(self, x: torch.Tensor) -> None:
        """Take in rows (B, D)."""
        x = x.to(self.mean).flatten(0, -self.mean.ndim - 1)
        count, mean, variance = len(x), x.mean(0), x.var(0, correction=0)
        total = self.count.item() + count
        share, apart = count / total, mean - self.mean
        before = self.variance if self.count else torch.zeros_like(variance)
        self.variance.copy_((1 - share) * before + share * variance + share * (1 - share) * apart.square())
        self.mean.add_(share * apart)
        self.count.fill_(total)
        self.limit.fill_(FARTHEST)


class Seen(nn.Module):
    """A policy and its critic behind the scale of what they see; each is called with what has been scaled. Pictures have no scale but
    their own."""

    def __init__(self, net: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.net = net
        self.scale = RunningScale(shape) if len(shape) == 1 else None

    @property
    def actor(self) -> nn.Module:
        return cast(nn.Module, self.net.actor)

    @property
    def critic(self) -> nn.Module:
        return cast(nn.Module, self.net.critic)

    def both(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the actor says, (B, K), and the critic's values (B, 1)."""
        both = getattr(self.net, "both", None)  # where they share layers
        found: tuple[torch.Tensor, torch.Tensor] = (self.actor(x), self.critic(x)) if both is None else both(x)
        return found

    def expected(self, x: torch.Tensor) -> torch.Tensor:
        """What the critic expects to come, of what is seen as it comes, (B,)."""
        value: torch.Tensor = self.critic(x if self.scale is None else self.scale(x)).squeeze(-1)
        return value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of actions (B, A), or controls of -1 to 1, of what is seen as it comes, (B, D) or (B, C, H, W)."""
        scores: torch.Tensor = self.net(x if self.scale is None else self.scale(x))
        return scores
