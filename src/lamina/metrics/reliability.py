"""How far confidences are to be believed, counted batch by batch: of the answers that are about so sure, the share that is right.

The reliability diagram (Niculescu-Mizil & Caruana 2005), and the expected calibration error: the gap of each bin between how sure
and how often right, weighted by its share of the answers (Naeini et al. 2015; Guo et al. 2017, eq. 3; for boxes Kueppers et
al. 2020, without their place). Bins are of equal width over 0..1.
"""

import torch

BINS = 10


class Reliability:
    """`update(confidence (N,), right (N,))`, then `bins()` and `error()`."""

    def __init__(self) -> None:
        self._counts = torch.zeros(BINS, dtype=torch.int64)
        self._sums = torch.zeros(3, BINS, dtype=torch.float64)  # of weights, confidences and what was right

    def update(self, confidence: torch.Tensor, right: torch.Tensor, weight: torch.Tensor | None = None) -> None:
        """Count answers with a confidence in 0..1; a row of `weight` w counts w times."""
        sure = confidence.double()
        w = torch.ones_like(sure) if weight is None else weight.double()
        place = (confidence * BINS).long().clamp(0, BINS - 1)
        self._counts += torch.bincount(place, minlength=BINS)
        self._sums += torch.stack([torch.bincount(place, each, BINS) for each in (w, w * sure, w * right.double())])

    def bins(self) -> list[dict[str, float]]:
        """count, confidence and accuracy of each bin; both are 0 in a bin without answers."""
        weight, sure, right = self._sums
        means = torch.stack([sure, right]) / weight.where(weight > 0, 1)
        rows = zip(self._counts.tolist(), *means.tolist(), strict=True)
        return [{"count": count, "confidence": confidence, "accuracy": accuracy} for count, confidence, accuracy in rows]

    def error(self) -> float:
        """The expected calibration error, in shares; 0 of no answers."""
        weight, sure, right = self._sums
        return ((right - sure).abs().sum() / weight.sum().clamp_min(1e-300)).item()

    def to_json(self) -> dict[str, object]:
        return {"error": self.error(), "bins": self.bins()}
