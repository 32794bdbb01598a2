"""What the made scenes of digits promise: boxes and masks are exact and say the same, no digit is in two parts, always the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lamina.core.data import Data
from lamina.core.errors import DataError
from lamina.core.spec import Boxes, Image, Mask
from lamina.data.box_split import BoxSplit
from lamina.data.catalog import digit_scenes as made
from lamina.data.catalog import mnist
from lamina.data.mask_split import MaskSplit
from lamina.tasks import TASKS, scene_recipes
from lamina.verbs.request import Request
from lamina.verbs.setup import prepare

FEW = {"train": 40, "valid": 10, "test": 20}


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few pictures, and no MNIST."""

    def absent(config: Any, seed: int) -> Data:
        raise DataError("a source of `mnist` that answers", "none", "Check the network.")

    monkeypatch.setattr(made, "SIZES", FEW)
    monkeypatch.setattr(mnist, "mnist", absent)


def load(masks: bool = False, seed: int = 0, **knobs: Any) -> Data:
    return made.digit_scenes(made.Config(masks=masks, **knobs), seed)


def every(split: Any) -> Any:
    return split.batch(torch.arange(len(split)))


def test_the_spec_is_true_to_the_tensors() -> None:
    boxes, masks = load(), load(masks=True)
    assert boxes.spec.input == masks.spec.input == Image(channels=3, height=128, width=128, fit="pad")
    assert boxes.spec.target == Boxes(names=tuple("0123456789"))
    assert isinstance(masks.spec.target, Mask)
    assert masks.spec.target.names == ("ground", *"0123456789")
    assert len(set(masks.spec.target.colours)) == 11
    for part, one, other in zip(FEW, (boxes.train, boxes.valid, boxes.test), (masks.train, masks.valid, masks.test), strict=True):
        assert len(one) == len(other) == FEW[part]
        assert isinstance(one, BoxSplit)
        assert isinstance(other, MaskSplit)
        assert torch.equal(every(one)["x"], every(other)["x"])
        assert every(one)["x"].dtype == torch.uint8
        assert tuple(every(one)["x"].shape) == (FEW[part], 3, 128, 128)
        assert set(every(other)["y"].unique().tolist()) <= set(range(11))
    assert boxes.account.used == sum(FEW.values())


def test_boxes_are_exact_and_masks_say_the_same() -> None:
    told, painted = every(load().train), every(load(masks=True).train)["y"]
    count = told["box_image"].bincount(minlength=FEW["train"])
    assert count.min() >= 1
    assert count.max() <= made.Config().most
    inside = torch.zeros_like(painted, dtype=torch.bool)
    boxes, images, digits = (told[key].int().tolist() for key in ("boxes", "box_image", "box_class"))
    for (x0, y0, x1, y1), image, digit in zip(boxes, images, digits, strict=True):
        assert 0 <= x0 < x1 <= 128
        assert 0 <= y0 < y1 <= 128
        here = painted[image, y0:y1, x0:x1] == digit + 1
        assert here.any(), "a digit that is hidden is not drawn"
        if count[image] == 1:
            assert all(edge.any() for edge in (here[0], here[-1], here[:, 0], here[:, -1])), "the box ends where the digit does"
        inside[image, y0:y1, x0:x1] |= here
    assert torch.equal(inside, painted > 0), "no pixel of a digit outside its box"


def test_the_knobs_make_them_harder() -> None:
    """Smaller, more, and lying over each other; without overlap every digit shows all of its ink."""
    hard = every(load(smallest=16, most=6, hidden=0.5).train)
    easy = every(load(smallest=40, most=2, hidden=0.0).train)
    height = {name: (one["boxes"][:, 3] - one["boxes"][:, 1]) for name, one in (("hard", hard), ("easy", easy))}
    assert height["hard"].min() < 28 < 36 <= height["easy"].min()
    assert easy["box_image"].bincount().max() == 2 < hard["box_image"].bincount().max() <= 6
    painted = every(load(masks=True, smallest=40, most=2, hidden=0.0).train)["y"]
    for image in range(FEW["train"]):
        mine = easy["box_image"] == image
        for (x0, y0, x1, y1), digit in zip(easy["boxes"][mine].int().tolist(), easy["box_class"][mine].tolist(), strict=True):
            here = painted[image, y0:y1, x0:x1] == digit + 1
            assert here.any(0).all(), "no column of an unhidden digit is without ink"


def test_digits_stand_out_from_their_ground() -> None:
    x, y = every(load(masks=True).train)["x"].float(), every(load(masks=True).train)["y"]
    grey = (x * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1)
    away = [(grey[i][y[i] > 0].mean() - grey[i][y[i] == 0].mean()).abs().item() for i in range(len(x))]
    assert np.median(away) > 40


def test_always_the_same_whatever_the_seed() -> None:
    one, again = every(load().train), every(load(seed=5).train)
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not torch.equal(one["x"][:20], every(load().test)["x"])


def test_no_digit_is_in_two_parts() -> None:
    pools, source = made.pools()
    assert source == "scikit-learn's digits"
    seen = [{picture.tobytes() for picture in pools[part].pictures} for part in FEW]
    sizes = [len(pools[part].classes) for part in FEW]
    assert sum(sizes) > 1700
    shared = len(seen[0] & seen[1]) + len(seen[0] & seen[2]) + len(seen[1] & seen[2])
    assert shared == 0


def test_a_run_of_other_digits_is_known_by_its_fingerprint() -> None:
    data = load()
    assert data.fingerprint == "scikit-learn's digits"
    assert "scikit-learn" in data.sheet


def test_with_mnist(shared_data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Train and valid use no digit twice, and the test only those of MNIST's test."""
    import gzip

    monkeypatch.undo()
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path))
    monkeypatch.setattr(made, "SIZES", {"train": 2000, "valid": 400, "test": 600})
    (tmp_path / "mnist").mkdir()
    for name in mnist.PINS:
        packed = shared_data / "mnist" / f"{name}.gz"
        if not packed.is_file():
            pytest.skip("needs shared/data/mnist")
        (tmp_path / "mnist" / name).write_bytes(gzip.decompress(packed.read_bytes()))
    pools, source = made.pools()
    assert source == "MNIST's digits"
    sizes = {part: len(pools[part].classes) for part in pools}
    assert sizes == {"train": 12_000, "valid": 48_000, "test": 10_000}
    assert all(sizes[part] >= count * made.MOST for part, count in made.SIZES.items()), "none is used twice"
    seen = [{picture.tobytes() for picture in pools[part].pictures} for part in ("train", "valid", "test")]
    assert seen[0].isdisjoint(seen[1])
    assert seen[2].isdisjoint(seen[0] | seen[1])


@pytest.mark.parametrize("seed", range(30))
def test_what_comes_later_covers_what_came_earlier_by_half_at_most(seed: int) -> None:
    """Solid squares in place of digits: the uppermost is whole, of every other at least half is to be seen, in one colour each."""
    ground, mask = np.full((3, 128, 128), 128, np.float32), np.zeros((128, 128), np.uint8)
    random = np.random.default_rng(seed)
    heights = (int(random.integers(16, made.HIGHEST + 1)) for _ in range(8))
    squares = [(made.resized(np.full((8, 8), 255, np.uint8), high, random), digit) for digit, high in enumerate(heights)]
    drawn = list(made._drawn(ground, mask, squares, 0.5, random))
    assert drawn[0][0] == 0
    for digit, (x0, y0, x1, y1) in drawn:
        seen = mask == digit + 1
        assert seen.sum() >= ((x1 - x0) * (y1 - y0) if digit == 0 else (x1 - x0) * (y1 - y0) / 2 - 1)
        assert seen[y0:y1, x0:x1].sum() == seen.sum()
        assert np.ptp(ground[:, seen], axis=1).max() < 2
    assert {digit + 1 for digit, _ in drawn} == set(np.unique(mask)) - {0}


def test_many_small_pictures_are_learned_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a network of three halvings; few of them, or another model that is asked for, as photos are."""
    few = TASKS["detect"]().choose(load(), "good")
    assert "backbone" not in few.words
    assert few.beside("faster_rcnn", "", {}) is few
    monkeypatch.setattr(scene_recipes, "MANY", FEW["train"])
    many = TASKS["detect"]().choose(load(), "good")
    assert many.words["backbone"] == "compact"
    assert many.beside("", "", {}) is many.beside("ssd", "", {"backbone": "compact"}) is many
    assert many.beside("faster_rcnn", "", {}).words == few.words
    assert many.beside("", "", {"model.backbone": "efficientnet_lite0"}).words == few.words
    setup = prepare(Request(data=load(), words={"epochs": 1}))
    assert setup.origin == "from scratch"
    assert setup.configs["model"].backbone == "compact"  # type: ignore[attr-defined]
    setup = prepare(Request(data=load(), model="faster_rcnn", words={"epochs": 1}, warm_start="none"))
    assert setup.configs["model"].backbone != "compact"  # type: ignore[attr-defined]
