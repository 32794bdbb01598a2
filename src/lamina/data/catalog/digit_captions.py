"""Digits in pictures, put into words by us: `a seven above a small three`.

Pictures (N, 3, 64, 64) uint8, one or two handwritten digits on a textured ground as in `digit_scenes`, at half its size; a digit is
`small` (18 or 19 pixels high) or not (28 to 32). Of two, the caption says which lies `above` the other, or `left of` it, and begins with
that one. 16 words, one caption a picture.
8,000 pictures to train on, 500 for validation, 1,000 as test, always the same; no digit of MNIST is in two parts. Without MNIST, by
scikit-learn's digits of 8x8. Licence: as MNIST's. Nothing is downloaded beyond MNIST.
"""

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from lamina.core import config as knobs
from lamina.core import rng
from lamina.core.data import Data
from lamina.core.spec import Image
from lamina.data import captions
from lamina.data.captions import Captions
from lamina.data.catalog.digit_scenes import INK, SIDE, Digits, colour_on, grounds, pools, resized

SIZES = {"train": 8000, "valid": 500, "test": 1000}
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SMALL, LARGE = (36, 38), (56, 64)  # pixels of a digit's height before the picture is halved
APART = 0.85  # share of their mean height (or width) by which the middles of two digits are apart, the way that the caption names
LEAN = 0.5  # the most that their middles differ the other way, as a share of that way


class Config(knobs.Config):
    """Digits in words; nothing to choose."""


def digit_captions(config: Config, seed: int) -> Data:
    """9,500 pictures of one or two digits, and what they show in words."""
    digits, source = pools()
    made = [_made(digits[part], count, part) for part, count in SIZES.items()]
    x, texts = torch.cat([pictures for pictures, _ in made]), [text for _, words in made for text in words]
    parts, rows = np.repeat(list(SIZES), list(SIZES.values())), torch.arange(len(texts))
    found = Captions(texts, rows, [f"picture {i}" for i in range(len(texts))], parts)
    image = Image(channels=3, height=SIDE // 2, width=SIDE // 2)
    data = captions.data_of("digit_captions", image, x, found, captions.Config(unit="word"), seed)
    return replace(data, sheet=f"{len(texts):,} pictures of {source} in words, made by lamina", fingerprint=source)


def _made(digits: Digits, count: int, part: str) -> tuple[torch.Tensor, list[str]]:
    """Pictures (N, 3, 64, 64) uint8 of a part, and their captions."""
    random = np.random.default_rng(rng.key(0, 0, f"digit_captions {part}"))
    order = iter(np.resize(random.permutation(len(digits.classes)), 2 * count).tolist())
    x, texts = np.empty((count, 3, SIDE, SIDE), np.uint8), []
    for place, ground in enumerate(grounds(count, f"captions {part}")):
        small = random.random(2) < 0.5
        chosen = [next(order) for _ in range(int(random.integers(1, 3)))]
        inks = [resized(digits.pictures[i], int(random.integers(*(SMALL if s else LARGE), endpoint=True)), random)
                for i, s in zip(chosen, small.tolist(), strict=False)]  # fmt: skip
        corners, relation = _placed([ink.shape for ink in inks], random)
        for ink, (top, left) in zip(inks, corners, strict=True):
            _draw(ground, ink, top, left, random)
        names = [_named(WORDS[digits.classes[i]], s) for i, s in zip(chosen, small.tolist(), strict=False)]
        texts.append(f" {relation} ".join(names))
        x[place] = ground.round().clip(0, 255)
    return _halved(x), texts


def _named(word: str, small: bool) -> str:
    return f"a small {word}" if small else f"{'an' if word == 'eight' else 'a'} {word}"


def _placed(shapes: list[tuple[int, ...]], random: np.random.Generator) -> tuple[list[tuple[int, int]], str]:
    """Where the one or two digits lie, top and left of each, and how the first lies to the second."""
    while True:
        corners = [(int(random.integers(0, SIDE - h + 1)), int(random.integers(0, SIDE - w + 1))) for h, w in shapes]
        if len(shapes) == 1:
            return corners, ""
        (h0, w0), (h1, w1) = shapes
        (t0, l0), (t1, l1) = corners
        down, across = t1 + h1 / 2 - t0 - h0 / 2, l1 + w1 / 2 - l0 - w0 / 2
        if down >= APART * (h0 + h1) / 2 and abs(across) <= LEAN * down:
            return corners, "above"
        if across >= APART * (w0 + w1) / 2 and abs(down) <= LEAN * across:
            return corners, "left of"


def _draw(ground: np.ndarray, ink: np.ndarray, top: int, left: int, random: np.random.Generator) -> None:
    """Draw ink (h, w) from 0 to 1 into a ground (3, H, W), in place."""
    window = np.s_[:, top : top + ink.shape[0], left : left + ink.shape[1]]
    colour = colour_on(ground[window], ink >= INK, random)
    ground[window] += ink * (colour[:, None, None] - ground[window])


def _halved(x: np.ndarray) -> torch.Tensor:
    """(N, 3, H, W) uint8 at half the sides."""
    return torch.cat([F.avg_pool2d(part.float(), 2).round().byte() for part in torch.from_numpy(x).split(500)])
