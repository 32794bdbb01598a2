"""A first convolution that is derived from the training pictures and not trained (Page 2019, How to train your ResNet).

Its kernels are the principal directions of small patches, each divided by its deviation, and the same with the
other sign, so that a rectifier after it loses nothing. Only the bias is trained.

    p  a patch (D,) of C x k x k numbers     S = E[p p^T]     S = V diag(e) V^T     kernels  +-V / sqrt(e + eps)
"""

import torch
import torch.nn.functional as F
from torch import nn

EPS = 5e-4  # deviations squared: directions that hardly vary, such as noise, are not blown up (Jordan 2024)


class Whiten(nn.Module):
    """(B, C, H, W) -> (B, 2 C k^2, H - k + 1, W - k + 1)."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.size, self.kernel = channels * kernel**2, kernel
        self.register_buffer("weight", torch.empty(2 * self.size, channels, kernel, kernel))
        self.weight: torch.Tensor
        self.bias = nn.Parameter(torch.zeros(2 * self.size))
        self._set(torch.linalg.qr(torch.randn(self.size, self.size)).Q)

    def learn(self, x: torch.Tensor) -> None:
        """Take the kernels from training pictures (N, C, H, W), scaled as the layer will see them."""
        patches = F.unfold(x, self.kernel).transpose(1, 2).flatten(0, 1)  # (N * places, D)
        e, v = torch.linalg.eigh((patches.T @ patches / len(patches)).double())
        self._set((v / (e.clamp(min=0) + EPS).sqrt()).T.float())

    def _set(self, directions: torch.Tensor) -> None:
        kernels = directions.view(self.size, -1, self.kernel, self.kernel)
        self.weight.copy_(torch.cat([kernels, -kernels]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.weight, self.bias)
