"""What photos without masks gain: CamVid with a tenth of its training masks, the other photos in `unlabelled`.

    python benchmarks/semi.py --data ../shared/data                  plain, and `--method pseudo_label`; as many steps each, seed 0
    python benchmarks/semi.py --data ../shared/data --seeds 3        more words go to both: epochs=100 loop.threads=1

Every tenth photo of the official training split has its mask. Validation and test are the official ones; both trainings see the same
labelled photos in the same order. One line a run, then the medians and the gain.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from statistics import median

EVERY = 10  # photos, of which the first has its mask
METHODS = {"plain": [], "pseudo_label": ["--method", "pseudo_label"]}


def main() -> None:
    """Make the folder, train both ways."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", type=Path, required=True)
    words.add_argument("--seeds", type=int, default=1)
    words.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    asked, more = words.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        street = thinned(asked.data / "camvid", Path(folder) / "street")
        found = {name: [train(street, name, seed, more) for seed in range(asked.seeds)] for name in asked.methods}
    middle = {name: median(row["mean_iou"] for row in rows) for name, rows in found.items()}
    print(json.dumps({"median": middle, "gain": middle.get("pseudo_label", 0) - middle.get("plain", 0), "rows": found}))


def thinned(source: Path, street: Path) -> Path:
    """CamVid with the masks of every tenth training photo."""
    with zipfile.ZipFile(next(source.glob("*.zip"))) as packed:
        packed.extractall(street)
    (street / "unlabelled").mkdir()
    for place, photo in enumerate(sorted((street / "train").iterdir())):
        if place % EVERY:
            shutil.move(photo, street / "unlabelled" / photo.name)
            next((street / "trainannot").glob(f"{photo.stem}.*")).unlink()
    return street


def train(street: Path, name: str, seed: int, more: list[str]) -> dict[str, float]:
    """One `lamina train`, as a user types it."""
    words = ["train", str(street), "data.ignore=11", *METHODS[name], *more, "--seed", str(seed), "--json"]
    done = subprocess.run([sys.executable, "-m", "lamina.cli", *words, "--out", f"{street}-{name}{seed}"], capture_output=True, text=True,
                          check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    row = {figure: found["metrics"][figure] for figure in ("mean_iou", "accuracy", "boundary_f")} | {"cpu_seconds": found["cpu_seconds"]}
    row |= {"low": found["intervals"]["mean_iou"][0], "high": found["intervals"]["mean_iou"][1]} if "intervals" in found else {}
    print(f"  {name} seed {seed}: {row}", file=sys.stderr, flush=True)
    return row


if __name__ == "__main__":
    main()
