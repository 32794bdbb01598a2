"""Two-dimensional sets made by us, to look at what a network can bend: circles, moons, spiral, xor, gauss.

Points (N, 2) float32, two classes of equal size, coordinates about -1..1, `noise` the standard
deviation added to each. Made from the seed; nothing is downloaded. The shapes are those of TensorFlow
Playground (Smilkov & Carter 2016), the moons those of scikit-learn.
"""

import math
from collections.abc import Callable

import numpy as np

from lamina.core import config as knobs
from lamina.core import rng
from lamina.core.config import knob
from lamina.core.data import Data
from lamina.data.arrays import cut, from_arrays

Maker = Callable[[np.random.Generator, int], np.ndarray]


class Config(knobs.Config):
    """A made set."""

    points: int = knob(2000, "how many points", low=40, high=1_000_000)
    noise: float = knob(0.05, "standard deviation added to each coordinate", low=0, high=1)


def _make(name: str, config: Config, seed: int, halves: tuple[Maker, Maker]) -> Data:
    random = np.random.default_rng(rng.key(seed, 0, name))
    sizes = config.points - config.points // 2, config.points // 2
    x = np.concatenate([half(random, n) for half, n in zip(halves, sizes, strict=True)])
    x = (x + random.normal(0, config.noise, x.shape)).astype(np.float32)
    y = np.repeat(["orange", "blue"], sizes)
    sheet = f"{config.points} points in the plane, two classes, noise {config.noise}, made by lamina"
    spec, rows, sheet = from_arrays(name, x, y, ("x", "y"), sheet=sheet)
    return cut(name, spec, rows, seed, sheet=sheet)


def _ring(inner: float, outer: float) -> Maker:
    def make(random: np.random.Generator, n: int) -> np.ndarray:
        radius, angle = random.uniform(inner, outer, n), random.uniform(0, 2 * math.pi, n)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)

    return make


def circles(config: Config, seed: int) -> Data:
    """A disc inside a ring: no straight line parts them."""
    return _make("circles", config, seed, (_ring(0.0, 0.5), _ring(0.7, 1.0)))


def _moon(x0: float, y0: float, sign: int) -> Maker:
    def make(random: np.random.Generator, n: int) -> np.ndarray:
        angle = random.uniform(0, math.pi, n)
        return np.stack([x0 + sign * np.cos(angle) / 1.5, y0 + sign * np.sin(angle) / 1.5], 1)

    return make


def moons(config: Config, seed: int) -> Data:
    """Two half moons that reach into each other."""
    return _make("moons", config, seed, (_moon(-0.33, -0.15, 1), _moon(0.33, 0.15, -1)))


def _arm(start: float) -> Maker:
    def make(random: np.random.Generator, n: int) -> np.ndarray:
        along = random.uniform(0.05, 1, n)
        angle = start + 1.75 * 2 * math.pi * along
        return np.stack([along * np.sin(angle), along * np.cos(angle)], 1)

    return make


def spiral(config: Config, seed: int) -> Data:
    """Two arms wound into each other: needs depth or good features."""
    return _make("spiral", config, seed, (_arm(0.0), _arm(math.pi)))


def _quarters(sign: int) -> Maker:
    def make(random: np.random.Generator, n: int) -> np.ndarray:
        x = random.uniform(0.05, 1, (n, 2))
        x[:, 0] *= random.choice([-1, 1], n)
        x[:, 1] *= sign * np.sign(x[:, 0])
        return x

    return make


def xor(config: Config, seed: int) -> Data:
    """Opposite quarters belong together: the set that ended the perceptron's first summer (Minsky & Papert 1969)."""
    return _make("xor", config, seed, (_quarters(1), _quarters(-1)))


def _cloud(centre: float) -> Maker:
    return lambda random, n: random.normal(centre, 0.25, (n, 2))


def gauss(config: Config, seed: int) -> Data:
    """Two clouds that a straight line parts almost perfectly."""
    return _make("gauss", config, seed, (_cloud(-0.5), _cloud(0.5)))
