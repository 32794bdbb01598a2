"""Muon (Jordan et al. 2024, Muon: an optimizer for hidden layers in neural networks): momentum, made orthogonal.

    w  weight            g  gradient           m  mean gradient       o  step
    M  a matrix (R, C); the kernel of a convolution is one of (C', C * H * W)

Hidden matrices move along U V^T of their momentum's singular value decomposition U S V^T, so that every direction
is learned at the same speed. Vectors, embeddings and the head move by AdamW (Loshchilov & Hutter 2017), as the
author advises. A step is as long as AdamW's (Liu et al. 2025, Muon is scalable for LLM training, eq. 4), so that one
learning rate serves both. torch.optim.Muon takes matrices only and has no second rule; tests compare the two.
"""

import math
from typing import Any

import torch
from torch.optim import Optimizer

COEFFICIENTS = 3.4445, -4.7750, 2.0315  # of the quintic: steepest at zero
ITERATIONS = 5
RMS_OF_ADAMW = 0.2  # root mean square of an AdamW step, in learning rates


class Muon(Optimizer):
    """One optimizer for all parameters. A group with `hidden=False` is moved by AdamW, and so is every vector."""

    def __init__(self, params: Any, lr: float = 1e-3, momentum: float = 0.95, betas: tuple[float, float] = (0.9, 0.95),
                 weight_decay: float = 0.0, hidden: bool = True) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "betas": betas, "weight_decay": weight_decay, "hidden": hidden})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Move every parameter that has a gradient."""
        assert closure is None, "the learner differentiates"
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is not None:
                    w.mul_(1 - group["lr"] * group["weight_decay"])
                    rule = _muon if group["hidden"] and _is_matrix(w) else _adam
                    rule(w, w.grad, self.state[w], group)


def _is_matrix(w: torch.Tensor) -> bool:
    """Whether `w` maps several inputs to several outputs; the lengths of weight normalization (R, 1) do not."""
    return w.ndim > 1 and w.shape[0] > 1 and w[0].numel() > 1


def _muon(w: torch.Tensor, g: torch.Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    if not state:
        state["mean"] = torch.zeros_like(w)
    m = state["mean"].lerp_(g, 1 - group["momentum"])
    o = orthogonalize(g.lerp(m, group["momentum"]).flatten(1))  # Nesterov's look-ahead; (R, C)
    w.sub_(o.view(w.shape), alpha=group["lr"] * RMS_OF_ADAMW * math.sqrt(max(o.shape)))


def orthogonalize(matrix: torch.Tensor) -> torch.Tensor:
    """About U V^T of an (R, C) matrix U S V^T: singular values of roughly 0.7 to 1.2, by Newton and Schulz's iteration

        X <- (a + b G + c G^2) X    with G = X X^T

    whose factors all commute with G: they are multiplied as small matrices, and X by their product once."""
    a, b, c = COEFFICIENTS
    tall = len(matrix) > matrix.shape[1]
    x = matrix.T if tall else matrix  # the small side first: its Gram matrix is the cheap one
    x = x / x.norm().clamp(min=1e-7)  # no singular value above one
    gram, product = x @ x.T, torch.eye(len(x), dtype=x.dtype, device=x.device)
    for _ in range(ITERATIONS):
        factor = (c * gram @ gram).add_(gram, alpha=b)
        factor.diagonal().add_(a)
        product = factor @ product
        gram = factor @ gram @ factor
    o = product @ x
    return o.T.contiguous() if tall else o


def _adam(w: torch.Tensor, g: torch.Tensor, state: dict[str, Any], group: dict[str, Any], eps: float = 1e-8) -> None:
    beta1, beta2 = group["betas"]
    if not state:
        state |= {"step": 0, "mean": torch.zeros_like(w), "square": torch.zeros_like(w)}
    state["step"] += 1
    m, v, t = state["mean"].lerp_(g, 1 - beta1), state["square"].lerp_(g.square(), 1 - beta2), state["step"]
    length = (v / (1 - beta2**t)).sqrt_().add_(eps)
    w.addcdiv_(m, length, value=-group["lr"] / (1 - beta1**t))
