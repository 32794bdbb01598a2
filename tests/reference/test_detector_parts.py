"""The halves of Faster R-CNN and the losses of SSD against torchvision's, on small maps, so that the quick suite holds them."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from lamina.core.detector import Truth
from lamina.models.default_boxes import GridAnchors
from lamina.models.multibox import RULES, WEIGHTS
from lamina.models.roi_heads import Looking, RoIHeads
from lamina.models.rpn import RPN, Proposing, RPNHead
from lamina.nn.answers import Selection, selected
from lamina.nn.box_losses import UNKNOWN, assigned, assigned_everywhere, focal, mined, smooth_l1
from lamina.nn.boxes import encode
from lamina.nn.frozen_norm import FrozenNorm, freeze
from lamina.nn.roi_align import Grid, roi_align

SSD_RULE = RULES["mining"]
PICTURE, STRIDES, WIDTH = (64, 96), (8, 16), 6
SIZES, RATIOS = (16, 40), (0.5, 1.0, 2.0)


def maps() -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return [torch.randn(2, WIDTH, PICTURE[0] // s, PICTURE[1] // s, generator=random).double().requires_grad_() for s in STRIDES]


def truth() -> Truth:
    boxes = torch.tensor([[5.0, 8, 30, 22], [40, 10, 90, 60], [60, 30, 75, 44], [10, 10, 50, 40]])
    return Truth(boxes.double(), torch.tensor([0, 0, 0, 1]), torch.tensor([0, 2, 1, 1]), torch.ones(4))


def as_theirs(objects: Truth) -> list[dict[str, torch.Tensor]]:
    return [{"boxes": row.boxes, "labels": row.classes + 1} for row in map(objects.of_picture, range(2))]


def gradients(losses: Any, inputs: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    return torch.autograd.grad(sum(losses), inputs)


@pytest.mark.parametrize("training", [True, False])
def test_regions_and_their_losses_are_torchvisions(torchvision: ModuleType, training: bool) -> None:
    torch.manual_seed(0)
    detection = torchvision.models.detection
    anchors = detection.anchor_utils.AnchorGenerator(tuple((size,) for size in SIZES), (RATIOS,) * 2)
    head = detection.rpn.RPNHead(WIDTH, len(RATIOS))
    counts = {"training": 60, "testing": 30}
    theirs = detection.rpn.RegionProposalNetwork(anchors, head, 0.7, 0.3, 32, 0.5, counts, counts, 0.7).double().train(training)
    mine = RPN(RPNHead(WIDTH, len(RATIOS)), GridAnchors(SIZES, RATIOS), Proposing((60, 30), (60, 30), shown=32)).double().train(training)
    mine.load_state_dict(theirs.state_dict())
    found, images = maps(), detection.image_list.ImageList(torch.zeros(2, 3, *PICTURE), [PICTURE] * 2)
    torch.manual_seed(3)
    regions, losses = theirs(images, dict(enumerate(found)), as_theirs(truth()))
    torch.manual_seed(3)
    raw = mine(found, PICTURE)
    for ours, its in zip(mine.regions(raw, PICTURE), regions, strict=True):
        assert len(ours) > 10
        torch.testing.assert_close(ours, its, rtol=1e-5, atol=1e-4)
    if training:
        ours = mine.losses(raw, truth())
        torch.testing.assert_close(list(ours.values()), list(losses.values()), check_dtype=False)  # its labels are single
        assert all(value > 0 for value in ours.values())
        torch.testing.assert_close(gradients(ours.values(), found), gradients(losses.values(), found))


def our_roi_align(maps: Any, regions: Any, output_size: Any, spatial_scale: float, sampling_ratio: int) -> torch.Tensor:
    return roi_align(maps, regions[:, 1:], regions[:, 0].long(), spatial_scale, Grid(output_size[0], sampling_ratio))


@pytest.mark.parametrize("training", [True, False])
def test_the_second_half_is_torchvisions(torchvision: ModuleType, training: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.ops.poolers, "roi_align", our_roi_align)  # held to its own in test_box_ops.py
    torch.manual_seed(0)
    detection, found = torchvision.models.detection, maps()
    pool = torchvision.ops.MultiScaleRoIAlign(["0", "1"], 3, 2)
    box_head, predictor = detection.faster_rcnn.TwoMLPHead(WIDTH * 9, 8), detection.faster_rcnn.FastRCNNPredictor(8, 4)
    theirs = detection.roi_heads.RoIHeads(pool, box_head, predictor, 0.5, 0.5, 24, 0.25, None, 0.1, 0.5, 50).double().train(training)
    mine = RoIHeads(WIDTH, 8, 3, Looking(STRIDES, Grid(3, 2), shown=24), Selection(0.1, 0.5, 50, 1 << 30, 1e-2)).double()
    mine.load_state_dict(theirs.state_dict())
    corner = torch.rand(2, 40, 2).double() * 60
    regions = list(torch.cat([corner, corner + 4 + torch.rand(2, 40, 2).double() * 30], 2))
    if training:
        torch.manual_seed(3)
        _, expected = theirs({"0": found[0], "1": found[1]}, list(regions), [PICTURE] * 2, as_theirs(truth()))
        torch.manual_seed(3)
        losses = mine.losses(found, regions, truth())
        torch.testing.assert_close(list(losses.values()), list(expected.values()))
        torch.testing.assert_close(gradients(losses.values(), found), gradients(expected.values(), found))
        return
    expected, _ = theirs({"0": found[0], "1": found[1]}, regions, [PICTURE] * 2)
    for rows, one in zip(mine(found, regions, PICTURE), expected, strict=True):
        assert 5 < len(one["scores"]) <= 50
        torch.testing.assert_close(rows[: len(one["scores"]), 4], one["scores"])
        torch.testing.assert_close(rows[: len(one["scores"]), :4], one["boxes"])
        assert not rows[len(one["scores"]) :].any()


def test_the_losses_of_ssd_are_torchvisions(torchvision: ModuleType) -> None:
    torch.manual_seed(0)
    utils = sys.modules["torchvision.models.detection._utils"]
    corner = torch.rand(300, 2).double() * 70
    anchors = torch.cat([corner, corner + 5 + torch.rand(300, 2).double() * 40], 1)
    logits, codes = torch.randn(2, 300, 4).double().requires_grad_(), torch.randn(2, 300, 4).double().requires_grad_()
    labels, objects = assigned_everywhere(truth(), 2, anchors, SSD_RULE)
    has = labels > 0
    right = mined(logits, labels) / has.sum()
    place = smooth_l1(codes[has], encode(objects[has], anchors.expand_as(objects)[has], WEIGHTS)) / has.sum()
    matcher, coder = utils.SSDMatcher(0.5), utils.BoxCoder(WEIGHTS)
    matched = [matcher(torchvision.ops.box_iou(one["boxes"], anchors)) for one in as_theirs(truth())]
    ssd = torchvision.models.detection.ssd.SSD
    expected = ssd.compute_loss(SimpleNamespace(box_coder=coder, neg_to_pos_ratio=3), as_theirs(truth()),
                                {"bbox_regression": codes, "cls_logits": logits}, [anchors] * 2, matched)
    torch.testing.assert_close(right, expected["classification"])
    torch.testing.assert_close(place, expected["bbox_regression"])
    torch.testing.assert_close(gradients([right, place], [logits, codes]), gradients(expected.values(), [logits, codes]))


def test_the_focal_loss_is_torchvisions(torchvision: ModuleType) -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 9, 3).requires_grad_(), torch.randint(0, 4, (2, 9))
    target = torch.nn.functional.one_hot(labels, 4)[..., 1:].float()
    expected = torchvision.ops.sigmoid_focal_loss(logits, target, 0.25, 2.0, "sum")
    torch.testing.assert_close(focal(logits, labels), expected)
    torch.testing.assert_close(gradients([focal(logits, labels)], [logits]), gradients([expected], [logits]))


@pytest.mark.parametrize("loss", [mined, focal])
def test_what_is_not_to_be_asked_teaches_nothing(loss: Any) -> None:
    logits, labels = torch.randn(1, 50, 4).requires_grad_(), torch.zeros(1, 50, dtype=torch.int64)
    labels[0, :3], labels[0, 3:40] = 1, UNKNOWN
    (gradient,) = torch.autograd.grad(loss(logits, labels), logits)
    assert not gradient[0, 3:40].any()
    assert gradient[0, :3].any()
    assert gradient[0, 40:].any()


def test_a_picture_without_objects_teaches_the_hardest_that_nothing_is_there() -> None:
    logits = torch.zeros(1, 20, 4)
    logits[0, 7:10, 2] = 5
    (gradient,) = torch.autograd.grad(mined(logits.requires_grad_(), torch.zeros(1, 20, dtype=torch.int64)), logits)
    assert gradient[0].any(1).nonzero().flatten().tolist() == [7, 8, 9]


def test_ignored_objects_are_no_objects_and_their_anchors_are_not_asked() -> None:
    anchors = torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30], [50, 50, 60, 60]])
    objects = Truth(anchors[:2], torch.zeros(2, dtype=torch.int64), torch.tensor([1, 0]), torch.tensor([1.0, 0.0]))
    labels, boxes = assigned(objects, anchors, SSD_RULE)
    assert labels.tolist() == [2, UNKNOWN, 0]
    assert torch.equal(boxes, anchors)


def test_frozen_norm_is_torchvisions(torchvision: ModuleType) -> None:
    torch.manual_seed(0)
    theirs, net = torchvision.ops.FrozenBatchNorm2d(4), torch.nn.Sequential(torch.nn.BatchNorm2d(4))
    for t in theirs.buffers():
        t.uniform_(0.5, 2)
    net[0].load_state_dict({**theirs.state_dict(), "num_batches_tracked": torch.tensor(0)})
    x = torch.randn(2, 4, 3, 3)
    expected = net.eval()(x)
    freeze(net)
    assert isinstance(net[0], FrozenNorm)
    torch.testing.assert_close(net.train()(x), theirs(x))
    torch.testing.assert_close(net(x), expected)
    assert not list(net.parameters())


def test_answers_are_sorted_filled_up_and_of_each_class_the_best() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [30, 30, 300, 40]])
    scores = torch.tensor([[0.9, 0.3], [0.8, 0.4], [0.0, 0.95]])
    found = selected(boxes, scores, (50, 60), Selection(0.1, 0.5, 5))
    assert found[:, 4].tolist() == pytest.approx([0.95, 0.9, 0.4, 0, 0])
    assert found[:, 5].tolist() == [1, 0, 1, 0, 0]
    assert found[0, :4].tolist() == [30, 30, 60, 40]
    assert not found[3:].any()
