"""Intervals of figures that are no means: pictures are drawn anew, with replacement (Efron 1979).

A figure of a whole split is made of counts that add up over the pictures, so a draw is those counts times how often each
picture was drawn. The draws follow from the seed.

    R  draws    N  pictures
"""

import torch

from lamina.core import rng

DRAWS = 500


def drawn(pictures: int, draws: int = DRAWS, seed: int = 0) -> torch.Tensor:
    """How often each picture is in each draw: (R, N) float64, every row sums to N.

    There is none (R = 0) of a single picture, which says nothing of others.
    """
    if pictures == 1:
        return torch.zeros(0, 1, dtype=torch.float64)
    random = rng.generator(seed, 0, "bootstrap")
    places = torch.randint(max(pictures, 1), (draws, pictures), generator=random)
    ones = torch.ones(draws, pictures, dtype=torch.float64)
    return torch.zeros(draws, pictures, dtype=torch.float64).scatter_add_(1, places, ones)


def middle(values: torch.Tensor) -> tuple[float, float]:
    """What the middle 95 % of (R,) lie between; draws in which the figure is NaN do not count, of none it is 0 to 1.

    >>> middle(torch.arange(1001.0))
    (25.0, 975.0)
    """
    known = values[~values.isnan()].double()
    if not len(known):
        return 0.0, 1.0
    low, high = known.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high


def around(figure: float, values: torch.Tensor) -> tuple[float, float]:
    """The 95 % interval of a share whose draws (R,) lie to one side of it, as those of average precision do: they lie as far above the
    figure as the figure lies above what it estimates, so the interval is mirrored at the figure (Davison & Hinkley 1997, eq. 5.6).

    >>> [round(bound, 3) for bound in around(0.5, torch.linspace(0.5, 0.7, 1001))]
    [0.305, 0.5]
    """
    if values.isnan().all():
        return 0.0, 1.0
    low, high = middle(values)
    return max(0.0, min(2 * figure - high, figure)), min(1.0, max(2 * figure - low, figure))
