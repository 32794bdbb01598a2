"""Planted leaks: 50 exact and 50 re-compressed, slightly cropped copies of training photos among the test photos of flowers.

    python benchmarks/leaks.py FLOWERS_FOLDER [--seeds 3]

FLOWERS_FOLDER has `train` and `val`. False alarms: photos in a pair that was not planted, as a share of all photos; the pairs
that the set itself holds (there before anything is planted, and looked at by eye: results/photos.md) are counted apart.
"""

import argparse
import io
import json
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image as pil

from lamina.data.duplicates import pairs

EXACT, NEAR, MOST_CUT = 50, 50, 0.05  # share of a side that is cut off at most at each end


def load(folder: Path) -> torch.Tensor:
    """(N, 3, 128, 128) bytes."""
    some = [np.asarray(pil.open(file).convert("RGB").resize((128, 128))) for file in sorted(folder.rglob("*.jpg"))]
    return torch.from_numpy(np.stack(some)).permute(0, 3, 1, 2).contiguous()


def spoiled(picture: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    """The same photo, slightly cropped, at its old size again, compressed at a quality of 40 to 80."""
    left, top, right, bottom = (round(cut * 128) for cut in random.uniform(0, MOST_CUT, 4))
    cropped = pil.fromarray(picture.permute(1, 2, 0).numpy()).crop((left, top, 128 - right, 128 - bottom))
    out = io.BytesIO()
    cropped.resize((128, 128), pil.Resampling.BICUBIC).save(out, "JPEG", quality=int(random.integers(40, 81)))
    return torch.from_numpy(np.asarray(pil.open(out)).copy()).permute(2, 0, 1)


def one(pictures: torch.Tensor, own: set[tuple[int, int]], trained: int, seed: int) -> dict[str, float]:
    """Plant, search, count."""
    random = np.random.default_rng(seed)
    chosen = random.choice(trained, EXACT + NEAR, replace=False)
    copies = [pictures[i] if k < EXACT else spoiled(pictures[i], random) for k, i in enumerate(chosen.tolist())]
    began = time.perf_counter()
    found = {(pair.first, pair.second) for pair in pairs(torch.cat([pictures, torch.stack(copies)]))}
    seconds = time.perf_counter() - began
    origin = {len(pictures) + k: int(i) for k, i in enumerate(chosen)}
    hits = {b for a, b in found if origin.get(b) == a}
    true = {(a, b) for a, b in found if origin.get(a, a) == origin.get(b, b)}
    same = {(min(x, y), max(x, y)) for x, y in own}
    rest = {(a, b) for a, b in found - true if tuple(sorted((origin.get(a, a), origin.get(b, b)))) not in same}
    alarmed = {row for pair in rest for row in pair}
    exact = sum(row < len(pictures) + EXACT for row in hits)
    share = len(alarmed) / len(pictures)
    return {"exact": exact, "near": len(hits) - exact, "false": len(alarmed), "false_share": share, "seconds": seconds}


def main() -> None:
    """One line a seed, then one JSON line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("flowers", type=Path)
    words.add_argument("--seeds", type=int, default=3)
    asked = words.parse_args()
    train, held = load(asked.flowers / "train"), load(asked.flowers / "val")
    pictures = torch.cat([train, held])
    own = {(pair.first, pair.second) for pair in pairs(pictures)}
    print(f"{len(pictures)} photos, {len(own)} pairs of their own, {sum(a < len(train) <= b for a, b in own)} of them across train and val")
    told = [one(pictures, own, len(train), seed) for seed in range(asked.seeds)]
    for line in told:
        print(line)
    print(json.dumps({"own": len(own), "seeds": told}))


if __name__ == "__main__":
    main()
