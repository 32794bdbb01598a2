"""`lamina look` on ten thousand photos, decoding included.

    python benchmarks/look.py FOLDER_OF_PHOTOS [--count 10000]

The photos are varied crops of those in FOLDER, written as JPEG of about 500 x 375 pixels in one folder a class. The decode cache
is a new one, so nothing is known beforehand. Prints wall and processor seconds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

WIDTH, HEIGHT = 500, 375


def main() -> None:
    """One JSON line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=Path)
    words.add_argument("--count", type=int, default=10_000)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make(asked.folder, Path(folder) / "photos", asked.count)
        began, before = time.perf_counter(), os.times()
        done = subprocess.run([sys.executable, "-m", "lamina.cli", "look", f"{folder}/photos", "--json", "--out", folder], check=True,
                              capture_output=True, text=True, env=os.environ | {"LAMINA_CACHE": f"{folder}/cache"})
        after = os.times()
    told = json.loads(done.stdout.splitlines()[-1])
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    print(json.dumps({"photos": sum(told["rows"].values()), "wall": time.perf_counter() - began, "cpu": cpu,
                      "problems": {problem["name"]: problem["count"] for problem in told["problems"]}}))


def make(source: Path, target: Path, count: int) -> None:
    """Crops of half to all of a photo, mirrored or not, lighter or darker."""
    random = np.random.default_rng(0)
    files = sorted(source.rglob("*.jpg"))
    for i in range(count):
        file = files[i % len(files)]
        with Image.open(file) as opened:
            photo = opened.convert("RGB")
        share = random.uniform(0.5, 0.9)
        left, top = (random.uniform(0, (1 - share) * side) for side in photo.size)
        crop = photo.crop((int(left), int(top), int(left + share * photo.width), int(top + share * photo.height)))
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else crop
        made = ImageEnhance.Brightness(crop.resize((WIDTH, HEIGHT))).enhance(random.uniform(0.7, 1.3))
        folder = target / file.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        made.save(folder / f"{i}.jpg", quality=88)


if __name__ == "__main__":
    main()
