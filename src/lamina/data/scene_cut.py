"""Photos with boxes or masks as train, validation and test: by the parts that are given, else cut without leaks."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from lamina.core.data import Data
from lamina.core.spec import Image, Spec
from lamina.data.arrays import Divisible, Given, cut
from lamina.data.duplicates import Pair
from lamina.data.files import Entry, Files
from lamina.data.parts import parted
from lamina.data.parts import told as parts_told
from lamina.data.photo_cache import Photos, photos
from lamina.data.photo_twins import grouped, named, told, twins

MOST_ALIKE = 0.5  # share of the photos that one group of near duplicates may hold
ONE_CAMERA = ("most photos look nearly alike, as of one camera: only exact copies stay on one side of a cut, so that the test may be "
              "easier than new places will be")  # fmt: skip


def decoded(files: Files, used: Sequence[Entry], image: Image) -> Photos:
    """The photos on their canvas."""
    return photos(files, used, f"scenes {image.model_dump_json()}", lambda: image)


def cut_scenes(spec: Spec, rows: Divisible, read: Photos, part: Sequence[str], parts_by: str, seed: int) -> Data:
    """The rows, those of `read`, with the part of each; `meaning` is what is said of the cut. The name is for the reader to give."""
    same = twins(read)
    groups, lines = _together(same, read.names)
    parts = parted(rows, part)
    given = Given(parts.get("valid"), parts.get("test"), groups[torch.tensor([one == "train" for one in part])])
    data = cut("", spec, parts["train"], seed, given)
    return replace(data, meaning=(*parts_told(part, parts_by), *told(same, part, [0] * len(part)), *lines), twins=named(same, read.names))


def _together(same: Sequence[Pair], names: Sequence[str]) -> tuple[torch.Tensor, list[str]]:
    """(N,) int64: photos that stay together share a number; and what is said of it.

    Where one camera sees one place all photos are nearly alike, and what moves in it is what matters: only copies stay together then."""
    groups = grouped(same, names, {})
    if int(groups.bincount().max()) <= MOST_ALIKE * len(names):
        return groups, []
    return grouped([pair for pair in same if pair.kind == "exact"], names, {}), [ONE_CAMERA]
