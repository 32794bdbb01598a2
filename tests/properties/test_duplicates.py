"""Duplicates: what is done to a copy does not hide it, other photos are not taken for one, and groups hold together."""

import io

import numpy as np
import pytest
import torch
from PIL import Image as pil

from lamina.data.duplicates import SMALLEST, Pair, groups, groups_of, pairs
from lamina.data.overlay import SIDE, likeness


def scenes(count: int, seed: int) -> list[pil.Image]:
    """Pictures with a photo's spectrum: the amplitude falls as 1/f."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(96)[:, None], np.fft.fftfreq(96)).clip(1 / 96)
    found = []
    for _ in range(count):
        waves = np.fft.fft2(random.normal(size=(3, 96, 96))) / frequency
        picture = np.fft.ifft2(waves).real
        picture = 128 + 50 * picture / picture.std()
        found.append(pil.fromarray(picture.clip(0, 255).astype(np.uint8).transpose(1, 2, 0)))
    return found


def stack(pictures: list[pil.Image]) -> torch.Tensor:
    return torch.stack([torch.from_numpy(np.asarray(p.resize((96, 96))).copy()).permute(2, 0, 1) for p in pictures])


def compressed(picture: pil.Image) -> pil.Image:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=50)
    return pil.open(out)


CHANGES = {
    "compressed": compressed,
    "resized": lambda p: p.resize((60, 60)),
    "cropped": lambda p: p.crop((4, 1, 94, 92)),
    "stretched": lambda p: p.crop((0, 3, 96, 93)),
    "brighter": lambda p: p.point(lambda v: min(255, v * 1.2 + 10)),
    "all": lambda p: compressed(p.crop((3, 4, 93, 95)).resize((70, 70)).point(lambda v: v * 0.8)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_and_nothing_else(change: str) -> None:
    originals = scenes(60, 1)
    found = pairs(stack([*originals, *(CHANGES[change](p) for p in originals[:20])]))
    assert {(pair.first, pair.second) for pair in found} == {(i, 60 + i) for i in range(20)}
    assert {pair.kind for pair in found} == {"near"}


def test_equal_pixels_are_exact_however_small() -> None:
    random = torch.randint(0, 256, (9, 1, 8, 8), dtype=torch.uint8)
    assert pairs(random[[0, 1, 2, 1, 0, 1]]) == [Pair(0, 4, "exact", 1.0), Pair(1, 3, "exact", 1.0), Pair(1, 5, "exact", 1.0)]
    assert groups(random[[0, 1, 2, 1, 0, 1]]).tolist() == [0, 1, 2, 1, 0, 1]


def test_small_and_empty_pictures_have_no_near_duplicates() -> None:
    small = torch.full((4, 1, SMALLEST - 1, SMALLEST), 7, dtype=torch.uint8)
    small[:, 0, 0, 0] = torch.arange(4, dtype=torch.uint8)
    assert pairs(small) == []
    flat = torch.full((4, 3, 64, 64), 100, dtype=torch.uint8)
    flat[:, 0, 0, 0] = torch.arange(4, dtype=torch.uint8)
    assert pairs(flat) == []
    assert pairs(flat[:0]) == []


def test_duplicates_of_duplicates_are_one_group() -> None:
    assert groups_of([Pair(0, 3, "exact", 1.0), Pair(2, 3, "near", 0.9)], 5).tolist() == [0, 1, 0, 0, 2]


def test_pictures_overlaid_are_alike_both_ways() -> None:
    a = stack(scenes(5, 2)).float().mean(1)
    thumbs = torch.nn.functional.interpolate(a[:, None], (SIDE, SIDE), mode="area")[:, 0]
    moved = torch.nn.functional.interpolate(a[:, None, 4:92, 2:94], (SIDE, SIDE), mode="area")[:, 0]
    assert (likeness(thumbs, thumbs) > 0.999).all()
    assert (likeness(thumbs, moved) > 0.9).all()
    assert (likeness(moved, thumbs) > 0.9).all()
    assert (likeness(thumbs, moved.roll(1, 0)) < 0.5).all()
