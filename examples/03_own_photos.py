"""Photos of your own: look first, train, read the verdict, and ask about new photos; what is no photo is said.

The photos are drawn here, with faults that folders of photos have. On the command line the same is
    lamina look photos/          lamina train photos/          lamina predict RUN new.jpg --why          lamina report RUN
"""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import lamina as lm

random = np.random.default_rng(0)
SIDE = 24


def photo(tilted: bool) -> Image.Image:
    """A bright bar on a dark, noisy ground: lying or standing, anywhere."""
    pixels = random.integers(0, 90, (SIDE, SIDE, 3))
    at, long = random.integers(3, SIDE - 6), random.integers(12, SIDE)
    pixels[at : at + 4, :long] += random.integers(60, 160)
    return Image.fromarray((pixels.transpose(1, 0, 2) if tilted else pixels).astype(np.uint8))


with tempfile.TemporaryDirectory() as folder:
    os.environ["LAMINA_CACHE"] = folder + "/cache"  # where decoded photos are kept; the user's own cache if left out
    photos = Path(folder) / "photos"
    for name in ("lying", "standing"):
        (photos / name).mkdir(parents=True)
        for i in range(150):
            photo(name == "standing").save(photos / name / f"{i:03}.jpg", quality=95)
    (photos / "lying" / "150.jpg").write_bytes((photos / "lying" / "007.jpg").read_bytes())  # the same photo twice
    (photos / "standing" / "007.jpg").write_bytes((photos / "lying" / "007.jpg").read_bytes())  # and once with another answer
    (photos / "lying" / "broken.jpg").write_bytes(b"half a photo")

    print(lm.look(photos))  # nothing is trained: what it is, which questions it can answer, what is wrong

    data = lm.load(str(photos))
    run = Path(folder) / "run"
    model = lm.Model("cnn", epochs=8, batch=32, flip=True, threads=1).fit(data, out=run, quiet=True)
    print(json.loads((run / "result.json").read_text())["verdict"]["sentence"])

    photo(tilted=True).save(Path(folder) / "new.jpg")
    print(model.predict(Path(folder) / "new.jpg"))
    print(f"the whole story: {(run / 'report.html').name}, {(run / 'report.html').stat().st_size // 1000} kB")
