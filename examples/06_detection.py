"""Detection: which objects are there, and where? Boxes are read, found, judged as COCO judges them, and drawn.

Runs without a network in some twenty seconds on scenes that it draws and writes in YOLO's layout. For your own the same is
lamina train cells/        (COCO, Pascal VOC, YOLO and CSV are recognised), with a backbone that has seen ImageNet.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lamina.verbs.predict import Wish, predict
from lamina.verbs.request import Request
from lamina.verbs.train import train

SIDE, COUNT = 64, 80
INKS = {"berry": (200, 40, 60), "leaf": (50, 150, 60)}


def write(folder: Path) -> Path:
    """Photos of berries (round) and leaves (long) on a noisy ground, and a text file of boxes for each."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    (folder / "classes.txt").write_text("\n".join(INKS))
    for n in range(COUNT):
        photo, lines = random.integers(140, 180, (SIDE, SIDE, 3)).astype(np.uint8), []
        for k in random.integers(0, 2, random.integers(1, 4)):
            wide, high = (14, 14) if k == 0 else (10, 22)
            x, y = random.uniform(wide / 2, SIDE - wide / 2), random.uniform(high / 2, SIDE - high / 2)
            photo[((columns - x) / wide * 2) ** 2 + ((rows - y) / high * 2) ** 2 < 1] = list(INKS.values())[k]
            lines.append(f"{k} {x / SIDE:.4f} {y / SIDE:.4f} {wide / SIDE:.4f} {high / SIDE:.4f}")
        Image.fromarray(photo).save(folder / f"images/{n:03}.png")
        (folder / f"labels/{n:03}.txt").write_text("\n".join(lines))
    return folder


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        data, run = write(Path(place) / "garden"), Path(place) / "run"
        words = {"epochs": 20, "batch": 8, "threads": 1, "strides": "8,16", "backbone": "cnn", "learning_rate": 3e-3}
        found = train(Request(str(data), words=words, warm_start="none", out=run))
        print(f"read:     {found.setup.data.meaning[0]}")
        print(f"anchors:  {found.predictor.model.net.anchors_told}")
        figures = ", ".join(f"{name} {found.test.metrics[name]:.2f}" for name in ("AP50", "AP"))
        print(f"test:     {figures}; boxes are shown from a score of {found.judgement.threshold:.2f} on")
        for answer in predict(run, [str(data / "images/000.png")], Wish()):
            print(f"answer:   {answer.prediction}, drawn to {Path(answer.files['drawn']).name}")


if __name__ == "__main__":
    main()
