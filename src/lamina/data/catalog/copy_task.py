"""The copy task, made by us: which of four numbers stood first, `lag` places of noise ago?

Rows (N, lag + 1) float32, read from the first place to the last: the first is -3, -1, 1 or 3, the others are standard normal noise. Classes
a to d, equally many, always the same rows; the seed cuts them. After Hochreiter & Schmidhuber 1997 (section 5.2), one symbol instead of
ten: a network that reads in order must carry it through all of the noise (`--model rnn|lstm|gru pool=last`), while one that sees all
places at once need only look. Licence: made here.
"""

import numpy as np

from lamina.core import config as knobs
from lamina.core import rng
from lamina.core.config import knob
from lamina.core.data import Data
from lamina.data.arrays import cut, from_arrays

FIRST = {"a": -3.0, "b": -1.0, "c": 1.0, "d": 3.0}


class Config(knobs.Config):
    """How much, and how long ago."""

    lag: int = knob(20, "places of noise behind the number that is to be remembered", low=1, high=10_000)
    rows: int = knob(4000, "how many rows", low=40, high=1_000_000)


def copy_task(config: Config, seed: int) -> Data:
    """Rows of noise whose first number is to be remembered."""
    random = np.random.default_rng(rng.key(0, 0, "copy_task"))
    y = random.permutation(np.resize(list(FIRST), config.rows))
    x = random.standard_normal((config.rows, config.lag + 1)).astype(np.float32)
    x[:, 0] = [FIRST[name] for name in y]
    names = tuple(f"t{place}" for place in range(config.lag + 1))
    spec, rows, sheet = from_arrays("copy_task", x, y, names, sheet=f"{config.rows} rows of {config.lag} places of noise behind a number")
    return cut("copy_task", spec, rows, seed, sheet=sheet)
