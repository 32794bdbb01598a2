"""Small pictures from scratch by the default: Fashion-MNIST and CIFAR-10, beside a linear machine on HOG features.

    python benchmarks/small_pictures.py                                  both sets, seeds 0 to 2
    python benchmarks/small_pictures.py --sets cifar10 --seeds 1         more words go to `lamina train`: quality=best
    python benchmarks/small_pictures.py --rival                          only HOG and the linear support vector machine

Each training is `lamina train SET` in a process of its own; data come from the user's cache. HOG (Dalal & Triggs
2005): gradients in 8 directions, counted in cells of 4x4 pixels, blocks of 2x2 cells scaled to length one.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from sklearn.svm import LinearSVC

from lamina.core.data import Split
from lamina.verbs.data import load_data

SETS = ("fashion_mnist", "cifar10")
DIRECTIONS, CELL = 8, 4
FIGURES = ("accuracy", "valid", "seconds", "cpu_seconds")


def main() -> None:
    """One line a run, then the medians."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    words.add_argument("--seeds", type=int, default=3)
    words.add_argument("--rival", action="store_true")
    asked, more = words.parse_known_args()
    for name in asked.sets:
        print(f"{name}, HOG and a linear support vector machine: {rival(name)}", flush=True)
        if not asked.rival:
            with tempfile.TemporaryDirectory() as folder:
                rows = [train(name, seed, Path(folder), more) for seed in range(asked.seeds)]
            print(f"{name}, lamina train, median of {asked.seeds}: { {k: median(row[k] for row in rows) for k in FIGURES} }", flush=True)
            print(json.dumps({"set": name, "words": more, "rows": rows}), flush=True)


def train(name: str, seed: int, folder: Path, more: list[str]) -> dict[str, float]:
    """One `lamina train`, as a user types it."""
    words = ["train", name, *more, "--seed", str(seed), "--out", str(folder / str(seed)), "--json"]
    done = subprocess.run([sys.executable, "-m", "lamina.cli", *words], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    row = {"accuracy": found["metrics"]["accuracy"], "valid": found["valid"]["accuracy"]}
    row |= {key: found[key] for key in ("seconds", "cpu_seconds")}
    print(f"  seed {seed}: {row}", file=sys.stderr, flush=True)
    return row


def rival(name: str) -> dict[str, float]:
    """Test accuracy of the linear machine on HOG; its strength is chosen on the validation split."""
    started = time.perf_counter()
    data = load_data(name, {}, 0)
    (x, y), (xv, yv), (xt, yt) = (features(split) for split in (data.train, data.valid, data.test))
    machines = {c: LinearSVC(C=c, dual=False, tol=1e-2).fit(x, y) for c in (0.03, 0.3)}
    best = max(machines.values(), key=lambda machine: machine.score(xv, yv))
    return {"accuracy": float(best.score(xt, yt)), "seconds": round(time.perf_counter() - started, 1)}


def features(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """HOG of every picture (N, F) float32, and the classes (N,)."""
    batch = split.batch(torch.arange(len(split)))
    return np.concatenate([hog(part.numpy()) for part in batch["x"].split(2000)]), batch["y"].numpy()


def hog(x: np.ndarray) -> np.ndarray:
    """Pictures (N, C, H, W) uint8 as (N, F): of several channels the gradient that is longest counts."""
    dy, dx = np.gradient(np.sqrt(x.astype(np.float32)), axis=(2, 3))
    length = np.hypot(dy, dx)
    strongest = length.argmax(1)[:, None]
    dy, dx, length = (np.take_along_axis(part, strongest, 1)[:, 0] for part in (dy, dx, length))  # (N, H, W)
    place = np.arctan2(dy, dx) % np.pi / np.pi * DIRECTIONS
    low, share = np.floor(place).astype(int), place % 1
    counted = np.zeros((*length.shape, DIRECTIONS), np.float32)
    for direction, weight in ((low, 1 - share), (low + 1, share)):
        np.put_along_axis(counted, (direction % DIRECTIONS)[..., None], (length * weight)[..., None], -1)
    n, height, width = length.shape
    cells = counted[:, : height // CELL * CELL, : width // CELL * CELL]
    cells = cells.reshape(n, height // CELL, CELL, width // CELL, CELL, DIRECTIONS).sum((2, 4))
    blocks = np.concatenate([cells[:, :-1, :-1], cells[:, 1:, :-1], cells[:, :-1, 1:], cells[:, 1:, 1:]], -1)
    return (blocks / np.sqrt((blocks**2).sum(-1, keepdims=True) + 1)).reshape(n, -1)


if __name__ == "__main__":
    main()
