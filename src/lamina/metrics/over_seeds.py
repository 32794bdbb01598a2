"""A figure over several runs that differ by their seed: the mean, and the interval of Student's t (Student 1908)."""

from collections.abc import Sequence

import numpy as np


def over_seeds(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean of n >= 2 values and the ends of the 95 % interval of what more seeds would average to.

    >>> [round(one, 2) for one in over_seeds([9.0, 10.0, 11.0])]
    [10.0, 7.52, 12.48]
    """
    from scipy.stats import t  # takes its time to import

    found = np.asarray(values, float)
    half = float(t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found)))
    return float(found.mean()), float(found.mean()) - half, float(found.mean()) + half
