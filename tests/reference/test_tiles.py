"""Large pictures by tiles: every pixel is seen, what is answered is what would be answered of the whole, once."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lamina.core.batch import Batch
from lamina.core.spec import Boxes, Image, Mask, Spec
from lamina.data import windows
from lamina.nn.scaled import Scaled
from lamina.nn.tiles import Tiles, by_tiles

SIDE = 8  # of an object, pixels


@given(st.integers(1, 300), st.integers(1, 120), st.floats(0, 0.9))
def test_tiles_cover_a_side_to_its_end(length: int, side: int, lap: float) -> None:
    tiles = Tiles(side, lap)
    starts = tiles.starts(length)
    seen = np.zeros(length, bool)
    for start in starts:
        assert start >= 0
        assert start + min(side, length) <= length
        seen[start : start + side] = True
    assert seen.all()
    shared = [a + side - b for a, b in pairwise(starts)]
    assert all(one >= int(lap * side) - 1 for one in shared)
    assert len(set(starts)) == len(starts)


@pytest.mark.parametrize("lap", [0.0, 0.25, 0.6])
def test_of_a_network_that_sees_single_pixels_nothing_changes(lap: float) -> None:
    x = torch.rand(2, 3, 50, 71)
    net = nn.Conv2d(3, 4, 1)
    assert torch.allclose(by_tiles(net, x, Tiles(20, lap)), net(x), atol=1e-6)


def test_of_one_that_looks_around_only_seams_differ() -> None:
    """With an overlap that its sight does not reach across, what the middle of a tile says weighs more than its edge."""
    x, net = torch.rand(1, 3, 64, 64), nn.Conv2d(3, 2, 5, padding=2)
    whole = net(x)
    near, far = ((by_tiles(net, x, Tiles(32, lap)) - whole).abs().mean() for lap in (0.5, 0.0))
    assert near < far / 3
    assert torch.equal(by_tiles(net, x, Tiles(64)), whole)


def drawn(places: list[tuple[int, int]], size: tuple[int, int]) -> torch.Tensor:
    """(1, 1, H, W): each object by its own number, so that a part of it can be told from another object."""
    x = torch.zeros(1, 1, *size)
    for n, (top, left) in enumerate(places, 1):
        x[0, 0, top : top + SIDE, left : left + SIDE] = n
    return x


def finder(x: torch.Tensor) -> torch.Tensor:
    """Finds what is seen of each object: a perfect detector."""
    answers = torch.zeros(len(x), 40, 6)
    for b, picture in enumerate(x[:, 0]):
        for row, n in enumerate(picture.unique()[1 if (picture == 0).any() else 0 :].tolist()):
            ys, xs = (picture == n).nonzero().unbind(1)
            corners = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
            answers[b, row] = torch.tensor([*(float(c) for c in corners), 0.9, n % 3])
    return answers


def found(answers: torch.Tensor) -> set[tuple[float, ...]]:
    return {tuple(row[:4].tolist()) for row in answers if row[4] > 0}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 11)), min_size=1, max_size=12, unique=True), st.integers(0, 7),
       st.integers(0, 7))  # fmt: skip
def test_a_perfect_detector_finds_each_object_once(cells: list[tuple[int, int]], down: int, across: int) -> None:
    places = [(10 * i + down // 4, 10 * j + across // 4) for i, j in cells]
    x = drawn(places, (101, 123))
    answers = by_tiles(finder, x, Tiles(40, 0.25))[0]
    assert found(answers) == {(left, top, left + SIDE, top + SIDE) for top, left in places}
    assert int((answers[:, 4] > 0).sum()) == len(places)


def test_negative_control_without_overlap_objects_come_in_parts() -> None:
    x = drawn([(36, 10)], (80, 80))
    assert found(by_tiles(finder, x, Tiles(40, 0.0))[0]) != {(10, 36, 18, 44)}


class Asked(nn.Module):
    """Remembers the sizes that it was asked about."""

    def __init__(self, answer: Callable[[torch.Tensor], torch.Tensor], tiles: Tiles) -> None:
        super().__init__()
        self.answer, self.tiles, self.sizes = answer, tiles, list[tuple[int, ...]]()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.sizes.append(tuple(x.shape[2:]))
        return self.answer(x)


def test_a_model_with_tiles_never_sees_more_than_one() -> None:
    spec = Spec(input=Image(channels=1, height=90, width=60), target=Boxes(names=("a", "b", "c")))
    net = Asked(lambda x: finder((x * 10).round()), Tiles(40, 0.25))
    model = Scaled(net, spec).eval()
    model.input.factor.fill_(0.1)  # type: ignore[union-attr, operator]
    places = [(3, 5), (40, 31), (75, 50)]
    answers = model(drawn(places, (90, 60)))[0]
    assert found(answers) == {(left, top, left + SIDE, top + SIDE) for top, left in places}
    assert set(net.sizes) == {(40, 40)}
    net.sizes.clear()
    model(drawn(places[:1], (40, 30)))
    assert net.sizes == [(40, 30)]
    model.train()(drawn(places, (90, 60)))
    assert net.sizes[-1] == (90, 60), "what is learned from has been cut before"


# -- windows to learn from ------------------------------------------------------------------------


def scene(seed: int) -> Batch:
    random = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 255, (3, 1, 70, 90), generator=random).byte()
    corner = torch.randint(0, 60, (7, 2), generator=random).float()
    return Batch(x=x, y=x[:, 0] % 5, boxes=torch.cat([corner, corner + 10], 1), box_image=torch.tensor([0, 0, 0, 1, 1, 1, 1]),
                 box_class=torch.arange(7), box_weight=torch.ones(7), scale=torch.ones(3))


@given(st.integers(0, 10_000), st.sampled_from([16, 40, 75, 200]))
def test_a_window_is_a_part_of_its_picture_with_its_mask_and_boxes(seed: int, side: int) -> None:
    whole, batch = scene(seed), scene(seed)
    windows.cut(batch, side, torch.Generator().manual_seed(seed))
    size = min(side, 70), min(side, 90)
    assert batch["x"].shape[2:] == size
    assert torch.equal(batch["x"][:, 0] % 5, batch["y"])
    for n in range(3):
        views = whole["x"][n, 0].unfold(0, size[0], 1).unfold(1, size[1], 1)  # every window there is
        assert (views == batch["x"][n, 0]).all(-1).all(-1).any()
    assert ((batch["boxes"] >= 0) & (batch["boxes"] <= torch.tensor([size[1], size[0]] * 2))).all()
    area = (batch["boxes"][:, 2:] - batch["boxes"][:, :2]).prod(1)
    assert torch.equal(batch["box_weight"] > 0, area >= 50), "of 10 x 10 pixels at least a half is seen, or nothing is asked"


def test_a_window_as_large_as_the_picture_changes_nothing() -> None:
    whole, batch = scene(0), scene(0)
    windows.cut(batch, 200, torch.Generator().manual_seed(0))
    assert all(torch.equal(whole[name], batch[name]) for name in whole)


def test_windows_are_laid_over_objects_more_often_than_chance_would() -> None:
    """One small object in a large empty picture."""
    hits = 0
    for seed in range(100):
        batch = Batch(x=torch.zeros(1, 1, 400, 400).byte(), boxes=torch.tensor([[200.0, 200, 206, 206]]), box_image=torch.tensor([0]),
                      box_class=torch.tensor([0]), box_weight=torch.ones(1), scale=torch.ones(1))
        windows.cut(batch, 40, torch.Generator().manual_seed(seed))
        hits += len(batch["boxes"])
    assert 35 < hits < 70


def test_masks_of_a_perfect_network() -> None:
    spec = Spec(input=Image(channels=1, height=90, width=60), target=Mask(names=("a", "b")))
    model = Scaled(Asked(lambda x: torch.cat([-x, x], 1), Tiles(32, 0.3)), spec).eval()
    x = torch.randint(0, 2, (2, 1, 90, 60)).float() * 2 - 1
    assert torch.equal(model(x).argmax(1), (x[:, 0] > 0).long())
