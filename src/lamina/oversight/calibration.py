"""Probabilities that mean what they say, and a line below which an answer is "not sure", both learned from the validation split.

Temperature (Guo et al. 2017, On calibration of modern neural networks): logits are divided by one number T, the one with
the least log loss on the validation split. No answer changes, only how sure it is.
Threshold (Geifman & El-Yaniv 2017, Selective classification): the least probability from which answers are right as often
as was asked for.

Where we depart from Guo: with fewer than `LEAST_WRONG` wrong answers T is never below 1, as a validation split that the
network answers (nearly) all right would make it boundlessly sure.

    z logits (N, K)    y classes (N,)    w weights (N,)    beta = 1 / T    p = softmax(beta z)
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from lamina.core.predictor import Trust
from lamina.metrics.reliability import Reliability

LEAST_ROWS = 30  # of a validation split that can tell anything about probabilities
LEAST_WRONG = 10
COLDEST, HOTTEST = 0.05, 20.0
ROUNDING = 1e-6  # of float32 probabilities


@dataclass(frozen=True)
class Bin:
    """Answers of similar probability: how many, how sure they were on average, how often they were right."""

    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """What the validation split says of the probabilities. `error`: the expected calibration error, before and after.

    share_sure, accuracy_of_sure: of the validation rows that are answered with `threshold` or more.
    unmeasured: classes without a validation row.
    """

    trust: Trust
    rows: int
    error_before: float = 0.0
    error: float = 0.0
    share_sure: float = 1.0
    accuracy_of_sure: float = 0.0
    wanted: float = 0.0
    bins: tuple[Bin, ...] = ()
    unmeasured: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"lines": self.lines()}

    def lines(self) -> list[str]:
        """For a person."""
        if not self.bins:
            return [f"{self.rows} validation rows are too few to say how far its probabilities are to be believed."]
        found = [f"probabilities are off by {100 * self.error:.1f} points on average ({100 * self.error_before:.1f} before the "
                 f"temperature {self.trust.temperature:.2f})", self._threshold()]
        if self.unmeasured:
            found.append(f"no validation row of {', '.join(self.unmeasured[:5])}: how sure it is of these was not measured")
        return found

    def _threshold(self) -> str:
        if self.share_sure == 0:
            return f"no probability is high enough to be right {100 * self.wanted:.1f} % of the time: `predict` is never sure"
        return (f"`predict` is not sure below {100 * self.trust.threshold:.1f} %: {100 * (1 - self.share_sure):.1f} % of the "
                f"validation answers; of the others {100 * self.accuracy_of_sure:.1f} % are right")


def calibrate(logits: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None, names: Sequence[str], wanted: float = 0.0) -> Calibration:
    """From the logits (N, K) of the validation split; `wanted`: accuracy of sure answers, 0 halves the errors."""
    if len(y) < LEAST_ROWS:
        return Calibration(Trust(), len(y))
    w = torch.ones(len(y), dtype=torch.float64) if weight is None else weight.double()
    z = logits.double()
    t = temperature(z, y, w)
    raw, (confidence, said) = z.softmax(1).amax(1), (z / t).softmax(1).max(1)
    right = (said == y).double()
    wanted = wanted or 0.5 + 0.5 * _mean(right, w)
    line = threshold(confidence, right, w, wanted)
    sure = confidence >= line
    missing = tuple(name for name, n in zip(names, torch.bincount(y, minlength=len(names)).tolist(), strict=True) if n == 0)
    return Calibration(
        Trust(t, line), len(y), expected_error(raw, right, w), expected_error(confidence, right, w),
        _mean(sure.double(), w), _mean(right[sure], w[sure]) if sure.any() else 0.0, wanted, tuple(bins(confidence, right, w)), missing,
    )  # fmt: skip


def temperature(z: torch.Tensor, y: torch.Tensor, w: torch.Tensor) -> float:
    """The T of least weighted log loss, which is convex in beta: Newton's method kept between bounds by bisection."""
    low, high = 1 / HOTTEST, 1 / COLDEST
    if (w * (z.argmax(1) != y)).sum() < LEAST_WRONG:
        high = 1.0
    if _slopes(z, y, w, high)[0] <= 0:  # still falling at the bound
        return 1 / high
    if _slopes(z, y, w, low)[0] >= 0:
        return 1 / low
    beta = 1.0
    for _ in range(100):
        slope, curve = _slopes(z, y, w, beta)
        low, high = (low, beta) if slope > 0 else (beta, high)
        step = beta - slope / curve if curve > 0 else low
        step = step if low < step < high else (low + high) / 2
        if abs(step - beta) < 1e-12:
            break
        beta = step
    return 1 / beta


def _slopes(z: torch.Tensor, y: torch.Tensor, w: torch.Tensor, beta: float) -> tuple[float, float]:
    """First and second derivative of the log loss by beta: E_p[z] - z_y, and Var_p[z]."""
    p = (beta * z).softmax(1)
    mean = (p * z).sum(1)
    variance = (p * (z - mean[:, None]).square()).sum(1)
    return (w * (mean - z.gather(1, y[:, None])[:, 0])).sum().item(), (w * variance).sum().item()


def threshold(confidence: torch.Tensor, right: torch.Tensor, w: torch.Tensor, wanted: float) -> float:
    """The least probability such that answers at least as probable are right with share `wanted`; above 1 where none is."""
    order = confidence.argsort(descending=True, stable=True)
    c, reached = confidence[order], (w * right)[order].cumsum(0) / w[order].cumsum(0).clamp_min(1e-300)
    last_of_its_value = torch.cat([c[:-1] > c[1:], torch.ones(1, dtype=torch.bool)])
    good = (last_of_its_value & (reached >= wanted - 1e-12)).nonzero().flatten()
    return max(0.0, c[good[-1]].item() - ROUNDING) if len(good) else 1.01


def bins(confidence: torch.Tensor, right: torch.Tensor, w: torch.Tensor) -> list[Bin]:
    """The reliability diagram (metrics/reliability.py)."""
    return [Bin(int(one["count"]), one["confidence"], one["accuracy"]) for one in _counted(confidence, right, w).bins()]


def expected_error(confidence: torch.Tensor, right: torch.Tensor, w: torch.Tensor) -> float:
    """Expected calibration error (metrics/reliability.py)."""
    return _counted(confidence, right, w).error()


def _counted(confidence: torch.Tensor, right: torch.Tensor, w: torch.Tensor) -> Reliability:
    found = Reliability()
    found.update(confidence, right, w)
    return found


def _mean(values: torch.Tensor, w: torch.Tensor) -> float:
    return ((w * values).sum() / w.sum()).item()
