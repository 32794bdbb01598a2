"""Batch renormalization (Ioffe 2017): in training every sample is normalized nearly as it will be in evaluation.

    x       input (B, C) or (B, C, H, W)       y       output
    mean_B, deviation_B   of this batch, (C,)  mean, deviation   running ones, (C,)
    r, d    correction from the batch's to the running statistics, (C,), not differentiated
    alpha   rate at which the running statistics follow

Departure: the paper opens the bounds r_max and d_max over 40,000 steps, while the running statistics settle; here these
begin as plain means over the batches seen (so a first batch is only normalized), and the bounds are fixed. alpha = 0.01,
r_max = 3 and d_max = 5 are the paper's; r_max = 1 and d_max = 0 give batch normalization.
"""

import torch
import torch.nn.functional as F
from torch import nn


class BatchRenorm(nn.Module):
    """(x - mean_B) / deviation_B * r + d, then gain and shift, over all axes but the channels' (axis 1)."""

    def __init__(self, channels: int, r_max: float = 3.0, d_max: float = 5.0, momentum: float = 0.01, eps: float = 1e-5) -> None:
        super().__init__()
        self.r_max, self.d_max, self.momentum, self.eps = r_max, d_max, momentum, eps
        self.gain = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))  # batches
        self.mean: torch.Tensor
        self.deviation: torch.Tensor
        self.seen: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return F.batch_norm(x, self.mean, self.deviation.square(), self.gain, self.shift, training=False, eps=0.0)
        r, d = self._correction(x.detach())
        # gain * (x_hat * r + d) + shift, with torch's kernel for x_hat and its gradient
        return F.batch_norm(x, None, None, self.gain * r, self.gain * d + self.shift, training=True, eps=self.eps)

    @torch.no_grad()
    def _correction(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """r and d of algorithm 1, and the running statistics moved on."""
        variance_b, mean_b = torch.var_mean(x.to(self.mean.dtype), [0, *range(2, x.ndim)], correction=0)
        deviation_b = (variance_b + self.eps).sqrt()
        first = self.seen == 0
        mean, deviation = torch.where(first, mean_b, self.mean), torch.where(first, deviation_b, self.deviation)
        r = (deviation_b / deviation).clamp(1 / self.r_max, self.r_max)
        d = ((mean_b - mean) / deviation).clamp(-self.d_max, self.d_max)
        self.seen += 1
        alpha = (1 / self.seen.to(mean_b.dtype)).clamp(min=self.momentum)
        self.mean.lerp_(mean_b, alpha)
        self.deviation.lerp_(deviation_b, alpha)
        return r, d
