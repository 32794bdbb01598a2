"""The last layer alone, fitted to its end: a convex problem with one answer and no learning rate.

    minimise over W, b   mean loss(W f + b, y) + pull / 2 * sum (W s)^2        f  features (N, F)    s  their deviations (F,)

With cross-entropy this is multinomial logistic regression. Deviations make the pull the same for loud and quiet features.
Solved by L-BFGS (Liu & Nocedal 1989) over all rows at once.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.functional import linear

MOST_PASSES = 100
QUIET = 1e-6  # a feature of smaller deviation says nothing


def fit(head: nn.Linear, features: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor], pull: float) -> torch.Tensor:
    """Put the best weights into `head`, from zero on; returns the loss, without the pull. loss: outputs (N, K) -> their mean loss."""
    deviation, mean = torch.std_mean(features, 0, correction=0)
    standard = (features - mean) / torch.where(deviation > QUIET, deviation, torch.inf)
    w, b = torch.zeros_like(head.weight, requires_grad=True), torch.zeros_like(head.bias, requires_grad=True)
    solver = torch.optim.LBFGS([w, b], max_iter=MOST_PASSES, tolerance_grad=1e-5, line_search_fn="strong_wolfe")

    def objective() -> torch.Tensor:
        solver.zero_grad()
        value = loss(linear(standard, w, b)) + pull / 2 * w.square().sum()
        torch.autograd.backward(value, inputs=[w, b])
        return value

    with torch.enable_grad():
        solver.step(objective)
    with torch.no_grad():
        plain = w / torch.where(deviation > QUIET, deviation, torch.inf)
        head.weight.copy_(plain)
        head.bias.copy_(b - plain @ mean)
        return loss(linear(standard, w, b))
