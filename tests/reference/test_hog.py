"""HOG against a plain loop over pixels and blocks, and its properties; the rivals of pictures."""

import math

import numpy as np
import pytest
import torch

from lamina.baselines.photos import FeatureRival, of_pictures, on_gradients, pixels
from lamina.core.data import Split
from lamina.core.spec import Classes, Image, Spec
from lamina.core.task import Evaluation
from lamina.data.arrays import ArraySplit, cut
from lamina.data.hog import CLIP, ORIENTATIONS, hog


def slow_cells(picture: np.ndarray, cell: int) -> np.ndarray:
    """(n, m, ORIENTATIONS) of (C, H, W), pixel by pixel."""
    height, width = picture.shape[1] // cell * cell, picture.shape[2] // cell * cell
    cells = np.zeros((height // cell, width // cell, ORIENTATIONS))
    at = lambda c, i, j: picture[c, min(max(i, 0), picture.shape[1] - 1), min(max(j, 0), picture.shape[2] - 1)]  # noqa: E731
    for i in range(height):
        for j in range(width):
            steps = [(at(c, i, j + 1) - at(c, i, j - 1), at(c, i + 1, j) - at(c, i - 1, j)) for c in range(len(picture))]
            dx, dy = max(steps, key=lambda step: math.hypot(*step))
            place = math.atan2(dy, dx) % math.pi / math.pi * ORIENTATIONS - 0.5
            share = place - math.floor(place)
            cells[i // cell, j // cell, math.floor(place) % ORIENTATIONS] += (1 - share) * math.hypot(dx, dy) / cell**2
            cells[i // cell, j // cell, (math.floor(place) + 1) % ORIENTATIONS] += share * math.hypot(dx, dy) / cell**2
    return cells


def slow_hog(picture: np.ndarray, cell: int) -> np.ndarray:
    cells = slow_cells(picture, cell)
    blocks = []
    for i in range(cells.shape[0] - 1):
        for j in range(cells.shape[1] - 1):
            block = cells[i : i + 2, j : j + 2].transpose(2, 0, 1).reshape(-1)
            block = np.minimum(block / np.linalg.norm(block), CLIP)
            blocks.append(block / np.linalg.norm(block))
    return np.concatenate(blocks)


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 20, 26)])
def test_hog_is_what_the_paper_says(shape: tuple[int, int, int]) -> None:
    x = torch.randint(0, 256, (2, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    cell = math.ceil(min(shape[1:]) / 8)
    wanted = np.stack([slow_hog(one.numpy().astype(float), cell) for one in x])
    np.testing.assert_allclose(hog(x).numpy(), wanted, atol=1e-5)


def test_hog_is_blind_to_contrast_and_to_the_sign_of_an_edge() -> None:
    x = torch.randint(0, 100, (1, 1, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(hog(2 * x + 20), hog(x), atol=1e-5, rtol=0)
    torch.testing.assert_close(hog(255 - x), hog(x), atol=1e-4, rtol=0)
    assert (hog(torch.full((1, 3, 16, 16), 9, dtype=torch.uint8)) == 0).all()


def accuracy(rival: FeatureRival, split: Split) -> Evaluation:
    batch = split.batch(torch.arange(len(split)))
    return Evaluation({"accuracy": (rival(batch["x"]).argmax(1) == batch["y"]).float().mean().item()})


def test_edges_are_told_apart_by_hog_where_pixels_say_nothing() -> None:
    """Stripes of random place and sign: every pixel has the same mean in both classes."""
    random = np.random.default_rng(0)
    y = np.arange(300) % 2
    waves = np.sin(np.arange(24) * 1.0 + random.uniform(0, 2 * np.pi, (300, 1)))  # (300, 24)
    stripes = np.where(y[:, None, None] == 0, waves[:, :, None], waves[:, None, :]) + random.normal(0, 0.3, (300, 24, 24))
    x = torch.from_numpy((128 + 40 * stripes).clip(0, 255).astype(np.uint8))[:, None]
    spec = Spec(input=Image(channels=1, height=24, width=24), target=Classes(names=("a", "b")))
    data = cut("stripes", spec, ArraySplit(x, torch.from_numpy(y)), 0)
    found = {**of_pictures(data, accuracy), **on_gradients(data, accuracy)}
    assert list(found) == ["most frequent", "linear", "HOG + logistic regression"]
    assert found["HOG + logistic regression"].metrics["accuracy"] > 0.95 > 0.75 > found["linear"].metrics["accuracy"]


def test_pixels_of_large_pictures_are_averaged() -> None:
    torch.testing.assert_close(pixels(torch.full((2, 3, 100, 60), 255, dtype=torch.uint8)), torch.ones(2, 16 * 16 * 3))
    assert pixels(torch.zeros(2, 1, 28, 28, dtype=torch.uint8)).shape == (2, 784)
