"""The knobs of augmentation, and what they do to a mini-batch of pictures before it is learned from.

Pictures are changed one by one (data/augment.py), mixed with a partner of the batch, and in the first part of a run
shown small. Every draw is keyed by (seed, step).
"""

import math

import numpy as np
import torch

from lamina.core import config as knobs
from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.errors import UsageError, quoted
from lamina.core.spec import Image, Mask, Spec
from lamina.data import augment
from lamina.data.rand_augment import rand_augment
from lamina.data.scenes import Scenes, moved

GROWN = 0.7  # share of the run after which pictures are shown at full size
LEAST_SIDE = 16  # pixels: no picture is made smaller
NOT_FOR_MASKS = ("cutmix", "shift", "rotate", "randaugment", "erase", "smallest")  # a mask would not follow


class Augmenting(knobs.Config):
    """How examples are varied; all but `mixup` are for pictures."""

    mixup: float = knob(0.0, "strength of mixing pairs of examples (Zhang et al. 2017)", low=0, search="linear")
    cutmix: float = knob(0.0, "strength of pasting a part of another picture in (Yun et al. 2019)", low=0, search="linear")
    shift: int = knob(0, "pixels by which pictures are moved at random", low=0, search="linear")
    rotate: float = knob(0.0, "degrees by which pictures are turned at random", low=0, high=180, search="linear")
    stretch: float = knob(0.0, "share by which each side of a picture is stretched at random", low=0, high=0.9, search="linear")
    flip: bool = knob(False, "mirror half of the pictures left to right")
    crop: float = knob(1.0, "least share of a picture's area that is shown, at full size", low=0.05, high=1, search="linear")
    colour: float = knob(0.0, "share by which brightness, contrast and saturation are changed", low=0, high=0.95, search="linear")
    randaugment: float = knob(0.0, "strength of two operations drawn at random (Cubuk et al. 2019)", low=0, high=1, search="linear")
    erase: float = knob(0.0, "largest share of a picture's area that is hidden", low=0, high=0.9, search="linear")
    smallest: float = knob(1.0, "share of its side at which a picture is first shown; it grows to full size", low=0.1, high=1)


def check(config: Augmenting, spec: Spec) -> None:
    """Refuse both ways of mixing at once, and for masks what would move or hide the picture alone."""
    if config.mixup and config.cutmix:
        raise UsageError("one way of mixing examples", "`mixup` and `cutmix` together", "Leave one of them at 0.")
    turned = [name for name in NOT_FOR_MASKS if getattr(config, name) != type(config).model_fields[name].default]
    if turned and isinstance(spec.target, Mask):
        raise UsageError("variations that a mask can follow", quoted(turned), f"Leave {quoted(turned)} out.")


def varied(batch: Batch, config: Augmenting, spec: Spec, key: tuple[int, int], progress: float) -> None:
    """Change `x` of a batch as the knobs say; mixed batches get `lam` and `partner`. key: (seed, step); progress: 0 to 1."""
    if isinstance(spec.target, Mask):
        moved(batch, _scenes(config), key, progress)
    elif isinstance(spec.input, Image):
        batch["x"] = _changed(batch["x"], config, rng.generator(*key, "augment"))
    if config.mixup:
        _mixup(batch, config.mixup, np.random.default_rng(rng.key(*key, "mixup")))
    if isinstance(spec.input, Image):
        if config.cutmix:
            _cutmix(batch, config.cutmix, key)
        if config.smallest < 1:
            batch["x"] = _grown(batch["x"], config.smallest, progress)


def _changed(x: torch.Tensor, c: Augmenting, random: torch.Generator) -> torch.Tensor:
    if c.shift:
        x = augment.shift(x, c.shift, random)
    if c.rotate or c.stretch:
        x = augment.warp(x, c.rotate, c.stretch, random)
    if c.flip:
        x = augment.flip(x, random)
    if c.crop < 1:
        x = augment.crop(x, c.crop, random)
    if c.colour:
        x = augment.colour(x, c.colour, random)
    if c.randaugment:
        x = rand_augment(x, c.randaugment, random)
    return augment.erase(x, c.erase, random) if c.erase else x


def _scenes(c: Augmenting) -> Scenes:
    """The same knobs for pictures with masks, which move with them; `crop` is of the area, `zoom` of a side."""
    return Scenes(flip=c.flip, zoom=math.sqrt(c.crop), stretch=c.stretch, colour=c.colour)


def _mixup(batch: Batch, strength: float, random: np.random.Generator) -> None:
    """x <- lam x_i + (1 - lam) x_j with lam from Beta(a, a): eq. (1) of the paper, one lam a sample."""
    lam = torch.from_numpy(random.beta(strength, strength, batch.size)).float()
    batch["lam"], batch["partner"] = lam, torch.from_numpy(random.permutation(batch.size))
    x = batch["x"].float()
    lam = lam.view(-1, *[1] * (x.ndim - 1))
    batch["x"] = lam * x + (1 - lam) * x[batch["partner"]]


def _cutmix(batch: Batch, strength: float, key: tuple[int, int]) -> None:
    """A rectangle of the share 1 - lam comes from the partner; lam is then the share that is left: eq. (1), (2) of the paper."""
    random = np.random.default_rng(rng.key(*key, "cutmix"))
    x, lam = batch["x"], torch.from_numpy(random.beta(strength, strength, batch.size)).float()
    pasted = augment.rectangle(x, 1 - lam, rng.generator(*key, "cutmix"))
    batch["partner"] = torch.from_numpy(random.permutation(batch.size))
    batch["x"] = torch.where(pasted[:, None], x[batch["partner"]], x)
    batch["lam"] = 1 - pasted.float().mean((1, 2))


def _grown(x: torch.Tensor, smallest: float, progress: float) -> torch.Tensor:
    """Pictures grow from the share `smallest` of their side to the whole by the share `GROWN` of the run, by even sides.

    A small picture costs by its area, and what is learned from it is kept (Howard 2018, progressive resizing).
    """
    share = smallest + (1 - smallest) * progress / GROWN
    if share >= 1:
        return x
    height, width = (min(n, max(LEAST_SIDE, 2 * round(n * share / 2))) for n in x.shape[2:])
    return augment.resize(x, height, width)

