"""Losses, one value a sample: (output, target) -> (B,). Several targets a sample are averaged.

Numbers are compared in deviations of the training target (nn/scale.py), so that a learning rate means the
same for euros and for millimetres.
"""

import torch
import torch.nn.functional as F


def cross_entropy(output: torch.Tensor, target: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """-log p(class): logits (B, K), classes (B,) int64. `smoothing` spreads a share over all classes (Szegedy et al. 2016)."""
    return F.cross_entropy(output, target, reduction="none", label_smoothing=smoothing)


def focal(output: torch.Tensor, target: torch.Tensor, gamma: float = 2.0) -> torch.Tensor:
    """-(1 - p)^gamma log p of the right class, so that easy samples weigh little (Lin et al. 2017): (B, K), (B,) int64."""
    log_p = -F.cross_entropy(output, target, reduction="none")
    return -((1 - log_p.exp()) ** gamma) * log_p


def hinge(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """How far the right class is from leading the best other by one (Crammer & Singer 2001): (B, K), (B,) int64."""
    right = output.gather(1, target[:, None])  # (B, 1)
    others = output.scatter(1, target[:, None], -torch.inf)
    return (1 + others.amax(1) - right.squeeze(1)).clamp(min=0)


def binary_cross_entropy(output: torch.Tensor, target: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """The mean over labels of -log p: logits (B, L), zeros and ones (B, L). `smoothing` draws both towards a half."""
    soft = target * (1 - smoothing) + smoothing / 2 if smoothing else target
    return F.binary_cross_entropy_with_logits(output, soft, reduction="none").mean(1)


def mse(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Squared error: (B, K), (B, K)."""
    return (output - target).square().mean(1)


def mae(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Absolute error: (B, K), (B, K)."""
    return (output - target).abs().mean(1)


def huber(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Squared near zero, absolute beyond one deviation (Huber 1964): (B, K), (B, K)."""
    return F.huber_loss(output, target, reduction="none").mean(1)
