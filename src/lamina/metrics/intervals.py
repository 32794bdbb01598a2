"""95 % intervals."""

import math

Z = 1.959964  # the normal distribution's 97.5 % point


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Interval of a share (Wilson 1927), which holds also near 0 and 1 where the normal one does not.

    >>> [round(bound, 3) for bound in wilson(8, 10)]
    [0.49, 0.943]
    """
    if total == 0:
        return 0.0, 1.0
    share = hits / total
    middle = (share + Z * Z / (2 * total)) / (1 + Z * Z / total)
    half = Z / (1 + Z * Z / total) * math.sqrt(share * (1 - share) / total + Z * Z / (4 * total * total))
    return middle - half if hits else 0.0, middle + half if hits < total else 1.0  # there exactly, but for rounding


def of_mean(mean: float, deviation: float, total: int) -> tuple[float, float]:
    """Normal interval of a mean from its sample's standard deviation."""
    half = Z * deviation / math.sqrt(max(total, 1))
    return mean - half, mean + half
