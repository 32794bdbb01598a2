"""Networks that find objects against torchvision's: the same weights give the same answers, losses and gradients."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from lamina.core.config import config_of
from lamina.core.detector import Truth
from lamina.core.spec import Boxes, Image, Spec
from lamina.models import MODELS, weights
from lamina.nn.roi_align import Grid, roi_align

NAMES = ("a", "b", "c")
SIZES = {"ssd300": (300, 300), "fasterrcnn_resnet50_fpn": (64, 96)}
THEIRS = {"ssd300": "ssd300_vgg16", "fasterrcnn_resnet50_fpn": "fasterrcnn_resnet50_fpn"}
LOSSES = {
    "ssd300": {"class_loss": "classification", "box_loss": "bbox_regression"},
    "fasterrcnn_resnet50_fpn": {"objectness_loss": "loss_objectness", "region_loss": "loss_rpn_box_reg",
                                "class_loss": "loss_classifier", "box_loss": "loss_box_reg"},
}  # fmt: skip
Twins = tuple[Any, Any, str]


def spec(size: tuple[int, int]) -> Spec:
    return Spec(input=Image(channels=3, height=size[0], width=size[1]), target=Boxes(names=NAMES))


@pytest.fixture(scope="module", params=[pytest.param("ssd300", marks=pytest.mark.slow), "fasterrcnn_resnet50_fpn"])
def twins(request: pytest.FixtureRequest, torchvision: ModuleType) -> Iterator[Twins]:
    """Our network and torchvision's, which is fed equal tensors, with the same drawn weights by their published names.

    Its RoIAlign is ours here, as its own in Python repeats the border where its compiled one does not (test_box_ops.py); and it
    suppresses class by class, as its trick of moving the classes apart costs digits.
    """
    name, patch = request.param, pytest.MonkeyPatch()
    patch.setattr(torchvision.ops.poolers, "roi_align", _our_roi_align)
    patch.setattr(torchvision.ops.boxes, "batched_nms", torchvision.ops.boxes._batched_nms_vanilla)
    torch.manual_seed(0)
    theirs = getattr(torchvision.models.detection, THEIRS[name])(weights=None, weights_backbone=None, num_classes=1 + len(NAMES))
    with torch.no_grad():
        for key, t in theirs.state_dict().items():
            _spread(name, key, t)
    mine = MODELS[name](spec(SIZES[name]), config_of(MODELS[name])())
    assert weights.load(mine, theirs.state_dict()) == []
    theirs.transform = _AsItIs(torchvision)
    yield mine, theirs, name
    patch.undo()


def _our_roi_align(maps: Any, regions: Any, output_size: Any, spatial_scale: float, sampling_ratio: int) -> torch.Tensor:
    return roi_align(maps, regions[:, 1:], regions[:, 0].long(), spatial_scale, Grid(output_size[0], sampling_ratio))


def _spread(name: str, key: str, t: torch.Tensor) -> None:
    """Scores that differ, so that something is found, and averages that are neither 0 nor 1."""
    if key.endswith(("cls_score.weight", "cls_logits.weight")) or ("classification_head" in key and t.ndim > 1):
        t.normal_(0, 0.03)
    elif key.endswith("bbox_pred.weight"):
        t.normal_(0, 0.01)
    elif key.endswith("running_var"):
        t.uniform_(0.8, 1.5)
    elif key.endswith("running_mean"):
        t.normal_(0, 0.1)


class _AsItIs(nn.Module):
    """In the place of torchvision's transform, which resizes and normalizes."""

    def __init__(self, torchvision: ModuleType) -> None:
        super().__init__()
        self.pack = torchvision.models.detection.image_list.ImageList

    def forward(self, images: list[torch.Tensor], targets: Any) -> Any:
        return self.pack(torch.stack(images), [tuple(one.shape[1:]) for one in images]), targets

    def postprocess(self, found: Any, *_: Any) -> Any:
        return found


def pictures(name: str) -> torch.Tensor:
    return torch.randn(2, 3, *SIZES[name], generator=torch.Generator().manual_seed(1))


def truth(name: str) -> Truth:
    """Three objects in the first picture, one in the second."""
    high, wide = SIZES[name]
    boxes = torch.tensor([[0.1, 0.2, 0.4, 0.6], [0.3, 0.1, 0.9, 0.9], [0.5, 0.5, 0.7, 0.65], [0.2, 0.2, 0.8, 0.5]])
    return Truth(boxes * torch.tensor([wide, high, wide, high]), torch.tensor([0, 0, 0, 1]), torch.tensor([0, 2, 1, 1]), torch.ones(4))


def as_theirs(objects: Truth) -> list[dict[str, torch.Tensor]]:
    rows = [objects.of_picture(n) for n in range(2)]
    return [{"boxes": row.boxes.double(), "labels": row.classes + 1} for row in rows]


def test_answers_are_torchvisions(twins: Twins) -> None:
    mine, theirs, name = twins
    x = pictures(name)
    for net in (mine, theirs):
        net.float()
    with torch.no_grad():
        found, expected = mine.eval()(x), theirs.eval()(list(x))
    for rows, one in zip(found, expected, strict=True):
        count = len(one["scores"])
        assert count > 20
        assert not rows[count:].any()
        torch.testing.assert_close(rows[:count, 4], one["scores"], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(rows[:count, :4], one["boxes"], rtol=1e-4, atol=1e-2)
        assert (rows[:count, 5] + 1 == one["labels"]).float().mean() > 0.95  # equal scores may change places


@pytest.mark.slow
def test_losses_and_gradients_are_torchvisions(twins: Twins) -> None:
    mine, theirs, name = twins
    x, objects = pictures(name).double(), truth(name)
    for net in (mine, theirs):
        net.train().zero_grad()
        net.double()  # so that regions of nearly the same score are in one order
    for layer in theirs.modules():  # without weights of its own, torchvision does not freeze them
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()
    torch.manual_seed(5)  # of the sampled anchors and regions
    found = mine.losses(x, objects)
    torch.manual_seed(5)
    expected = theirs(list(x), as_theirs(objects))
    assert set(LOSSES[name]) == set(found)
    for ours, its in LOSSES[name].items():
        torch.testing.assert_close(found[ours], expected[its].to(found[ours].dtype), rtol=1e-6, atol=1e-7)
    sum(found.values()).backward()
    sum(expected.values()).backward()
    gradients = {k: p.grad for k, p in theirs.named_parameters() if p.grad is not None}
    renamed = mine.published.rename(gradients)
    assert len(renamed) > 60
    for key, p in mine.named_parameters():
        if key in renamed:
            torch.testing.assert_close(p.grad, renamed[key], rtol=1e-5, atol=1e-6 * renamed[key].abs().max().item())



def test_its_weights_are_known_by_their_names(twins: Twins) -> None:
    _, theirs, name = twins
    state = theirs.state_dict()
    assert weights.nearest(state) == name


@pytest.mark.slow
def test_negative_control_one_weight_that_differs_is_seen(twins: Twins) -> None:
    mine, theirs, name = twins
    x = pictures(name)
    with torch.no_grad():
        before = mine.float().eval()(x)
        key = next(k for k in theirs.state_dict() if k.endswith(("inner_blocks.0.0.weight", "list.0.weight")))
        changed = {k: t * 1.5 if k == key else t for k, t in theirs.state_dict().items()}
        weights.load(mine, changed)
        after = mine(x)
        weights.load(mine, theirs.state_dict())
    assert (before - after).abs().max() > 0.1
