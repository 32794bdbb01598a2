"""Accuracy, log loss, and the confusion matrix, gathered batch by batch."""

import torch
import torch.nn.functional as F

from lamina.metrics.intervals import wilson


class Classification:
    """`update(logits (B, K), classes (B,))`, then `value()`."""

    def __init__(self, classes: int) -> None:
        self.confusion = torch.zeros(classes, classes, dtype=torch.int64)  # (true, said)
        self.loss = 0.0

    def update(self, logits: torch.Tensor, y: torch.Tensor) -> None:
        """Count one batch."""
        k = len(self.confusion)
        said, y = logits.argmax(1).cpu(), y.cpu()
        self.confusion += torch.bincount(y * k + said, minlength=k * k).view(k, k)
        self.loss += F.cross_entropy(logits.cpu(), y, reduction="sum").item()

    def value(self) -> dict[str, float]:
        """accuracy in [0, 1]; loss in nats an example."""
        total = self.confusion.sum().item()
        return {"accuracy": self.confusion.trace().item() / total, "loss": self.loss / total}

    def interval(self) -> tuple[float, float]:
        """95 % interval of the accuracy."""
        return wilson(int(self.confusion.trace()), int(self.confusion.sum()))

    def per_class(self) -> list[dict[str, float]]:
        """recall and precision of each class, with the recall's 95 % interval."""
        right, true, said = self.confusion.diag(), self.confusion.sum(1), self.confusion.sum(0)
        rows = []
        for r, t, s in zip(right.tolist(), true.tolist(), said.tolist(), strict=True):
            low, high = wilson(r, t)
            rows.append({"recall": r / max(t, 1), "recall_low": low, "recall_high": high, "precision": r / max(s, 1), "count": t})
        return rows
