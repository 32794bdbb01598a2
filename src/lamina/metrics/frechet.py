"""The Frechet distance between two sets of pictures (Heusel et al. 2017, GANs trained by a two time-scale update rule).

Each set is summed up by the mean m and the covariance C of its features; the distance between the two Gaussians is

    |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2))                                                        # eq. (6)

With S = C^(1/2), the eigenvalues of C C' are those of the symmetric S C' S, so that no root of a lopsided matrix is
needed; what rounding has pushed below zero is zero. The paper's features are those of Inception trained on a million
photos; `RandomFeatures` need no labels and no download, and serve to compare generators of one data set.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from lamina.core import rng

SMALLEST_SIDE = 4  # of the maps of random features

Features = Callable[[torch.Tensor], torch.Tensor]


class Gaussian:
    """Mean (D,) and covariance (D, D) of features (N, D), float64."""

    def __init__(self, features: torch.Tensor) -> None:
        features = features.double()
        self.mean = features.mean(0)
        centred = features - self.mean
        self.covariance = centred.T @ centred / max(len(features) - 1, 1)


def distance(one: Gaussian, other: Gaussian) -> float:
    """The squared Frechet distance between two Gaussians: 0 where they are equal."""
    values, vectors = torch.linalg.eigh(one.covariance)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T  # S
    overlap = torch.linalg.eigvalsh(root @ other.covariance @ root).clamp(min=0).sqrt().sum()
    spread = one.covariance.trace() + other.covariance.trace() - 2 * overlap
    return max(0.0, ((one.mean - other.mean).square().sum() + spread).item())


def frechet(real: torch.Tensor, generated: torch.Tensor, features: Features) -> float:
    """The distance between pictures (N, C, H, W) uint8 and (M, C, H, W) uint8 under `features`: (B, ...) -> (B, D)."""
    return distance(*(Gaussian(_in_batches(pictures, features)) for pictures in (real, generated)))


class RandomFeatures:
    """Three strided convolutions whose orthogonal filters are drawn once and for all: (B, C, H, W) bytes -> (B, D)."""

    def __init__(self, channels: int, width: int = 32) -> None:
        random = rng.generator(0, 0, "random features")
        self.filters = [_filters(i, o, random) for i, o in pairwise((channels, width, 2 * width, 4 * width))]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        h = (x.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        for filters in self.filters:
            stride = 2 if min(h.shape[2:]) > SMALLEST_SIDE else 1
            h = F.conv2d(h, filters, stride=stride, padding=1).relu()
        return F.adaptive_avg_pool2d(h, 2).flatten(1)


def _filters(inputs: int, outputs: int, random: torch.Generator) -> torch.Tensor:
    filters = nn.init.orthogonal_(torch.empty(outputs, inputs, 3, 3), 2**0.5, random)
    return filters.contiguous(memory_format=torch.channels_last)


def _in_batches(pictures: torch.Tensor, features: Features, size: int = 500) -> torch.Tensor:
    with torch.inference_mode():
        return torch.cat([features(part) for part in pictures.split(size)])
