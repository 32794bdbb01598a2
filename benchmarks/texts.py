"""The default network on SST-2 and IMDB beside TF-IDF + logistic regression, on the official test split.

    python benchmarks/texts.py ../shared/data/sst2 --seeds 3
    python benchmarks/texts.py ../shared/data/imdb --seeds 1

Each seed is one `lamina train` as a user types it, in a process of its own; the figures are those that it states, and the
difference is taken row by row on the same test rows.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median


def main() -> None:
    """One line a seed, then one JSON line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("data", type=Path)
    words.add_argument("knobs", nargs="*")
    words.add_argument("--seeds", type=int, default=3)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [run(asked.data, seed, asked.knobs, Path(folder)) for seed in range(asked.seeds)]
    print(json.dumps({"data": asked.data.name, "accuracy": median(row["accuracy"] for row in rows), "rows": rows}))


def run(data: Path, seed: int, knobs: list[str], folder: Path) -> dict[str, float]:
    """One training; its figures and those of the rivals."""
    words = [sys.executable, "-m", "lamina.cli", "train", str(data), *knobs, "--seed", str(seed), "--out", str(folder / str(seed)), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    print("\n".join(line for line in done.stderr.splitlines() if "baseline" in line or "verdict" in line or "test" in line), flush=True)
    figures = {name: found["metrics"]["accuracy"] for name, found in told["baselines"].items()}
    row = {"seed": seed, "accuracy": told["metrics"]["accuracy"], "valid": told["valid"]["accuracy"], **figures}
    return row | {"seconds": told["seconds"], "cpu_seconds": told["cpu_seconds"]}


if __name__ == "__main__":
    main()
