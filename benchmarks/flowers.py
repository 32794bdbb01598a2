"""`lamina train flowers/` as a user types it: all photos, the head alone, and 20 photos a class, beside the linear rival on features.

    python benchmarks/flowers.py --data ../shared/data/flowers --seeds 3
    python benchmarks/flowers.py --data ../shared/data/flowers --jobs few --seeds 3

The folder has `train` and `val` below it, or a zip with them. Each run is a process of its own; the validation folder is the sealed test.
The figures that Lamina states stand in results/flowers.md.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from statistics import median
from typing import Any

JOBS = {"default": [], "head": ["quality=fast"], "few": []}
FEW = 20  # photos of a class
COLUMNS = ("accuracy", "linear on features", "seconds", "cpu_seconds")


def main() -> None:
    """Run the jobs asked for and print their tables."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", type=Path, required=True)
    words.add_argument("--jobs", nargs="+", default=list(JOBS), choices=list(JOBS))
    words.add_argument("--seeds", type=int, default=3)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photos = unpacked(asked.data, Path(folder))
        for job in asked.jobs:
            rows = [run(job, seed, photos, Path(folder)) for seed in range(asked.seeds)]
            print(f"\n{job}: median of {asked.seeds} seeds")
            for name in COLUMNS:
                values = [row[name] for row in rows]
                print(f"  {name:<20}{median(values):>10.4f}   {min(values):.4f} to {max(values):.4f}")
            print(json.dumps({"job": job, "rows": rows}))


def unpacked(data: Path, folder: Path) -> Path:
    """The folder that holds `train` and `val`, unpacked where the data are a zip."""
    archives = [data] if data.suffix == ".zip" else sorted(data.glob("*.zip"))
    for archive in archives:
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder / "flowers")
    places = [data, *(p.parent for p in sorted(folder.rglob("train")))]
    return next(place for place in places if (place / "train").is_dir() and (place / "val").is_dir())


def few(photos: Path, seed: int, folder: Path) -> Path:
    """The same test with `FEW` photos of each class to train on, drawn by the seed."""
    place = folder / f"few{seed}"
    shutil.copytree(photos / "val", place / "val")
    for kind in sorted((photos / "train").iterdir()):
        (place / "train" / kind.name).mkdir(parents=True)
        for photo in random.Random(seed).sample(sorted(kind.iterdir()), FEW):
            (place / "train" / kind.name / photo.name).write_bytes(photo.read_bytes())
    return place


def run(job: str, seed: int, photos: Path, folder: Path) -> dict[str, Any]:
    """One training in a process of its own, and its figures on the test."""
    data = few(photos, seed, folder) if job == "few" else photos
    words = ["train", str(data), *JOBS[job], "--seed", str(seed), "--out", str(folder / f"{job}{seed}"), "--json"]
    done = subprocess.run([sys.executable, "-m", "lamina.cli", *words], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    row = {"seed": seed, "accuracy": found["metrics"]["accuracy"], "valid": found["valid"]["accuracy"], "seconds": found["seconds"],
           "linear on features": found["baselines"]["linear on features"]["metrics"]["accuracy"], "cpu_seconds": found["cpu_seconds"]}
    print(f"  {job} {row}", file=sys.stderr, flush=True)
    return row


if __name__ == "__main__":
    main()
