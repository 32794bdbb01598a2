"""What masks would be without a network: the most frequent class, the most frequent class by place, and a classifier of single pixels by
their colour, that of their neighbourhood, and their place.

    B  pictures    C  channels    H, W  sides    K  classes    D  numbers that describe a pixel
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from lamina.baselines.tables import log_probabilities
from lamina.core import rng
from lamina.core.data import Split, batches
from lamina.core.spec import IGNORED
from lamina.nn.pyramid import resized

MOST_PIXELS, MOST_PICTURES = 50_000, 1000  # that are learned from; far past the point where more of them help
MOST_ANSWERED = 3_000  # places of a picture, between which answers are enlarged
AT_ONCE = 50  # pictures
NEIGHBOURHOODS = (5, 15)  # pixels a side
ROUNDS, RATE = 30, 0.15  # twice as many say no more, and are too sure of it
LEAST = 1e-6  # of a probability


class PlaceRival:
    """The same logits (K, H, W) or (K, 1, 1) for every picture, answered as a `Predictor` does: (B, C, H, W) -> (B, K, H, W)."""

    def __init__(self, logits: torch.Tensor) -> None:
        self.logits = logits

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The rival's output for a batch."""
        return resized(self.logits[None], x).expand(len(x), -1, -1, -1)


class PixelRival:
    """A classifier of pixels, (N, D) -> logits (N, K), asked at some places of each picture: (B, C, H, W) -> (B, K, H, W)."""

    def __init__(self, answer: Callable[[np.ndarray], np.ndarray]) -> None:
        self._answer = answer

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The rival's output for a batch."""
        return torch.cat([self._few(part) for part in x.cpu().split(AT_ONCE)])

    def _few(self, x: torch.Tensor) -> torch.Tensor:
        step = max(1, round(math.sqrt(x.shape[2] * x.shape[3] / MOST_ANSWERED)))
        rows = described(x)[..., step // 2 :: step, step // 2 :: step].movedim(1, -1)  # (B, h, w, D)
        logits = torch.from_numpy(self._answer(rows.flatten(0, 2).numpy()).astype(np.float32))
        return resized(logits.view(*rows.shape[:3], -1).movedim(-1, 1), x)


def most_frequent(train: Split, classes: int) -> PlaceRival:
    """The shares of the classes among all labelled pixels, everywhere."""
    return PlaceRival(_log_shares(_counts(train, classes).sum((1, 2), keepdim=True)))


def by_place(train: Split, classes: int) -> PlaceRival:
    """The shares of the classes at each place; where few are labelled, near those of all places."""
    counts = _counts(train, classes)  # (K, H, W)
    everywhere = counts.sum((1, 2), keepdim=True) / counts.sum().clamp_min(1)
    return PlaceRival(_log_shares(counts + everywhere))


def by_colour_and_place(train: Split, classes: int, seed: int = 0) -> PixelRival:
    """Gradient boosting (Friedman 2001) on some labelled pixels of the training pictures."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    rows, answers = _pixels(train, rng.generator(seed, 0, "pixels"))
    if len(np.unique(answers)) < 2:
        only = int(answers[0]) if len(answers) else 0
        constant = np.log(np.where(np.arange(classes) == only, 1, LEAST))
        return PixelRival(lambda asked: np.tile(constant, (len(asked), 1)))
    model: Any = HistGradientBoostingClassifier(max_iter=ROUNDS, learning_rate=RATE, early_stopping=False, random_state=0)
    model.fit(rows, answers)
    return PixelRival(lambda asked: log_probabilities(model, asked, classes))


def described(x: torch.Tensor) -> torch.Tensor:
    """Every pixel by its colour, the mean colour of each neighbourhood, and its place from 0 to 1: (B, C, H, W) bytes -> (B, D, H, W)."""
    colour = x.float() / 255
    height, width = x.shape[2:]
    around = [_around(colour, side) for side in NEIGHBOURHOODS]
    down, across = ((torch.arange(n) + 0.5) / n for n in (height, width))
    places = torch.stack([down[:, None].expand(height, width), across.expand(height, width)])
    return torch.cat([colour, *around, places.expand(len(x), -1, -1, -1)], 1)


def _around(x: torch.Tensor, side: int) -> torch.Tensor:
    """The mean over squares of `side` pixels, less of them at the border: down, then across, a seventh of the work at once."""
    down = F.avg_pool2d(x, (side, 1), 1, (side // 2, 0), count_include_pad=False)
    return F.avg_pool2d(down, (1, side), 1, (0, side // 2), count_include_pad=False)


def _pixels(train: Split, random: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Descriptions (N, D) and classes (N,) of labelled pixels, as many of each of some pictures."""
    pictures = torch.arange(0, len(train), -(-len(train) // MOST_PICTURES))
    each = -(-MOST_PIXELS // len(pictures))
    rows, answers = [], []
    for batch in map(train.batch, pictures.split(AT_ONCE)):
        for features, y in zip(described(batch["x"]).flatten(2), batch["y"].flatten(1), strict=True):
            labelled = (y != IGNORED).nonzero().flatten()
            some = labelled[torch.randperm(len(labelled), generator=random)[:each]]
            rows.append(features[:, some].T)
            answers.append(y[some])
    return torch.cat(rows).numpy(), torch.cat(answers).numpy()


def _counts(train: Split, classes: int) -> torch.Tensor:
    """How many training pictures have each class at each place: (K, H, W) float32."""
    found = torch.zeros(classes, 1, 1)
    for batch in batches(train, AT_ONCE):
        found = found + torch.stack([(batch["y"] == k).sum(0) for k in range(classes)])
    return found


def _log_shares(counts: torch.Tensor) -> torch.Tensor:
    return (counts / counts.sum(0).clamp_min(LEAST)).clamp_min(LEAST).log()
