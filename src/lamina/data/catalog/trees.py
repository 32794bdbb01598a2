"""Crowns of trees in two large aerial photos of Yellowstone at 10 cm a pixel, each crown with its box: 853 boxes of one class.

Drawn by hand for DeepForest (Weinstein et al. 2019, Individual tree-crown detection in RGB imagery) on photos of the National Ecological
Observatory Network; in deepforest 2.1.0, MIT. Of the photo of 2,299 x 2,472 pixels the lower two thirds are trained on and the upper third
is for validation; the other photo, of 1,249 x 1,035 and another place, is the test. All lie at their own scale on one canvas, the rest of
which is filled with the mean colour. A crown that the cut goes through is where its middle is. Checksums: `PINS`.

    H, W  sides of a picture, 1,648 x 2,299    M  crowns of a picture
"""

import io

import numpy as np
import torch
from PIL import Image as pil

from lamina.core import config as knobs
from lamina.core.data import Account, Data
from lamina.core.say import say
from lamina.core.spec import Boxes, Image, Spec
from lamina.data.box_files.voc import CORNERS, parsed
from lamina.data.box_split import BoxSplit, Objects
from lamina.data.fit import fitted, placement
from lamina.data.sources import Source, fetch, package_members

LARGE, OTHER = "2019_YELL_2_528000_4978000_image_crop2", "2019_YELL_2_541000_4977000_image_crop"
PINS = {
    f"{LARGE}.png": "a9bdb0f4447fdd899d22f567e0e20ba8320c5413b2ad0cd0ac8d9f3b6e0f9767",
    f"{LARGE}.xml": "bd431af6a5086d721eb731b22f5ea28cd8a8eab06883efc1c665391acbc68e11",
    f"{OTHER}.png": "178e58a23cc2642226a364a30f71bd9258ddc1b012c826f12250914a90c7a131",
    f"{OTHER}.xml": "cefe4b96888bacbf8af1674f000082e549aa707aa6590d545effb23e43f26631",
}
ARCHIVE = "deepforest==2.1.0", "8c2798d8e9be7f0004b194fe207b76c1d9fff6e711b3db67b9508dcd5d00ae54"
FOLDER = "deepforest/data/"
CUT = 1 / 3  # of the large photo's height, above which it is for validation


class Config(knobs.Config):
    """Trees have no knobs."""


def trees(config: Config, seed: int) -> Data:
    """853 crowns of trees with boxes in two large aerial photos, seen by tiles."""
    found = fetch("trees", PINS, [Source(f"package {ARCHIVE[0]}", _archive)], say)
    large, crowns = _photo(found, LARGE)
    cut = round(large.shape[1] * CUT)
    image = Image(channels=3, height=large.shape[1] - cut, width=large.shape[2], fit="keep")
    splits = {
        "train": _split(large[:, cut:], _within(crowns, cut, large.shape[1]), image, f"{LARGE}.png, from row {cut}"),
        "valid": _split(large[:, :cut], _within(crowns, 0, cut), image, f"{LARGE}.png, to row {cut}"),
        "test": _split(*_photo(found, OTHER), image, f"{OTHER}.png"),
    }
    boxes = sum(len(split.objects.classes) for split in splits.values())
    return Data("trees", Spec(input=image, target=Boxes(names=("tree",))), splits["train"], splits["valid"], splits["test"],
                f"{boxes} crowns of trees in two aerial photos of Yellowstone", Account(used=len(splits)))


def _archive() -> dict[str, bytes]:
    content = package_members(*ARCHIVE, [FOLDER + name for name in PINS])
    return {name.removeprefix(FOLDER): found for name, found in content.items()}


def _photo(found: dict[str, bytes], name: str) -> tuple[torch.Tensor, np.ndarray]:
    """A photo (3, h, w) uint8 and the boxes (M, 4) of its crowns."""
    with pil.open(io.BytesIO(found[f"{name}.png"]), formats=["PNG"]) as opened:
        pixels = np.array(opened.convert("RGB"))
    objects = parsed(found[f"{name}.xml"]).iter("object")
    crowns = [[float(one.findtext(f"bndbox/{corner}") or "nan") for corner in CORNERS] for one in objects]
    return torch.from_numpy(pixels).permute(2, 0, 1), np.array(crowns, np.float32).reshape(-1, 4)


def _within(crowns: np.ndarray, top: int, bottom: int) -> np.ndarray:
    """The boxes whose middles lie in some rows of the photo, in pixels of that part."""
    middle = (crowns[:, 1] + crowns[:, 3]) / 2
    mine = crowns[(middle >= top) & (middle < bottom)].copy()
    mine[:, 1::2] = mine[:, 1::2].clip(top, bottom) - top
    return mine


def _split(photo: torch.Tensor, crowns: np.ndarray, image: Image, where: str) -> BoxSplit:
    x = fitted(photo, image.height, image.width, image.fit)
    laid = placement((photo.shape[1], photo.shape[2]), image.height, image.width, image.fit)
    none, count = torch.zeros(1, dtype=torch.int64), torch.tensor([len(crowns)])
    objects = Objects(laid.placed(torch.from_numpy(crowns)), torch.zeros(len(crowns), dtype=torch.int64), torch.ones(len(crowns)), none,
                      count, torch.ones(1))
    return BoxSplit(x[None].contiguous(), none, objects, none, [where])
