"""What could be another one? New pictures in the manner of the training data."""

from collections.abc import Iterable
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
import torch

from lamina.core import rng
from lamina.core.data import Data, Split
from lamina.core.errors import UsageError
from lamina.core.predictions import Drawable, Picture, Prediction
from lamina.core.spec import Image, Spec
from lamina.core.task import Choice, Evaluation, Predicting, Quality, Takes
from lamina.metrics.frechet import RandomFeatures, frechet

PICTURES = 2000  # on each side of the distance
MOST_IN_A_GRID = 4096
BATCH = 64
COMPONENTS = 10  # of the trivial rival


class Generate:
    """What could be another one? New pictures in the manner of the training data."""

    name: ClassVar[str] = "generate"
    monitor: ClassVar[str] = "fid"

    def suits(self, spec: Spec) -> bool:
        return isinstance(spec.input, Image)

    def takes(self, spec: Spec) -> Takes:
        return "words"

    def choose(self, data: Data, quality: Quality) -> Choice:
        updates = {"fast": 1000, "good": 6000, "best": 30_000}[quality]
        words = {"epochs": max(1, round(updates * BATCH / len(data.train))), "batch": BATCH}
        return Choice("dcgan", "gan", words | {"learning_rate": 2e-3, "beta1": 0.0, "smoothing": 0.1})

    def evaluate(self, predictor: Predicting, split: Split, seed: int, brief: bool = False) -> Evaluation:
        """The distance in fixed features. The noise is always the same, so that two validations differ by the model alone."""
        real = _some(split)
        generated = draw(predictor, len(real), "evaluation")
        return Evaluation({"fid": frechet(real, generated, RandomFeatures(real.shape[1]))}, details={"pictures": len(real)})

    def baselines(self, data: Data) -> dict[str, Evaluation]:
        """Real pictures of the training split (the floor), and a Gaussian over a few principal components."""
        real, train = _some(data.test), _some(data.train)
        features = RandomFeatures(real.shape[1])
        rivals = {"real pictures": train, f"{COMPONENTS} principal components": gaussian_pictures(train, COMPONENTS, len(real))}
        return {name: Evaluation({"fid": frechet(real, pictures, features)}) for name, pictures in rivals.items()}

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        return grid(draw(predictor, 64, "sample"))

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        return {"generated.png": grid(draw(predictor, 100, "picture"))}

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        """One picture an input: a whole number asks for a grid of so many, any other word for the picture that it names."""
        return [grid(draw(predictor, _count(str(word)), str(word))) for word in inputs]


def draw(predictor: Predicting, count: int, word: str) -> torch.Tensor:
    """(count, C, H, W) uint8 from noise that is a function of `word`."""
    random = rng.generator(crc32(word.encode()), 0, "noise")
    noise = torch.randn(count, predictor.model.noise_size, generator=random)
    pictures = torch.cat([predictor(z).cpu() for z in noise.split(500)])
    return pictures.add_(1).mul_(127.5).round_().clamp_(0, 255).byte()


def grid(pictures: torch.Tensor) -> Picture:
    """(N, C, H, W) as one picture, near square, row by row; places without a picture are black."""
    count, channels, height, width = pictures.shape
    columns = int(np.ceil(count**0.5))
    rows = -(-count // columns)
    paper = torch.zeros(rows * columns, channels, height, width, dtype=torch.uint8)
    paper[:count] = pictures
    whole = paper.view(rows, columns, channels, height, width).permute(0, 3, 1, 4, 2)  # (rows, H, columns, W, C)
    pixels = whole.reshape(rows * height, columns * width, channels).numpy()
    return Picture(pixels[:, :, 0] if channels == 1 else pixels)


def gaussian_pictures(pictures: torch.Tensor, components: int, count: int) -> torch.Tensor:
    """`count` pictures (C, H, W) uint8 of a Gaussian over the first principal components of `pictures` (N, C, H, W)."""
    flat = pictures.flatten(1).double()
    mean = flat.mean(0)
    axes = _axes(flat - mean, components)
    z = torch.randn(count, len(axes), generator=rng.generator(0, 0, "components"), dtype=torch.float64)
    return (mean + z @ axes).round().clamp(0, 255).byte().view(count, *pictures.shape[1:])


def _axes(centred: torch.Tensor, components: int) -> torch.Tensor:
    """The largest principal axes (components, D) of centred rows (N, D), each as long as its deviation."""
    rows, columns = centred.shape
    if rows < columns:  # the eigenvectors of the smaller side, which the rows carry over
        return torch.linalg.eigh(centred @ centred.T).eigenvectors[:, -components:].T @ centred / (rows - 1) ** 0.5
    values, vectors = torch.linalg.eigh(centred.T @ centred / (rows - 1))
    return (vectors * values.clamp(min=0).sqrt())[:, -components:].T


def _some(split: Split) -> torch.Tensor:
    """Evenly spread pictures of a split, at most `PICTURES`."""
    count = min(PICTURES, len(split))
    return split.batch(torch.arange(count) * len(split) // count)["x"]


def _count(word: str) -> int:
    if not word.isdecimal():
        return 1
    if not 0 < int(word) <= MOST_IN_A_GRID:
        raise UsageError(f"from 1 to {MOST_IN_A_GRID} pictures", f"`{word}`", "Ask for fewer, or give a word.")
    return int(word)
