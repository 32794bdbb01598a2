"""Maps by stride: they are the backbone's own, every parameter that is left learns, and the top-down path joins any sizes."""

import pytest
import torch
from torch import nn

from lamina.core.config import config_of
from lamina.core.spec import Classes, Image, Spec
from lamina.models import MODELS
from lamina.nn.pyramid import FPN, Pyramid, coarser

SPEC = Spec(input=Image(channels=3, height=70, width=90), target=Classes(names=("a", "b")))
HALVING = {"efficientnet_lite0": (2, 4, 8, 16, 32), "cnn": (2, 4, 8), "alexnet": (4, 8, 16)}
SLOW = {"resnet18": (2, 4, 8, 16, 32), "googlenet": (2, 4, 8, 16, 32), "vgg16": (1, 2, 4, 8, 16)}
each_net = pytest.mark.parametrize(
    ("name", "strides"), [*HALVING.items(), *(pytest.param(*row, marks=pytest.mark.slow) for row in SLOW.items())]
)


def pyramid(name: str) -> Pyramid:
    torch.manual_seed(0)
    return Pyramid(MODELS[name](SPEC, config_of(MODELS[name])()))


@each_net
def test_maps_are_the_backbones_own(name: str, strides: tuple[int, ...]) -> None:
    found = pyramid(name).eval()
    x = torch.randn(2, 3, 70, 90)
    with torch.no_grad():
        maps = found.maps_by_stride(x)
        assert torch.equal(maps[strides[-1]], found.net.maps(x))
    assert tuple(maps) == tuple(found.channels) == strides
    for stride, one in maps.items():
        assert one.shape[:2] == (2, found.channels[stride])
        assert all(abs(places * stride - side) < 3 * stride for places, side in zip(one.shape[2:], (70, 90), strict=True))


@each_net
def test_what_is_left_of_the_backbone_learns(name: str, strides: tuple[int, ...]) -> None:
    found = pyramid(name)
    found(torch.randn(2, 3, 70, 90))[strides[-1]].square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in found.parameters())
    assert all(not list(stage.parameters()) for name, stage in found.net.stages() if name in ("hidden", "head", "auxiliary"))


def test_building_leaves_the_averages_and_the_mode_alone() -> None:
    net = MODELS["cnn"](SPEC, config_of(MODELS["cnn"])())
    before = {name: t.clone() for name, t in net.state_dict().items()}
    found = Pyramid(net)
    assert found.net.training
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())


def test_the_top_down_path_joins_maps_of_odd_sizes() -> None:
    torch.manual_seed(0)
    fpn = FPN((4, 6, 8), 5)
    maps = [torch.randn(1, c, h, w, requires_grad=True) for c, h, w in ((4, 13, 17), (6, 7, 9), (8, 4, 5))]
    joined = fpn(maps)
    assert [tuple(one.shape) for one in joined] == [(1, 5, 13, 17), (1, 5, 7, 9), (1, 5, 4, 5)]
    joined[0].sum().backward()
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in maps)  # the finest sees all coarser ones
    maps[0].grad = None
    fpn(maps)[2].sum().backward()
    assert maps[0].grad is None or not maps[0].grad.any()  # and the coarsest sees no finer one
    assert coarser(joined[2]).shape == (1, 5, 2, 3)


def test_names_are_torchvisions() -> None:
    names = {name for name, _ in FPN((4, 6), 5).named_parameters()}
    assert names == {f"{part}_blocks.{n}.0.{kind}" for part in ("inner", "layer") for n in (0, 1) for kind in ("weight", "bias")}


def test_a_layer_beside_the_head_is_no_loss() -> None:
    """Negative control: without taking the head off, parameters would be left that nothing reaches."""
    net: nn.Module = MODELS["cnn"](SPEC, config_of(MODELS["cnn"])())
    net.maps(torch.randn(2, 3, 70, 90)).sum().backward()
    assert any(p.grad is None for p in net.parameters())
