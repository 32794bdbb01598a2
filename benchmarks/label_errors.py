"""Labels of Fashion-MNIST flipped on purpose, and how early the ranking of `lamina look RUN` finds them, beside cleanlab's on the
same out-of-sample probabilities.

    pip install --target peer --no-deps cleanlab tqdm termcolor pandas python-dateutil pytz six tzdata
    PYTHONPATH=peer python benchmarks/label_errors.py --data ../shared/data/fashion_mnist            three seeds: the stated figures
    ... --apart            features of two networks, each asked about the half that it was not trained on

A seed decides which labels are flipped and to what, the network's first weights and the folds. The figure is the average precision
of the ranking with the flipped rows as what is sought.
"""

import argparse
import gzip
import json
import time
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from sklearn.metrics import average_precision_score

from lamina.core.data import Data
from lamina.core.spec import Classes, Spec
from lamina.data.arrays import ArraySplit, Given, cut
from lamina.data.manner import manner_of
from lamina.oversight import label_errors
from lamina.oversight.features import Features
from lamina.oversight.rows import Rows
from lamina.verbs.request import Request
from lamina.verbs.train import train

CLASSES, SHARE = 10, 0.05


def main() -> None:
    """One line a seed, then one JSON line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", type=Path, required=True)
    words.add_argument("--seeds", type=int, default=3)
    words.add_argument("--first-seed", type=int, default=0)
    words.add_argument("--epochs", type=float, default=1.0)
    words.add_argument("--apart", action="store_true")
    words.add_argument("--rows", type=int, default=60_000)
    asked = words.parse_args()
    told = []
    for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
        told.append(one(asked, seed))
        print("  ".join(f"{k} {v:.4f}" for k, v in told[-1].items()), flush=True)
    print(json.dumps({k: {"mean": mean(t[k] for t in told), "each": [t[k] for t in told]} for k in told[0]}))


def one(asked: Any, seed: int) -> dict[str, float]:
    """Average precisions of ours and cleanlab's rankings for one seed."""
    x, true = pictures(asked.data, asked.rows)
    random = np.random.default_rng(seed)
    flipped = random.random(len(true)) < SHARE
    s = np.where(flipped, (true + random.integers(1, CLASSES, len(true))) % CLASSES, true)
    began = time.perf_counter()
    features = apart(x, s, asked, seed) if asked.apart else seen(x, s, x, asked, seed)
    trained = time.perf_counter()
    p = label_errors.out_of_sample(features, s, CLASSES)
    judged = time.perf_counter()
    found = {
        "ours": average_precision_score(flipped, label_errors.suspicion(p, s)),
        "head accuracy": float((p.argmax(1) == true).mean()), "network s": trained - began, "five folds s": judged - trained,
    }  # fmt: skip
    doubts = [doubt.row for doubt in label_errors.doubts(p, s)]
    found |= {"doubts": len(doubts), "of them flipped": flipped[doubts].mean(), "flipped found": flipped[doubts].sum() / flipped.sum()}
    return found | peers(p, s, flipped)


def peers(p: np.ndarray, s: np.ndarray, flipped: np.ndarray) -> dict[str, float]:
    """cleanlab's rankings, its default first."""
    from cleanlab.rank import get_label_quality_scores

    ways = [("self_confidence", False), ("self_confidence", True), ("normalized_margin", False), ("normalized_margin", True),
            ("confidence_weighted_entropy", False)]  # fmt: skip
    return {f"cleanlab {way}{' adjusted' if adjusted else ''}": average_precision_score(
        flipped, -get_label_quality_scores(s, p, method=way, adjust_pred_probs=adjusted)) for way, adjusted in ways}  # fmt: skip


def seen(x: torch.Tensor, s: np.ndarray, wanted: torch.Tensor, asked: Any, seed: int) -> np.ndarray:
    """Features of `wanted` by a network that was trained on (x, s), as `lamina train` would."""
    rows = ArraySplit(x, torch.from_numpy(s))
    spec = Spec(input=manner_of(x), target=Classes(names=tuple("0123456789")))
    data = cut("flipped", spec, rows, seed, Given(test=rows.part(torch.arange(1000))))
    outcome = train(Request(data, seed=seed, words={"epochs": asked.epochs, "threads": 1}))
    asking = ArraySplit(wanted, torch.zeros(len(wanted), dtype=torch.int64))
    nothing = asking.part(torch.arange(0))
    return Features(outcome.predictor, Rows(Data("asked", data.spec, asking, nothing, nothing)), len(wanted)).all()


def apart(x: torch.Tensor, s: np.ndarray, asked: Any, seed: int) -> np.ndarray:
    """Features of each half by a network of the other half. The two see differently, so each has columns of its own."""
    half = np.random.default_rng(seed + 100).permutation(len(s)) % 2
    first, second = (np.flatnonzero(half == side) for side in (0, 1))
    parts = [seen(x[other], s[other], x[mine], asked, seed) for mine, other in ((first, second), (second, first))]
    found = np.zeros((len(s), 2 * parts[0].shape[1]), np.float32)
    found[first, : parts[0].shape[1]], found[second, parts[0].shape[1] :] = parts
    return found


def pictures(folder: Path, rows: int) -> tuple[torch.Tensor, np.ndarray]:
    """The training pictures (N, 1, 28, 28) uint8 and their classes."""
    read = {name: gzip.decompress((folder / f"train-{name}.gz").read_bytes()) for name in ("images-idx3-ubyte", "labels-idx1-ubyte")}
    x = np.frombuffer(bytearray(read["images-idx3-ubyte"]), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    return torch.from_numpy(x)[:rows], np.frombuffer(read["labels-idx1-ubyte"], np.uint8, offset=8).astype(np.int64)[:rows]


if __name__ == "__main__":
    main()
