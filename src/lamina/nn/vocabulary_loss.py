"""The loss of one token among many, with the last layer: some rows at a time, so that the logits of all are never held at once.

What a full product would write, N x V numbers several times over, is more than the caches hold; here each part is brought to its
loss and its gradient while it is small (as in Liger-Kernel, Hsu et al. 2024). That gradient, by a logit softmax - target, is
written down, which spares half of the passes that autograd makes over the logits; a test holds it to autograd's.

    N  tokens    D  features    V  tokens of the vocabulary
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

AT_ONCE = 1 << 21  # logits


def vocabulary_loss(features: torch.Tensor, head: nn.Linear, y: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """The sum over (N,) of the cross-entropy, in nats, of `head(features)` (N, V) with y (N,) int64. Under autocast the products
    are in its precision; losses and sums are float32."""
    kind = features.device.type
    if torch.is_autocast_enabled(kind):
        features = features.to(torch.get_autocast_dtype(kind))
    with torch.autocast(kind, enabled=False):
        if torch.is_grad_enabled():
            total: torch.Tensor = _InParts.apply(features, head.weight, head.bias, y, smoothing)
            return total
        weight, bias = head.weight.to(features.dtype), None if head.bias is None else head.bias.to(features.dtype)
        losses = [_loss(part, weight, bias, wanted, smoothing) for part, wanted in _parts(features, y, len(weight))]
        return torch.stack(losses).sum() if losses else features.new_zeros((), dtype=torch.float32)


def _loss(features: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, y: torch.Tensor, smoothing: float) -> torch.Tensor:
    return F.cross_entropy(F.linear(features, weight, bias).float(), y, reduction="sum", label_smoothing=smoothing)


def _parts(features: torch.Tensor, y: torch.Tensor, tokens: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    rows = max(1, AT_ONCE // tokens)
    return zip(features.split(rows), y.split(rows), strict=True)


class _InParts(torch.autograd.Function):
    """The sum of the losses, (), of features (N, D) behind a linear layer of V outputs."""

    @staticmethod
    def forward(
        ctx: Any, features: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, y: torch.Tensor, smoothing: float
    ) -> torch.Tensor:  # fmt: skip
        w, b = weight.to(features.dtype), None if bias is None else bias.to(features.dtype)
        of_weight = torch.zeros_like(weight)
        of_bias = None if bias is None else torch.zeros_like(bias)
        total, of_features = features.new_zeros((), dtype=torch.float32), list[torch.Tensor]()
        for part, wanted in _parts(features, y, len(weight)):
            log_p = F.linear(part, w, b).log_softmax(-1, dtype=torch.float32)  # (n, V)
            total += _smoothed(log_p, wanted, smoothing)
            by_logit = _by_logit(log_p, wanted, smoothing)
            if of_bias is not None:
                of_bias += by_logit.sum(0)
            by_logit = by_logit.to(features.dtype)
            of_features.append(by_logit @ w)
            of_weight += by_logit.T @ part
        ctx.save_for_backward(torch.cat(of_features) if of_features else torch.zeros_like(features), of_weight)
        ctx.of_bias = of_bias
        return total

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        of_features, of_weight = ctx.saved_tensors
        of_bias = None if ctx.of_bias is None else ctx.of_bias * grad
        return of_features * grad.to(of_features.dtype), of_weight * grad, of_bias, None, None


def _smoothed(log_p: torch.Tensor, y: torch.Tensor, smoothing: float) -> torch.Tensor:
    """The sum of -(1 - s) log p_y - s mean(log p)."""
    told = log_p.gather(1, y[:, None]).sum()
    return -told if not smoothing else -(1 - smoothing) * told - smoothing * log_p.sum() / log_p.shape[1]


def _by_logit(log_p: torch.Tensor, y: torch.Tensor, smoothing: float) -> torch.Tensor:
    """softmax - target, in place of log_p (n, V)."""
    p = log_p.exp_()
    if smoothing:
        p -= smoothing / p.shape[1]
    return p.scatter_add_(1, y[:, None], p.new_full((len(y), 1), smoothing - 1))
