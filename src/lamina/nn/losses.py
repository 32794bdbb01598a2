"""Losses, one value a sample: (output, target) -> (B,). Several targets a sample are averaged.

Numbers are compared in deviations of the training target (nn/scale.py), so that a learning rate means the
same for euros and for millimetres.
"""

import torch
import torch.nn.functional as F


def cross_entropy(output: torch.Tensor, target: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """-log p of the right class: logits (B, K), classes (B,) int64. `smoothing` spreads a share over all classes (Szegedy et al. 2016)."""
    return F.cross_entropy(output, target, reduction="none", label_smoothing=smoothing)


def focal(output: torch.Tensor, target: torch.Tensor, smoothing: float = 0.0, gamma: float = 2.0) -> torch.Tensor:
    """-(1 - p)^gamma log p of the right class, so that easy samples weigh little (Lin et al. 2017): (B, K), (B,) int64."""
    log_p = F.log_softmax(output, 1)
    return _of_right_class(-((1 - log_p.exp()) ** gamma) * log_p, target, smoothing)


def hinge(output: torch.Tensor, target: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """How far the right class is from leading the best other by one (Crammer & Singer 2001): (B, K), (B,) int64."""
    first, second = output.topk(2, 1).values.split(1, 1)  # (B, 1) each
    best_other = torch.where(output == first, second, first)  # (B, K)
    return _of_right_class((1 + best_other - output).clamp(min=0), target, smoothing)


def _of_right_class(losses: torch.Tensor, target: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Of the losses (B, K) that each class would have as the right one, the mean if a share of the labels is drawn anew."""
    right = losses.gather(1, target[:, None]).squeeze(1)
    return (1 - smoothing) * right + smoothing * losses.mean(1) if smoothing else right


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
