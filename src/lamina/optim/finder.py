"""The learning-rate finder: raise the rate from batch to batch, and take it where the loss falls fastest (Smith 2015, section 3.3).

The paper reads the rate off a plot; here it is the one with the steepest fall of the smoothed loss per decade of rates.
"""

from collections.abc import Callable, Sequence

import numpy as np

from lamina.core.errors import TrainingError

LOWEST, HIGHEST, BATCHES = 1e-6, 1.0, 48  # eight batches a decade
MEMORY = 0.7  # of the mean over the last losses
LEAST_FALL = 1e-3  # of the loss over a decade; what falls less does not fall
CLIMBED = 2.0  # times the least loss: the rate is too high, and so are all above it


def find(loss_at: Callable[[int, float], float]) -> float:
    """The learning rate for a run. loss_at(batch, rate): the loss of a batch, before the weights move at that rate.

    The weights are moved: whoever calls puts them back.
    """
    rates = np.geomspace(LOWEST, HIGHEST, BATCHES)
    losses: list[float] = []
    for batch, rate in enumerate(rates.tolist()):
        try:
            losses.append(loss_at(batch, rate))
        except TrainingError:  # a loss that is no number: as far as one can go
            break
        if losses[-1] > CLIMBED * min(losses):
            break
    return steepest(rates[: len(losses)].tolist(), losses)


def steepest(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The rate at which the smoothed loss falls fastest; the lowest rate where it never falls."""
    if len(losses) < 3:
        return rates[0] if len(rates) else LOWEST
    slope = np.gradient(_smoothed(losses), np.log10(rates))
    place = int(slope.argmin())
    return float(rates[place]) if slope[place] < -LEAST_FALL else float(rates[0])


def _smoothed(losses: Sequence[float]) -> np.ndarray:
    """The mean that forgets, without the pull of its start towards zero."""
    mean, found = 0.0, []
    for count, loss in enumerate(losses, 1):
        mean = MEMORY * mean + (1 - MEMORY) * loss
        found.append(mean / (1 - MEMORY**count))
    return np.array(found)
