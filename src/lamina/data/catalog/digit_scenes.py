"""Digits in scenes, made by us: handwritten digits of several sizes and colours on textured grounds, with exact boxes and masks.

Pictures (N, 3, 128, 128) uint8, 1 to `most` digits each, `smallest` to 64 pixels high, of which later ones may cover earlier ones by up
to the share `hidden`; a digit that would be hidden further is not drawn. As they are unless told otherwise they are learned well in
minutes on a laptop; smaller, more and overlapping digits (`smallest=16 most=6 hidden=0.5`) are as hard as one likes.
Boxes are those of the whole digit, in pixels; masks have 11 classes, the ground first. 8,000 pictures to train on, 400 for
validation, 600 as test, always the same; no digit of MNIST is in two of them: those of the test come from MNIST's test, and within a
part none is used twice. Without MNIST, by scikit-learn's 1,797 digits of 8x8, dealt out to the three parts and used several times.
Licence: as MNIST's. Nothing is downloaded beyond MNIST.

    N  pictures    M  digits    H, W  sides of a picture
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image as Picture
from PIL.Image import Resampling

from lamina.core import config as knobs
from lamina.core import rng
from lamina.core.config import knob
from lamina.core.data import Account, Data
from lamina.core.errors import DataError
from lamina.core.say import say
from lamina.core.spec import Boxes, Image, Mask, Spec
from lamina.data.box_split import BoxSplit, Objects, rarest
from lamina.data.catalog import mnist
from lamina.data.mask_classes import drawn_in
from lamina.data.mask_split import MaskSplit

SIDE, MOST = 128, 6  # pixels of a picture; digits in it for which there are enough in MNIST
SIZES = {"train": 8000, "valid": 400, "test": 600}
HIGHEST, LEAST, WIDE = 64, 16, (0.8, 1.25)  # pixels; a digit's width against its own shape
INK = 0.5  # share of a pixel from which it is of the digit
CONTRAST = 90.0  # levels of light between a digit and the ground under it
GRAINS = ((4, 45.0), (16, 25.0), (64, 10.0))  # of a ground: places a side, and how many levels they vary
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
AT_ONCE = 250  # pictures whose grounds are made together


class Config(knobs.Config):
    """Digits in scenes."""

    masks: bool = knob(False, "masks instead of boxes: a class for every pixel")
    smallest: int = knob(36, "height of the smallest digits in pixels; the largest have 64", low=LEAST, high=HIGHEST)
    most: int = knob(3, "digits in a picture, at most", low=1, high=MOST)
    hidden: float = knob(0.1, "largest share of a digit that others hide", low=0, high=0.9)


@dataclass(frozen=True)
class Digits:
    """Digits (M, h, w) uint8, ink 255 on 0, and their classes (M,)."""

    pictures: np.ndarray
    classes: np.ndarray


@dataclass(frozen=True)
class Scenes:
    """Pictures (N, 3, H, W), masks (N, H, W) uint8, and digits: boxes (M, 4), the picture (M,) and class (M,) of each."""

    x: np.ndarray
    masks: np.ndarray
    boxes: np.ndarray
    image: np.ndarray
    classes: np.ndarray


def digit_scenes(config: Config, seed: int) -> Data:
    """9,000 pictures with one to three digits on textured grounds: boxes, or masks."""
    found, source = pools()
    parts = {part: _made(found[part], count, part, config) for part, count in SIZES.items()}
    names = tuple("0123456789")
    target: Boxes | Mask = Boxes(names=names)
    if config.masks:
        target = Mask(names=("ground", *names), colours=((0, 0, 0), *map(drawn_in, range(len(names)))))
    splits = {part: _mask_split(one, part) if config.masks else _box_split(one, part) for part, one in parts.items()}
    spec = Spec(input=Image(channels=3, height=SIDE, width=SIDE, fit="pad"), target=target)
    sheet = f"{sum(SIZES.values()):,} pictures {SIDE}x{SIDE} of {source}, 1 to {config.most} in each, made by lamina"
    return Data("digit_scenes", spec, splits["train"], splits["valid"], splits["test"], sheet, Account(used=sum(SIZES.values())),
                fingerprint=source)


def pools() -> tuple[dict[str, Digits], str]:
    """Digits for each part, none in two, and what they are; a run that began with others is told so by its fingerprint."""
    random = np.random.default_rng(rng.key(0, 0, "digit_scenes"))
    try:
        data = mnist.mnist(mnist.Config(), 0)
    except DataError as error:
        say(f"no MNIST ({error.came}): scenes are made of scikit-learn's digits of 8x8 instead")
        return _embedded(random), "scikit-learn's digits"
    learned = [_all(split) for split in (data.train, data.valid)]
    both = Digits(*(np.concatenate(arrays) for arrays in zip(*((one.pictures, one.classes) for one in learned), strict=True)))
    order = random.permutation(len(both.classes))
    cut = SIZES["train"] * MOST
    found = {part: Digits(both.pictures[some], both.classes[some]) for part, some in (("train", order[:cut]), ("valid", order[cut:]))}
    return found | {"test": _all(data.test)}, "MNIST's digits"


def _all(split: Any) -> Digits:
    return Digits(split.x[:, 0].numpy(), split.y.numpy())


def _embedded(random: np.random.Generator) -> dict[str, Digits]:
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    pictures, order = (found.images * (255 / 16)).round().astype(np.uint8), random.permutation(len(found.target))
    ends = np.cumsum([0, *(int(len(order) * count / sum(SIZES.values())) for count in SIZES.values())])
    return {part: Digits(pictures[order[a:b]], found.target[order[a:b]]) for part, a, b in zip(SIZES, ends, ends[1:], strict=False)}


def _made(digits: Digits, count: int, part: str, config: Config) -> Scenes:
    """Pictures of a part, a function of its name and the knobs."""
    random = np.random.default_rng(rng.key(0, 0, f"digit_scenes {part}"))
    order = iter(np.resize(random.permutation(len(digits.classes)), count * MOST).tolist())
    x, masks = np.empty((count, 3, SIDE, SIDE), np.uint8), np.zeros((count, SIDE, SIDE), np.uint8)
    found: list[tuple[int, int, tuple[int, ...]]] = []
    for place, ground in enumerate(grounds(count, part)):
        wanted = [next(order) for _ in range(int(random.integers(1, config.most + 1)))]
        heights = (int(random.integers(config.smallest, HIGHEST + 1)) for _ in wanted)  # each drawn just before its digit's shape is
        chosen = [(resized(digits.pictures[i], high, random), int(digits.classes[i])) for i, high in zip(wanted, heights, strict=True)]
        drawn = _drawn(ground, masks[place], chosen, config.hidden, random)
        found += [(place, digit, box) for digit, box in drawn]
        x[place] = ground.round().clip(0, 255)
    image, classes, boxes = zip(*found, strict=True)
    return Scenes(x, masks, np.array(boxes, np.float32), np.array(image), np.array(classes))


def grounds(count: int, part: str) -> Iterator[np.ndarray]:
    """Textures (3, H, W) float32: a colour, and noise of several grains, which is partly the same in all three colours."""
    finest = GRAINS[-1][0]
    up = _enlarging(finest, SIDE)
    for start in range(0, count, AT_ONCE):
        some = min(AT_ONCE, count - start)
        random = rng.generator(0, start, f"digit_scenes ground {part}")
        noise = torch.zeros(some, 3, finest, finest)
        for places, levels in GRAINS:
            rough = torch.randn(some, 1, places, places, generator=random) + 0.5 * torch.randn(some, 3, places, places, generator=random)
            strength = levels * torch.rand(some, 1, 1, 1, generator=random)
            noise += strength * (_enlarging(places, finest) @ rough @ _enlarging(places, finest).T)
        ground = up @ noise @ up.T + (60 + 135 * torch.rand(some, 3, 1, 1, generator=random))
        yield from ground.clamp_(0, 255).numpy()


def _enlarging(places: int, side: int) -> torch.Tensor:
    """(side, places): linear interpolation as a product, which costs a tenth of torch's own on many small pictures."""
    return F.interpolate(torch.eye(places)[None], side, mode="linear", align_corners=False)[0].T


def _drawn(
    ground: np.ndarray, mask: np.ndarray, digits: list[tuple[np.ndarray, int]], hidden: float, random: np.random.Generator
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Draw digits, ink (h, w) from 0 to 1 and their class, into a ground (3, H, W) and a mask (H, W), in place; class and box of each.
    The uppermost come first, so that it is known how much of a digit they hide."""
    taken = np.zeros((SIDE, SIDE), bool)
    for ink, digit in digits:
        high, wide = ink.shape
        top, left = int(random.integers(0, SIDE - high + 1)), int(random.integers(0, SIDE - wide + 1))
        window = np.s_[top : top + high, left : left + wide]
        solid = ink >= INK
        colour = colour_on(ground[:, *window], solid, random)
        if not solid.any() or (taken[window] & solid).sum() > hidden * solid.sum():
            continue
        alpha = np.where(taken[window], 0, ink)
        ground[:, *window] += alpha * (colour[:, None, None] - ground[:, *window])
        mask[window] = np.where(solid & ~taken[window], digit + 1, mask[window])
        taken[window] |= ink > 0.1  # soft edges of lower digits do not show through
        ys, xs = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
        yield digit, (left + int(xs[0]), top + int(ys[0]), left + int(xs[-1]) + 1, top + int(ys[-1]) + 1)


def resized(picture: np.ndarray, high: int, random: np.random.Generator) -> np.ndarray:
    """The digit without its margin, (h, w) float32 in 0..1, of this height and a drawn shape."""
    ys, xs = np.flatnonzero(picture.any(1)), np.flatnonzero(picture.any(0))
    digit = picture[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    wide = round(high * digit.shape[1] / digit.shape[0] * random.uniform(*WIDE))
    size = int(np.clip(wide, LEAST // 3, SIDE)), high
    return np.asarray(Picture.fromarray(digit).resize(size, Resampling.BICUBIC), np.float32) / 255


def colour_on(under: np.ndarray, solid: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A colour (3,) that stands out from the ground under a digit by at least CONTRAST levels of light."""
    light = float(LUMA @ under.mean((1, 2)))
    colour = random.uniform(0, 255, 3).astype(np.float32)
    away = float(LUMA @ colour) - light
    if abs(away) < CONTRAST:
        to = 255 if light < 128 else 0
        wanted = (light + CONTRAST if to else light - CONTRAST) - float(LUMA @ colour)
        colour += (to - colour) * np.clip(wanted / (to - float(LUMA @ colour)), 0, 1)
    return colour


def _where(part: str, count: int) -> list[str]:
    return [f"{part} {place}" for place in range(count)]


def _box_split(made: Scenes, part: str) -> BoxSplit:
    count = torch.from_numpy(np.bincount(made.image, minlength=len(made.x)))
    objects = Objects(torch.from_numpy(made.boxes), torch.from_numpy(made.classes), torch.ones(len(made.classes)), count.cumsum(0) - count,
                      count, torch.ones(len(made.x)))
    return BoxSplit(torch.from_numpy(made.x), torch.arange(len(made.x)), objects, _rarest(made), _where(part, len(made.x)))


def _mask_split(made: Scenes, part: str) -> MaskSplit:
    rows = torch.arange(len(made.x))[:, None].expand(-1, 2)
    return MaskSplit(torch.from_numpy(made.x), torch.from_numpy(made.masks), rows, _rarest(made) + 1, _where(part, len(made.x)))


def _rarest(made: Scenes) -> torch.Tensor:
    has = torch.zeros(len(made.x), 10, dtype=torch.bool)
    has[torch.from_numpy(made.image), torch.from_numpy(made.classes)] = True
    return rarest(has)
