"""Transfer: what a network learned on many pictures of old classes helps with a few pictures of new ones.

Runs without a network in a few seconds on shapes that it draws. For photos of your own the same is one line, and begins from
ImageNet's published weights:    lamina train photos/        or from a run of yours:    lamina train photos/ --from RUN
"""

import tempfile
from pathlib import Path

import torch

from lamina.core.data import Data
from lamina.core.spec import Classes, Image, Spec
from lamina.data.arrays import ArraySplit
from lamina.verbs.request import Request
from lamina.verbs.train import Outcome, train

SIDE = 24
SHAPES = {  # by the places (u, v) from -1 to 1 that they cover
    "disc": lambda u, v: u**2 + v**2 < 1, "square": lambda u, v: (u.abs() < 0.8) & (v.abs() < 0.8),
    "triangle": lambda u, v: (v < 0.8) & (v > 2 * u.abs() - 1), "plus": lambda u, v: (u.abs() < 0.3) | (v.abs() < 0.3),
    "bars": lambda u, v: (u.abs() - 0.6).abs() < 0.25, "frame": lambda u, v: torch.maximum(u.abs(), v.abs()) > 0.5,
    "ring": lambda u, v: (u**2 + v**2 < 1) & (u**2 + v**2 > 0.35), "cross": lambda u, v: (u.abs() - v.abs()).abs() < 0.3,
    "lines": lambda u, v: (v.abs() - 0.6).abs() < 0.25, "kite": lambda u, v: u.abs() + v.abs() < 1,
}  # fmt: skip
OLD, NEW = tuple(SHAPES)[:6], tuple(SHAPES)[6:]


def drawn(names: tuple[str, ...], each: int, seed: int) -> ArraySplit:
    """Pictures (N, 1, SIDE, SIDE) of the shapes at any place, size and brightness, in noise."""
    random = torch.Generator().manual_seed(seed)
    y = torch.arange(len(names)).repeat_interleave(each)
    half, bright = 4 + 4 * torch.rand(len(y), generator=random), 50 + 120 * torch.rand(len(y), generator=random)
    centre = half[:, None] + (SIDE - 2 * half[:, None]) * torch.rand(len(y), 2, generator=random)
    x = 80 * torch.rand(len(y), 1, SIDE, SIDE, generator=random)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    for i, shape in enumerate(y.tolist()):
        u, v = (columns - centre[i, 0]) / half[i], (rows - centre[i, 1]) / half[i]
        x[i, 0] += bright[i] * ((u.abs() < 1) & (v.abs() < 1) & SHAPES[names[shape]](u, v))
    return ArraySplit(x.to(torch.uint8), y)


def shapes(names: tuple[str, ...], each: int) -> Data:
    spec = Spec(input=Image(channels=1, height=SIDE, width=SIDE), target=Classes(names=names))
    return Data("shapes", spec, drawn(names, each, 0), drawn(names, 50, 1), drawn(names, 100, 2))


def show(what: str, outcome: Outcome) -> None:
    anew = f"begins anew: {', '.join(outcome.setup.anew)}" if outcome.setup.anew else outcome.setup.origin
    print(f"{what:<48}{outcome.test.metrics['accuracy']:>6.3f}   {anew}")


def main() -> None:
    torch.set_num_threads(1)
    print("Accuracy on shapes that were not learned from; a guess is right once in four")
    few, settings = shapes(NEW, 2), {"threads": 1}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "old"
        first = Request(shapes(OLD, 120), model="cnn", method="supervised", words={"epochs": 10, "batch": 32, **settings}, out=run)
        show(f"{', '.join(OLD[:3])} ..., 120 of each", train(first))
        words = {"epochs": 40, "batch": 16, **settings}
        show("ring, cross ..., 2 of each, from scratch", train(Request(few, model="cnn", method="supervised", words=words)))
        words |= {"flip": True, "crop": 1.0}
        show("the same, from the run: the head alone", train(Request(few, words=words | {"epochs": 0}, warm_start=str(run))))
        show("the same, and then thawed", train(Request(few, words=words, warm_start=str(run))))


if __name__ == "__main__":
    main()
