"""Several labels at once: exact matches, F1, and log loss, gathered batch by batch."""

import torch
import torch.nn.functional as F

from lamina.metrics.intervals import wilson


class LabelSets:
    """`update(logits (B, L), zeros and ones (B, L))`, then `value()`; a label is said above one half."""

    def __init__(self) -> None:
        self.exact = self.total = 0
        self.hits = self.said = self.true = 0.0
        self.loss = 0.0

    def update(self, logits: torch.Tensor, y: torch.Tensor) -> None:
        """Count one batch."""
        said = (logits > 0).float()
        self.exact += int((said == y).all(1).sum())
        self.total += len(y)
        self.hits += (said * y).sum().item()
        self.said += said.sum().item()
        self.true += y.sum().item()
        self.loss += F.binary_cross_entropy_with_logits(logits, y, reduction="none").mean(1).sum().item()

    def value(self) -> dict[str, float]:
        """accuracy: share of rows with every label right; f1 over all labels; loss in nats."""
        f1 = 2 * self.hits / max(self.said + self.true, 1)
        return {"accuracy": self.exact / self.total, "f1": f1, "loss": self.loss / self.total}

    def interval(self) -> tuple[float, float]:
        """95 % interval of the accuracy."""
        return wilson(self.exact, self.total)
