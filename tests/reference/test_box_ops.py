"""Operations on boxes against torchvision's, and against their definitions."""

import math
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lamina.nn import boxes as ops
from lamina.nn import nms as suppression
from lamina.nn.anchors import around_origin, at_places, cell_anchors, default_shapes, fitted_shapes, shape_iou
from lamina.nn.matching import NOTHING, UNSURE, Rule, ignoring, match, sample
from lamina.nn.nms import batched_nms, greedy, nms
from lamina.nn.roi_align import Grid, level_of, pyramid_align, roi_align

R_CNN = (10.0, 10.0, 5.0, 5.0)


def some_boxes(count: int, seed: int = 0, side: float = 100.0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=random) * side
    return torch.cat([corner, corner + 1 + torch.rand(count, 2, generator=random) * side / 2], 1)


def theirs(torchvision: ModuleType) -> Any:
    return sys.modules["torchvision.models.detection._utils"]


# -- algebra and coding ------------------------------------------------------------------------------


def test_overlaps_are_torchvisions(torchvision: ModuleType) -> None:
    one, other = some_boxes(30), some_boxes(20, 1)
    torch.testing.assert_close(ops.iou(one, other), torchvision.ops.box_iou(one, other))
    torch.testing.assert_close(ops.area(one), torchvision.ops.box_area(one))
    assert torch.equal(ops.clip(one, 80, 60), torchvision.ops.clip_boxes_to_image(one, (80, 60)))


@pytest.mark.parametrize("weights", [ops.EVEN, R_CNN])
def test_codes_are_torchvisions(torchvision: ModuleType, weights: ops.Weights) -> None:
    coder, one, anchors = theirs(torchvision).BoxCoder(weights), some_boxes(30), some_boxes(30, 1)
    torch.testing.assert_close(ops.encode(one, anchors, weights), coder.encode_single(one, anchors))
    codes = torch.randn(30, 4, generator=torch.Generator().manual_seed(2)) * 8  # some of them beyond the largest
    torch.testing.assert_close(ops.decode(codes, anchors, weights), coder.decode_single(codes, anchors), rtol=1e-5, atol=1e-3)


@given(st.integers(0, 10**6))
def test_a_code_leads_back_to_its_box(seed: int) -> None:
    one, anchors = some_boxes(5, seed).double(), some_boxes(5, seed + 1).double()
    torch.testing.assert_close(ops.decode(ops.encode(one, anchors, R_CNN), anchors, R_CNN), one)


def test_a_side_grows_no_more_than_the_largest_code() -> None:
    grown = ops.decode(torch.tensor([[0.0, 0, 50, 50]]), torch.tensor([[0.0, 0, 16, 16]]))
    torch.testing.assert_close(grown[0, 2:] - grown[0, :2], torch.tensor([1000.0, 1000.0]))


# -- suppression ----------------------------------------------------------------------------------------


def by_definition(boxes: torch.Tensor, scores: torch.Tensor, classes: torch.Tensor, threshold: float) -> list[int]:
    """The best of those that are left stays and removes what it covers, in exact order."""
    left = sorted(range(len(boxes)), key=lambda n: (-scores[n].item(), n))
    stays = []
    while left:
        best, *left = left
        stays.append(best)
        overlaps = ops.iou(boxes[best, None], boxes)[0].tolist()  # NaN, where neither has an area, is above nothing
        left = [n for n in left if classes[n] != classes[best] or not overlaps[n] > np.float32(threshold)]
    return stays


whole = st.integers(0, 8)
scenes = st.lists(st.tuples(whole, whole, st.integers(0, 4), st.integers(0, 4), st.integers(0, 3), st.integers(0, 1)), max_size=25)


@given(scenes, st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_both_ways_of_suppression_are_the_definition(scene: list[tuple[int, ...]], threshold: float) -> None:
    """Whole numbers, so that scores tie, overlaps meet the threshold, and some boxes have no area."""
    rows = torch.tensor(scene, dtype=torch.float32).view(-1, 6)
    boxes, scores, classes = torch.cat([rows[:, :2], rows[:, :2] + rows[:, 2:4]], 1), rows[:, 4], rows[:, 5].long()
    expected = by_definition(boxes, scores, classes, threshold)
    order = scores.argsort(descending=True, stable=True)
    assert batched_nms(boxes, scores, classes, threshold).tolist() == expected
    assert order[suppression._stays(boxes[order], classes[order], threshold)].tolist() == expected
    with np.errstate(invalid="ignore"):
        assert order[torch.from_numpy(greedy(boxes[order].numpy(), classes[order].numpy(), threshold))].tolist() == expected


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes, scores, classes = some_boxes(300), torch.rand(300, generator=torch.Generator().manual_seed(1)), torch.arange(300) % 3
    expected = batched_nms(boxes, scores, classes, 0.3)
    monkeypatch.setattr(suppression, "BLOCK", 64)
    monkeypatch.setattr(suppression, "_compiled", lambda: None)
    assert torch.equal(batched_nms(boxes, scores, classes, 0.3), expected)
    assert 3 < len(expected) < 300


def test_nothing_is_suppressed_to_nothing() -> None:
    assert nms(torch.empty(0, 4), torch.empty(0), 0.5).shape == (0,)


def test_negative_control_without_order_another_one_stays() -> None:
    """The first of two boxes that cover one another would stay if the scores did not count."""
    boxes, scores = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 5]]), torch.tensor([0.1, 0.9])
    assert nms(boxes, scores, 0.5).tolist() == [1]
    assert nms(boxes, scores.flip(0), 0.5).tolist() == [0]


# -- RoIAlign -------------------------------------------------------------------------------------------


INSIDE = torch.tensor([[30.0, 30, 30.2, 60], [10, 10, 10, 10], [0, 0, 103, 83]])
ACROSS = torch.tensor([[-20.0, -9, 13, 30], [70, 60, 140, 130], [500, 500, 600, 600], [-900, 0, -800, 9]])


def some_regions(edges: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Regions in the picture of 84 x 104 pixels, and the edge cases, by turns of two pictures."""
    regions = torch.cat([some_boxes(8, side=55.0), edges])
    return regions, torch.arange(len(regions)) % 2


def sample_of(one: torch.Tensor, y: float, x: float) -> torch.Tensor:
    """A map (C, h, w) at a place between pixels, as Mask R-CNN's authors published it (Caffe2's RoIAlignOp)."""
    height, width = one.shape[1:]
    if not (-1 <= y <= height and -1 <= x <= width):
        return one.new_zeros(len(one))
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    upper = one[:, top, left] * (1 - x + left) + one[:, top, right] * (x - left)
    return upper * (1 - y + top) + (one[:, bottom, left] * (1 - x + left) + one[:, bottom, right] * (x - left)) * (y - top)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("samples", [0, 2])
def test_roi_align_is_the_definition(aligned: bool, samples: int) -> None:
    """Also over the border and far outside, where torchvision's Python, unlike its compiled operator, repeats the border."""
    regions, image = some_regions(torch.cat([INSIDE, ACROSS]))
    maps = torch.randn(2, 2, 21, 26, generator=torch.Generator().manual_seed(0)).double()
    found = roi_align(maps, regions.double(), image, 0.25, Grid(2, samples, aligned))
    for region, place, mine in zip((regions.double() * 0.25 - 0.5 * aligned).tolist(), image.tolist(), found, strict=True):
        x0, y0, x1, y1 = region
        wide, high = (max(side, 0 if aligned else 1) / 2 for side in (x1 - x0, y1 - y0))
        across, down = (samples or math.ceil(side) for side in (wide, high))
        for row in range(2):
            for column in range(2):
                expected = [sample_of(maps[place], y0 + high * (row + (i + 0.5) / down), x0 + wide * (column + (j + 0.5) / across))
                            for i in range(down) for j in range(across)]
                mean = torch.stack(expected).mean(0) if expected else torch.zeros(2).double()
                torch.testing.assert_close(mine[:, row, column], mean)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("samples", [0, 1, 2, 3])
def test_roi_align_and_its_gradient_are_torchvisions(torchvision: ModuleType, aligned: bool, samples: int) -> None:
    regions, image = some_regions(INSIDE[[0, 2]] if aligned else INSIDE)  # of no samples, torchvision's gradient is NaN
    maps = torch.randn(2, 3, 21, 26, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found = roi_align(maps, regions, image, 0.25, Grid(5, samples, aligned))
    rows = torch.cat([image[:, None].float(), regions], 1)
    expected = torchvision.ops.roi_align(maps, rows, 5, 0.25, samples or -1, aligned)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    (mine,) = torch.autograd.grad((found * weights).sum(), maps)
    (its,) = torch.autograd.grad((expected * weights).sum(), maps)
    torch.testing.assert_close(mine, its, rtol=1e-4, atol=1e-5)


def test_roi_align_is_linear_in_the_map() -> None:
    """The numerical gradient at float64."""
    regions, image = some_regions(torch.cat([INSIDE, ACROSS]))
    maps = torch.randn(2, 2, 6, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda m: roi_align(m, regions.double(), image, 0.0625, Grid(2, 2)), (maps,))


def test_a_constant_map_is_the_constant_inside() -> None:
    found = roi_align(torch.full((1, 1, 30, 30), 7.0), some_boxes(9), torch.zeros(9, dtype=torch.int64), 0.2, Grid())
    torch.testing.assert_close(found, torch.full_like(found, 7))


def test_the_level_of_a_region_is_torchvisions(torchvision: ModuleType) -> None:
    sizes = {"0": 4, "1": 8, "2": 16, "3": 32}
    pooler = torchvision.ops.MultiScaleRoIAlign(list(sizes), 3, 2)
    maps = {name: torch.randn(2, 2, 256 // stride, 320 // stride) for name, stride in sizes.items()}
    regions = torch.cat([some_boxes(20, 3, 170), torch.tensor([[0.0, 0, 112, 112], [0, 0, 224, 224], [5, 5, 9, 9], [0, 0, 320, 256]])])
    image = torch.cat([torch.zeros(14), torch.ones(10)]).long()
    expected = pooler(maps, [regions[:14], regions[14:]], [(256, 320)] * 2)
    found = pyramid_align(list(maps.values()), list(sizes.values()), regions, image, Grid(3, 2))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert len(level_of(regions, (4, 8, 16, 32)).unique()) == 3


# -- anchors ---------------------------------------------------------------------------------------------


def test_anchors_are_torchvisions(torchvision: ModuleType) -> None:
    sizes, ratios = ((32, 40), (64,)), ((0.5, 1.0, 2.0), (1.0, 3.0))
    cells = [cell_anchors(*cell) for cell in zip(sizes, ratios, strict=True)]
    generator = sys.modules["torchvision.models.detection.anchor_utils"].AnchorGenerator(sizes, ratios)
    images = torchvision.models.detection.image_list.ImageList(torch.zeros(1, 3, 96, 128), [(96, 128)])
    maps = [torch.zeros(1, 1, 12, 16), torch.zeros(1, 1, 5, 8)]
    found = [at_places(cell, one.shape[2:], (96 // one.shape[2], 128 // one.shape[3]), 0) for cell, one in zip(cells, maps, strict=True)]
    assert torch.equal(torch.cat(found), generator(images, maps)[0])


def test_default_boxes_are_torchvisions(torchvision: ModuleType) -> None:
    scales, ratios = (0.1, 0.4, 0.9), ((2,), (2, 3))
    generator = sys.modules["torchvision.models.detection.anchor_utils"].DefaultBoxGenerator(ratios, scales=scales)
    images = torchvision.models.detection.image_list.ImageList(torch.zeros(1, 3, 100, 100), [(100, 100)])
    maps = [torch.zeros(1, 1, 12, 12), torch.zeros(1, 1, 5, 5)]
    shapes = default_shapes(scales, ratios)
    found = [at_places(around_origin(s * 100), one.shape[2:], (100 / one.shape[2],) * 2) for s, one in zip(shapes, maps, strict=True)]
    torch.testing.assert_close(torch.cat(found), generator(images, maps)[0])


def test_shapes_of_clusters_are_found() -> None:
    """Three heaps of boxes far from one another: each shape is the median of its heap."""
    random = torch.Generator().manual_seed(0)
    heaps = torch.tensor([[10.0, 30.0], [60, 20], [90, 100]])
    sides = (heaps[:, None] + torch.rand(3, 41, 2, generator=random)).view(-1, 2)
    found = fitted_shapes(sides[torch.randperm(len(sides), generator=random)], 3)
    torch.testing.assert_close(found, torch.stack([heap.median(0).values for heap in sides.split(41)]))
    assert shape_iou(sides, found).amax(1).min() > shape_iou(sides, found[:2]).amax(1).min()


# -- matching ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("pairs", [1 << 22, 50])
def test_matches_are_torchvisions(torchvision: ModuleType, seed: int, pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the overlaps are looked at in parts; boxes of whole numbers, so that some tie."""
    monkeypatch.setattr("lamina.nn.matching.MOST_PAIRS", pairs)
    objects, anchors = some_boxes(9, seed).round(), some_boxes(200, seed + 10).round()
    quality = torchvision.ops.box_iou(objects, anchors)
    utils = theirs(torchvision)
    for rule, matcher in (
        (Rule(0.7, 0.3, "ties"), utils.Matcher(0.7, 0.3, True)),
        (Rule(), utils.Matcher(0.5, 0.5)),
        (Rule(each="best"), utils.SSDMatcher(0.5)),
    ):
        assert torch.equal(match(objects, anchors, rule), matcher(quality.clone())), rule


def test_no_object_matches_nothing() -> None:
    assert match(torch.empty(0, 4), some_boxes(3), Rule(each="ties")).tolist() == [NOTHING] * 3


def test_an_object_that_no_anchor_touches_takes_none() -> None:
    far = torch.tensor([[900.0, 900, 910, 910]])
    assert match(far, some_boxes(50), Rule(0.7, 0.3, "ties")).eq(NOTHING).all()


def test_anchors_in_ignored_boxes_are_not_asked() -> None:
    anchors = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10], [8, 0, 18, 10], [50, 50, 60, 60]])
    matched = torch.tensor([0, NOTHING, NOTHING, NOTHING])
    assert ignoring(matched, anchors, torch.tensor([[0.0, 0, 11, 30]])).tolist() == [0, UNSURE, NOTHING, NOTHING]


@pytest.mark.parametrize("objects", [0, 3, 60])
def test_samples_are_torchvisions(torchvision: ModuleType, objects: int) -> None:
    labels = torch.cat([torch.ones(objects), torch.zeros(80), -torch.ones(20)])
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    torch.manual_seed(3)
    with_object, without = sample(labels, 32, 0.25)
    torch.manual_seed(3)
    (positive,), (negative,) = theirs(torchvision).BalancedPositiveNegativeSampler(32, 0.25)([labels])
    assert with_object.sort().values.tolist() == positive.nonzero().flatten().tolist()
    assert without.sort().values.tolist() == negative.nonzero().flatten().tolist()
    assert len(with_object) == min(objects, 8)
    assert len(with_object) + len(without) == 32
