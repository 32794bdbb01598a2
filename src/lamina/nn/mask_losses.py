"""Losses of masks, one value a picture: (logits (B, K, H, W), masks (B, H, W) bytes) -> (B,).

Only labelled pixels count, and pictures count alike however many of their pixels are labelled; one without any has loss 0 and
gives no gradient. `weights` (K,) say how much the pixels of a class count.
"""

import torch
import torch.nn.functional as F

from lamina.core.spec import IGNORED

GAMMA = 2.0
LEAST = 1e-6  # of a class's mass, so that a division holds


def pixel_cross_entropy(
    output: torch.Tensor, target: torch.Tensor, smoothing: float = 0.0, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """-log p of the right class, the mean over the picture. `smoothing` spreads a share over all classes (Szegedy et al. 2016)."""
    losses = F.cross_entropy(output, target.long(), ignore_index=IGNORED, reduction="none", label_smoothing=smoothing)  # (B, H, W)
    return _mean_of_labelled(losses, target, weights)


def word_cross_entropy(output: torch.Tensor, target: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """The same for the words of a text, (B, K, L) and (B, L): the mean over the text."""
    return pixel_cross_entropy(output, target, smoothing)


def pixel_focal(
    output: torch.Tensor, target: torch.Tensor, smoothing: float = 0.0, weights: torch.Tensor | None = None, gamma: float = GAMMA
) -> torch.Tensor:
    """-(1 - p)^gamma log p of the right class, so that easy pixels weigh little (Lin et al. 2017): the mean over the picture."""
    log_p = output.log_softmax(1)
    losses = -((1 - log_p.exp()) ** gamma) * log_p  # (B, K, H, W): what each class would cost as the right one
    right = losses.gather(1, _known(target)[:, None]).squeeze(1)
    if smoothing:
        right = (1 - smoothing) * right + smoothing * losses.mean(1)
    return _mean_of_labelled(right * (target != IGNORED), target, weights)


def dice(output: torch.Tensor, target: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """1 - D, with D = 2 sum(p g) / (sum(p^2) + sum(g^2)) of each class that the picture holds (Milletari et al. 2016, section 3), then
    their mean: small objects count as much as the sky."""
    labelled = target != IGNORED
    p = output.softmax(1) * labelled[:, None]  # (B, K, H, W)
    g = torch.zeros_like(p).scatter_(1, _known(target)[:, None], labelled[:, None].to(p.dtype))
    overlap, mass, true = (part.flatten(2).sum(2) for part in (p * g, p.square(), g))  # (B, K); g is 0 or 1
    counted = (true > 0) * (torch.ones_like(true) if weights is None else weights.to(true))
    each = 1 - 2 * overlap / (mass + true).clamp_min(LEAST)
    return (each * counted).sum(1) / counted.sum(1).clamp_min(LEAST)


def cross_entropy_dice(output: torch.Tensor, target: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """The sum of both (Isensee et al. 2021): cross-entropy is smooth from the start, and Dice is near to what overlap judges."""
    return pixel_cross_entropy(output, target, weights=weights) + dice(output, target, weights)


def _known(target: torch.Tensor) -> torch.Tensor:
    """Classes as places, 0 for what is ignored: (B, H, W) int64."""
    return target.long().where(target != IGNORED, 0)


def _mean_of_labelled(losses: torch.Tensor, target: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """(B,) of losses (B, H, W) that are 0 where nothing is labelled."""
    if weights is not None:
        losses = losses * weights.to(losses)[_known(target)]
    labelled = (target != IGNORED).flatten(1).sum(1)
    return losses.flatten(1).sum(1) / labelled.clamp_min(1)
