"""Photos that are there twice: the same pixels, or the same photo compressed again, resized, slightly cropped or brightened.

Two steps. Candidates: the low frequencies of a grey thumbnail, weighted by frequency as a gradient is (a photo's spectrum
falls as 1/f, Field 1987, so that all frequencies then count alike), compared all with all in blocks of one matrix product. Proof:
the thumbnails of a candidate pair are laid over one another (data/overlay.py), and their gradients must agree.

N pictures, K candidate pairs, D numbers that describe a picture.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from lamina.data.overlay import SIDE, likeness

SMALLEST = 48  # side in pixels below which only exact duplicates are looked for: all ones of MNIST look alike
FREQUENCIES = 8  # of the thumbnail, in each direction
ALIKE = 0.77  # cosine above which a pair is a candidate: 99 % of duplicates, 2 of 10,000 other pairs (results/photos.md)
PROOF = 0.85  # correlation of the gradients above which it is a duplicate
MOST_ALIKE = 16  # candidates of one picture, the best ones
BLOCK = 2048  # pictures compared at once
FLAT = 4.0  # grey levels of deviation below which a thumbnail shows nothing to compare


@dataclass(frozen=True)
class Pair:
    """Two rows, `first` < `second`; `likeness` 1 for the same pixels, else the correlation of the gradients."""

    first: int
    second: int
    kind: Literal["exact", "near"]
    likeness: float


def pairs(pictures: torch.Tensor) -> list[Pair]:
    """Duplicates among pictures (N, C, H, W) uint8, the likest first. Of more than two exact ones each is paired with the first."""
    exact = _exact(pictures)
    if min(pictures.shape[2:]) < SMALLEST or not len(pictures):
        return exact
    later = {pair.second for pair in exact}
    alone = torch.tensor([i for i in range(len(pictures)) if i not in later], dtype=torch.int64)
    return exact + _near(thumbnails(pictures, alone), alone)


def groups(pictures: torch.Tensor) -> torch.Tensor:
    """(N,) int64: duplicates, also by way of others, share a number."""
    return groups_of(pairs(pictures), len(pictures))


def groups_of(found: Sequence[Pair], count: int) -> torch.Tensor:
    """(count,) int64: rows of a pair share a number."""
    first, second = [pair.first for pair in found], [pair.second for pair in found]
    _, group = connected_components(coo_matrix((np.ones(len(found)), (first, second)), shape=(count, count)), directed=False)
    return torch.from_numpy(group.astype(np.int64))


def thumbnails(pictures: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """The given rows of (N, C, H, W) as grey (len(rows), SIDE, SIDE) float32, made block by block."""
    small = []
    for some in rows.split(BLOCK // 4):
        colours = F.interpolate(pictures.index_select(0, some), (SIDE, SIDE), mode="bilinear", antialias=True)
        small.append(colours.float().mean(1))
    return torch.cat(small) if small else torch.empty(0, SIDE, SIDE)


def _exact(pictures: torch.Tensor) -> list[Pair]:
    by_content: defaultdict[bytes, list[int]] = defaultdict(list)
    for row, picture in enumerate(pictures.contiguous().numpy()):
        by_content[hashlib.sha256(picture.data).digest()].append(row)
    return [Pair(rows[0], row, "exact", 1.0) for rows in by_content.values() for row in rows[1:]]


def _near(thumbs: torch.Tensor, names: torch.Tensor) -> list[Pair]:
    """Near duplicates among thumbnails (N, SIDE, SIDE), called by their `names` (N,)."""
    found = []
    for candidates in _candidates(describe(thumbs)):
        alike = likeness(thumbs[candidates[:, 0]], thumbs[candidates[:, 1]])
        for (a, b), value in zip(names[candidates].tolist(), alike.tolist(), strict=True):
            if value >= PROOF:
                found.append(Pair(a, b, "near", value))
    return sorted(found, key=lambda pair: -pair.likeness)


def describe(thumbs: torch.Tensor) -> torch.Tensor:
    """(N, D) of length one: the low frequencies (cosine transform) times their frequency; zero for a flat picture."""
    places = math.pi / SIDE * torch.arange(FREQUENCIES)[:, None] * (torch.arange(SIDE) + 0.5)
    cosines = places.cos() * math.sqrt(2 / SIDE)
    found = cosines @ thumbs @ cosines.T  # (N, FREQUENCIES, FREQUENCIES)
    frequency = torch.arange(FREQUENCIES).float()
    flat = thumbs.flatten(1).std(1) < FLAT
    described = F.normalize((found * torch.hypot(frequency[:, None], frequency)).flatten(1))
    return described.masked_fill(flat[:, None], 0)


def _candidates(described: torch.Tensor) -> Iterator[torch.Tensor]:
    """(K, 2) rows, the first smaller, whose descriptions are alike; block by block."""
    for start in range(0, len(described), BLOCK):
        some = described[start : start + BLOCK]
        rest = described[start:]
        cosines = (some @ rest.T).triu_(1)  # (B, N - start), a pair only once
        best = cosines.topk(min(MOST_ALIKE, cosines.shape[1]), 1)
        first, place = (best.values >= ALIKE).nonzero(as_tuple=True)
        yield torch.stack([first + start, best.indices[first, place] + start], 1)
