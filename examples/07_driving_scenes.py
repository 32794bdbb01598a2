"""Driving scenes: which class is every pixel of? A clip goes in, a coloured clip comes out.

Runs without a network in some twenty seconds on streets that it draws. For your own frames and masks the same is
lamina train street/        then        lamina predict RUN drive.mp4 --smooth 0.5
"""

import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lamina.data.film import Writer
from lamina.verbs.predict import Wish, predict
from lamina.verbs.request import Request
from lamina.verbs.train import train

HEIGHT, WIDTH, FRAMES = 48, 64, 40
NAMES = ("sky", "road", "car")
INKS = np.array([(150, 180, 220), (90, 90, 95), (190, 40, 40)])


def street(place: float, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A frame (H, W, 3) with a car at `place` 0 to 1, and its mask (H, W)."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    horizon = int(HEIGHT * random.uniform(0.35, 0.5))
    mask[horizon:] = 1
    left, top = int(place * (WIDTH - 16)), horizon + int(random.uniform(2, 10))
    mask[top : top + 9, left : left + 16] = 2
    noise = random.normal(0, 14, (HEIGHT, WIDTH, 3))
    return (INKS[mask] + noise).clip(0, 255).astype(np.uint8), mask


def write(folder: Path) -> Path:
    random = np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for n in range(FRAMES):
        frame, mask = street(random.random(), random)
        Image.fromarray(frame).save(folder / f"images/{n:03}.png")
        Image.fromarray(mask).save(folder / f"masks/{n:03}.png")
    (folder / "classes.txt").write_text("\n".join(NAMES))
    return folder


def drive(file: Path) -> Path:
    """A clip of a car that passes."""
    random = np.random.default_rng(1)
    with Writer(file, Fraction(10)) as film:
        for n in range(20):
            film.add(street(n / 20, random)[0])
    return file


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        data, run = write(Path(place) / "street"), Path(place) / "run"
        words = {"epochs": 12, "batch": 4, "threads": 1, "depth": 2, "width": 8, "learning_rate": 3e-3}
        found = train(Request(str(data), model="unet", words=words, out=run))
        print(f"test:   mean IoU {found.test.metrics['mean_iou']:.2f}")
        for name, row in zip(NAMES, found.test.details["per_class"], strict=True):
            print(f"        {name:<6}{row['iou']:.2f}")
        for answer in predict(run, [str(drive(Path(place) / "drive.mp4"))], Wish(smooth=0.3)):
            print(f"clip:   {answer.prediction.to_json()['frames']} frames coloured to {Path(answer.prediction.to_json()['video']).name}")


if __name__ == "__main__":
    main()
