"""Learning-rate schedules: a factor on the learning rate as a function of progress in [0, 1].

A schedule that is a function of progress has no state to save. `plateau` is the exception: its factor
is lowered by the learner when the monitored figure stops improving.
"""

import math

Progress = float
FIRST = 1e-3  # share of the learning rate at which a warm-up begins


def constant(progress: Progress) -> float:
    """The learning rate as given."""
    return 1.0


def linear(progress: Progress) -> float:
    """Straight down to zero."""
    return 1 - progress


def step(progress: Progress) -> float:
    """A tenth after a half and again after three quarters of the run (He et al. 2015)."""
    return 0.1 ** ((progress >= 0.5) + (progress >= 0.75))


def cosine(progress: Progress) -> float:
    """Half a cosine down to zero (Loshchilov & Hutter 2016, without restarts)."""
    return 0.5 * (1 + math.cos(math.pi * progress))


def one_cycle(progress: Progress, rise: float = 0.25) -> float:
    """Linearly up over the first quarter, linearly down to nothing (Smith & Topin 2017)."""
    if progress < rise:
        return 0.04 + 0.96 * progress / rise
    return max(0.0, (1 - progress) / (1 - rise))


def warm(progress: Progress, share: float) -> float:
    """Linear warm-up from a thousandth over the first `share` of the run, as a factor (Goyal et al. 2017)."""
    return FIRST + (1 - FIRST) * progress / share if progress < share else 1.0
