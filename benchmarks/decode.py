"""Decoding and resizing 1,000 photos of 640 x 480 pixels: ours beside Pillow in a DataLoader with two workers, by turns.

    python benchmarks/decode.py FLOWERS_FOLDER [--rounds 5] [--photos 1000]

The photos are mosaics of real ones (5 x 4 photos of 128 pixels, cut to 640 x 480, JPEG of quality 90), so that they have
the detail of photos. All end as (N, 3, 128, 128) bytes of the middle square. Ours ends in a cache file that is flushed to disk;
the peers end in a tensor. `draft` is Pillow asked to use the JPEG's scaled decoding, which few programs do.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image as pil
from torch.utils.data import DataLoader, Dataset

from lamina.core.spec import Image
from lamina.data.files import Folder
from lamina.data.photo_cache import photos

SIDE, WORKERS = 128, 2


class WithPillow(Dataset):
    """What most programs do: open, convert, crop to the middle square, resize."""

    def __init__(self, folder: Path, draft: bool) -> None:
        self.files, self.draft = sorted(folder.iterdir()), draft

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, place: int) -> torch.Tensor:
        with pil.open(self.files[place]) as opened:
            if self.draft:
                opened.draft("RGB", (SIDE, SIDE))
            picture = opened.convert("RGB")
        short = min(picture.size)
        left, top = (picture.width - short) // 2, (picture.height - short) // 2
        picture = picture.resize((SIDE, SIDE), pil.Resampling.BILINEAR, (left, top, left + short, top + short))
        return torch.from_numpy(np.asarray(picture).transpose(2, 0, 1).copy())


def peer(folder: Path, draft: bool) -> torch.Tensor:
    return torch.cat(list(DataLoader(WithPillow(folder, draft), batch_size=64, num_workers=WORKERS)))


def ours(folder: Path) -> torch.Tensor:
    with tempfile.TemporaryDirectory() as cache:
        os.environ["LAMINA_CACHE"] = cache
        files, image = Folder(folder), Image(channels=3, height=SIDE, width=SIDE, fit="crop")
        return photos(files, files.listing.entries, "benchmark", lambda: image).pictures


def make(flowers: Path, folder: Path, count: int) -> None:
    """Mosaics of real photos."""
    some = [np.asarray(pil.open(file).convert("RGB").resize((128, 128))) for file in sorted(flowers.rglob("*.jpg"))[:1000]]
    random = np.random.default_rng(0)
    for number in range(count):
        chosen = random.choice(len(some), (4, 5))
        mosaic = np.concatenate([np.concatenate([some[i] for i in row], 1) for row in chosen])[:480]
        pil.fromarray(mosaic).save(folder / f"{number:05d}.jpg", quality=90)


def seconds(job: Callable[[], torch.Tensor]) -> tuple[float, float, torch.Tensor]:
    """By the clock, of all processors, and the pictures. On a machine that others use only the processors' seconds can be compared."""
    began, before = time.perf_counter(), os.times()
    found = job()
    after = os.times()
    return time.perf_counter() - began, sum(after[:4]) - sum(before[:4]), found


def main() -> None:
    """One line a round, then one JSON line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("flowers", type=Path)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--photos", type=int, default=1000)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make(asked.flowers, folder, asked.photos)
        size = sum(file.stat().st_size for file in folder.iterdir()) / asked.photos
        rounds: list[dict[str, float]] = []
        for _ in range(asked.rounds):
            jobs = {"ours": lambda: ours(folder), "pillow": lambda: peer(folder, False), "draft": lambda: peer(folder, True)}
            told = {name: seconds(job) for name, job in jobs.items()}
            apart = (told["ours"][2].int() - told["pillow"][2].int()).abs().float().mean().item()
            rounds.append({f"{name} {unit}": told[name][k] for name in told for k, unit in enumerate(("clock", "cpu"))})
            print({name: round(time, 2) for name, time in rounds[-1].items()}, f"mean difference {apart:.2f} grey levels", flush=True)
    ratios = {f"{name} {unit}": median(one[f"{name} {unit}"] / one[f"ours {unit}"] for one in rounds)
              for name in ("pillow", "draft") for unit in ("clock", "cpu")}
    print(json.dumps({"rounds": rounds, "ratios": ratios, "bytes_a_photo": size, "apart": apart}))


if __name__ == "__main__":
    main()
