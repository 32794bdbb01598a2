"""Two models on the same rows: the difference of their figures with a 95 % interval.

Row by row the two share what is easy and what is hard, so the interval of the difference is far narrower than those of the
two figures would say. Shares: Bonett & Price 2012 (Adjusted Wald confidence interval for a difference of binomial
proportions based on paired data), which holds for few rows and for equal models. Root mean squares: the percentile
bootstrap over rows (Efron 1979), with draws that follow from the seed.
"""

import math

import torch

from lamina.core import rng
from lamina.metrics.bootstrap import middle
from lamina.metrics.intervals import Z, of_mean

DRAWS = 2000
DRAWN_AT_ONCE = 4_000_000  # rows
MOST_ROWS = 500  # to draw from; of more, the root of a mean is as good as normal


def shares(one: torch.Tensor, other: torch.Tensor) -> tuple[float, float, float]:
    """(difference, low, high) of the shares of ones in `one` less that in `other`; (N,) zeros and ones each.

    >>> one, other = torch.tensor([1.0] * 90 + [0.0] * 10), torch.tensor([1.0] * 80 + [0.0] * 20)
    >>> [round(figure, 3) for figure in shares(one, other)]
    [0.1, 0.034, 0.162]
    """
    gained, lost = int((one > other).sum()), int((other > one).sum())
    rows = len(one) + 2
    p12, p21 = (gained + 1) / rows, (lost + 1) / rows
    half = Z * math.sqrt((p12 + p21 - (p12 - p21) ** 2) / rows)
    return (gained - lost) / len(one), max(-1.0, p12 - p21 - half), min(1.0, p12 - p21 + half)


def means(one: torch.Tensor, other: torch.Tensor, seed: int = 0) -> tuple[float, float, float]:
    """(difference, low, high) of the mean of `one` less that of `other`; (N,) shares each. The percentile bootstrap; a single row says
    nothing of others, and its interval is all that a difference of shares can be."""
    gained = (one - other).double()
    if len(gained) == 1:
        return gained.item(), -1.0, 1.0
    low, high = middle(_drawn_means(gained[None], seed)[0])
    return gained.mean().item(), low, high


def roots(one: torch.Tensor, other: torch.Tensor, seed: int = 0) -> tuple[float, float, float]:
    """(difference, low, high) of the root of the mean of `one` less that of `other`; (N,) squared errors each."""
    both = torch.stack([one, other]).double()  # (2, N)
    left, right = both.mean(1).sqrt().tolist()
    if len(one) > MOST_ROWS:
        slope = both / (2 * both.mean(1, keepdim=True).sqrt()).clamp_min(1e-300)  # the delta method
        each = slope[0] - slope[1]
        half = of_mean(0.0, each.std().item(), len(one))[1]
        return left - right, left - right - half, left - right + half
    drawn = _drawn_means(both, seed).sqrt()  # (2, DRAWS)
    low, high = middle(drawn[0] - drawn[1])
    return left - right, low, high


def of_root(squared: torch.Tensor, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the root of the mean of squared errors (N,)."""
    if len(squared) > MOST_ROWS:
        mean = squared.double().mean().item()
        low, high = of_mean(mean, squared.double().std().item(), len(squared))
        return math.sqrt(max(low, 0.0)), math.sqrt(high)
    return middle(_drawn_means(squared.double()[None], seed)[0].sqrt())


def _drawn_means(values: torch.Tensor, seed: int) -> torch.Tensor:
    """Means of values (V, N) over DRAWS samples of N rows with replacement, the same rows for each of V: (V, DRAWS)."""
    rows = values.shape[1]
    random = rng.generator(seed, 0, "bootstrap")
    at_once = max(1, DRAWN_AT_ONCE // rows)
    found = []
    for start in range(0, DRAWS, at_once):
        places = torch.randint(rows, (min(at_once, DRAWS - start), rows), generator=random)
        found.append(torch.stack([one[places].mean(1) for one in values]))
    return torch.cat(found, 1)
