"""Boxes and masks as a user trains them: blood cells, driving scenes and scenes of digits, whole commands in processes of their own.

    python benchmarks/scenes.py --data ../shared/data                                   every job, seed 0
    python benchmarks/scenes.py --data ../shared/data --jobs bccd --seeds 3             more words go to `lamina train`: loop.threads=1
    python benchmarks/scenes.py --smooth RUN --data ../shared/data                      what smoothing gains on CamVid's drive `val`

Official parts: BCCD's lists in ImageSets, CamVid's folders. `--smooth`: frames of `val` in their order; the share of the last frame's
probabilities that is kept is chosen on three of four contiguous folds and judged on the fourth. The gain is of the mean IoU over
the whole drive; RUN must not have chosen anything on `val`, or the figures are of a split that it knows: this is said beside them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from statistics import median
from typing import Any

import torch

from lamina.core.data import Split
from lamina.metrics.masks import Masks
from lamina.verbs.trained import open_run

JOBS = {
    "bccd": ["bccd/bccd.zip"], "bccd_frcnn": ["bccd/bccd.zip", "--model", "faster_rcnn"], "camvid": ["camvid", "data.ignore=11"],
    "digit_boxes": ["digit_scenes"], "digit_masks": ["digit_scenes", "masks=true"],
}  # fmt: skip
FIGURES = ("AP", "AP50", "AP75", "mean_iou", "accuracy")
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8)
FOLDS = 4


def main() -> None:
    """One line a run, then the medians."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", type=Path, required=True)
    words.add_argument("--jobs", nargs="+", default=list(JOBS), choices=list(JOBS))
    words.add_argument("--seeds", type=int, default=1)
    words.add_argument("--smooth", type=Path)
    asked, more = words.parse_known_args()
    if asked.smooth is not None:
        print(json.dumps(smoothing(asked.smooth)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for job in asked.jobs:
            rows = [train(job, asked.data, seed, Path(folder), more) for seed in range(asked.seeds)]
            figures = {name: median(row[name] for row in rows) for name in rows[0]}
            print(json.dumps({"job": job, "median": figures, "rows": rows}), flush=True)


def train(job: str, data: Path, seed: int, folder: Path, more: list[str]) -> dict[str, float]:
    """One `lamina train`, as a user types it."""
    first, *rest = JOBS[job]
    place = unpacked(data / first, folder) if first == "camvid" else data / first if (data / first).exists() else Path(first)
    words = ["train", str(place), *rest, *more, "--seed", str(seed), "--out", str(folder / f"{job}{seed}"), "--json"]
    done = subprocess.run([sys.executable, "-m", "lamina.cli", *words], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    row = {name: found["metrics"][name] for name in FIGURES if name in found["metrics"]}
    row |= {"seconds": found["seconds"], "cpu_seconds": found["cpu_seconds"]}
    print(f"  {job} seed {seed}: {row}", file=sys.stderr, flush=True)
    return row


def unpacked(data: Path, folder: Path) -> Path:
    """The folder of a zip that lies in `data`, unpacked once."""
    place = folder / data.name
    if not place.exists():
        with zipfile.ZipFile(next(data.glob("*.zip"))) as packed:
            packed.extractall(place)
    return place


def smoothing(run: Path) -> dict[str, Any]:
    """Mean IoU of the validation drive without and with smoothing, the share chosen on the other folds."""
    trained = open_run(run)
    split = trained.data().valid
    said = probabilities(trained.predictor, split)  # (N, K, h, w)
    folds = torch.arange(len(split)) * FOLDS // len(split)
    truth = split.batch(torch.arange(len(split)))["y"]
    classes = {share: smoothed(said, share) for share in SHARES}

    def judged(share: float, rows: torch.Tensor) -> float:
        found = Masks(said.shape[1])
        found.update(classes[share][rows].long(), truth[rows])
        return found.value()["mean_iou"]

    chosen = [max(SHARES, key=lambda share: judged(share, folds != fold)) for fold in range(FOLDS)]
    kept = Masks(said.shape[1])
    kept.update(torch.cat([classes[share][folds == fold] for fold, share in enumerate(chosen)]).long(), truth)
    everything = folds >= 0
    return {"frames": len(split), "plain": judged(0.0, everything), "chosen": chosen, "smoothed": kept.value()["mean_iou"],
            "each share": {share: judged(share, everything) for share in SHARES}}


def probabilities(predictor: Any, split: Split) -> torch.Tensor:
    parts = torch.arange(len(split)).split(8)
    return torch.cat([predictor(split.batch(some)["x"]).softmax(1).half() for some in parts])


def smoothed(said: torch.Tensor, share: float) -> torch.Tensor:
    """Classes (N, h, w) of probabilities that keep `share` of those before."""
    classes, before = [], said[0].float()
    for one in said:
        before = share * before + (1 - share) * one.float()
        classes.append(before.argmax(0).byte())
    return torch.stack(classes)


if __name__ == "__main__":
    main()
