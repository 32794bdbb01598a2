"""Errors of predicted numbers, gathered batch by batch, in the target's units."""

import math

import torch

from lamina.metrics.intervals import of_mean
from lamina.metrics.paired import of_root


class Regression:
    """`update(output (B, K), target (B, K))`, then `value()`; several targets are averaged."""

    def __init__(self) -> None:
        self._pairs: list[tuple[torch.Tensor, torch.Tensor]] = []

    def update(self, output: torch.Tensor, y: torch.Tensor) -> None:
        """Keep one batch."""
        self._pairs.append((output.double().cpu(), y.double().cpu()))

    def pairs(self) -> tuple[torch.Tensor, torch.Tensor]:
        """All outputs and targets so far, (N, K) each."""
        output, y = (torch.cat(side) for side in zip(*self._pairs, strict=True))
        return output, y

    def value(self) -> dict[str, float]:
        """mae, rmse in the target's units; r2, the share of the variance that is explained."""
        output, y = self.pairs()
        squared = (output - y).square().mean(0)
        spread = (y - y.mean(0)).square().mean(0)
        r2 = torch.where(spread > 0, 1 - squared / spread, 0.0)  # a constant target has no variance to explain
        return {
            "rmse": math.sqrt(squared.mean().item()), "mae": (output - y).abs().mean().item(),
            "r2": r2.mean().item(), "loss": squared.mean().item(),
        }  # fmt: skip

    def intervals(self) -> dict[str, tuple[float, float]]:
        """95 % intervals of the root mean squared and of the mean absolute error."""
        output, y = self.pairs()
        errors = (output - y).abs().mean(1)
        mae = of_mean(errors.mean().item(), errors.std(correction=0).item(), len(errors))
        return {"rmse": of_root((output - y).square().mean(1)), "mae": mae}
