"""Fashion-MNIST (Xiao, Rasul & Vollgraf 2017): 70,000 pictures of clothes, made to be harder than digits.

Pictures (N, 1, 28, 28) uint8, cloth up to 255 on 0; ten classes of equal size. 60,000 to train on, of which 5,000
(seeded, stratified) are held out for validation, and the official 10,000 as test. MIT licence. Checksums: `PINS`,
of the unpacked idx files. The files may be put into the cache by hand.
"""

import gzip

from lamina.core import config as knobs
from lamina.core.data import Data
from lamina.core.say import say
from lamina.core.spec import Classes, Spec
from lamina.data.arrays import Given, cut
from lamina.data.idx import rows
from lamina.data.manner import manner_of
from lamina.data.sources import Source, download, fetch

PINS = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
ADDRESS = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
NAMES = "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"


class Config(knobs.Config):
    """Fashion-MNIST has no knobs."""


def fashion_mnist(config: Config, seed: int) -> Data:
    """70,000 pictures of clothes, 28x28, ten classes."""
    found = fetch("fashion_mnist", PINS, [Source("official address", _official)], say)
    train, test = (rows(found, part) for part in ("train", "t10k"))
    spec = Spec(input=manner_of(train.x), target=Classes(names=NAMES))
    return cut("fashion_mnist", spec, train, seed, Given(test=test), "Fashion-MNIST: 60,000 + 10,000 pictures of clothes, 28x28")


def _official() -> dict[str, bytes]:
    return {name: gzip.decompress(download(f"{ADDRESS}{name}.gz")) for name in PINS}
