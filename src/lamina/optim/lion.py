"""Lion (Chen et al. 2023, Symbolic discovery of optimization algorithms): every weight moves by the same length.

    g  gradient          m  mean gradient, kept          c  mean gradient, as the step sees it
    beta1, beta2         decay of c and of m             w  weight

A step of Lion is longer than Adam's: the paper takes a learning rate 3 to 10 times smaller.
"""

from typing import Any

import torch
from torch.optim import Optimizer


class Lion(Optimizer):
    """The sign of an interpolated momentum: algorithm 2 of the paper, with its decoupled weight decay."""

    def __init__(self, params: Any, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Move every parameter that has a gradient."""
        assert closure is None, "the learner differentiates"
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is not None:
                    self._move(w, w.grad, group)

    def _move(self, w: torch.Tensor, g: torch.Tensor, group: dict[str, Any]) -> None:
        (beta1, beta2), lr = group["betas"], group["lr"]
        if not self.state[w]:
            self.state[w]["mean"] = torch.zeros_like(w)
        m = self.state[w]["mean"]
        c = m.lerp(g, 1 - beta1)
        w.mul_(1 - lr * group["weight_decay"]).sub_(c.sign_(), alpha=lr)
        m.lerp_(g, 1 - beta2)
