"""The zoo against torchvision and timm: the same names, outputs and gradients; and the parts that every backbone shows.

torchvision can be imported beside a torch for CPUs once the schemas of its two compiled operators are declared; nothing
here calls them. Where torchvision or timm is absent, the tests that need it are skipped.
"""

import math
import sys
from collections.abc import Callable, Iterator
from operator import attrgetter
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from lamina.core import rng
from lamina.core.backbone import IMAGENET, Backbone, features
from lamina.core.batch import Batch
from lamina.core.config import config_of
from lamina.core.spec import Classes, Image, Mask, Spec
from lamina.data.arrays import ArraySplit
from lamina.methods.supervised import Config as SupervisedConfig
from lamina.methods.supervised import Supervised
from lamina.models import MODELS, deeplab, fcn
from lamina.nn.dropout import Dropout
from lamina.nn.losses import cross_entropy
from lamina.nn.scale import InputScale
from lamina.nn.scaled import Scaled
from lamina.optim.learner import Config as OptimConfig
from lamina.optim.learner import Learner

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor", "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)  # fmt: skip
SIZES = {"cnn": 20, "vgg11": 32, "vgg16": 32, "alexnet": 63}  # px; the others take 33
Parity = tuple[str, dict[str, Any], str, dict[str, Any]]
PARITY: tuple[Parity, ...] = (  # our model and knobs; the reference's and its
    ("resnet18", {"stem": "imagenet"}, "torchvision.resnet18", {}),
    ("se_resnet", {"stem": "imagenet", "depth": 18}, "timm.seresnet18", {}),
    ("googlenet", {}, "torchvision.googlenet", {"init_weights": False}),
    ("alexnet", {"hidden": "imagenet"}, "torchvision.alexnet", {}),
    ("efficientnet_lite0", {}, "timm.tf_efficientnet_lite0", {}),
    ("efficientnet_lite0", {"origin": "timm"}, "timm.efficientnet_lite0", {}),
)
LARGE: tuple[Parity, ...] = (
    ("resnet34", {"stem": "imagenet"}, "torchvision.resnet34", {}),
    ("resnet50", {"stem": "imagenet"}, "torchvision.resnet50", {}),
    ("se_resnet", {"stem": "imagenet"}, "timm.seresnet50", {}),
    ("vgg11", {"hidden": "imagenet"}, "torchvision.vgg11", {}),
    ("vgg16", {"hidden": "imagenet"}, "torchvision.vgg16", {}),
)
each_parity = pytest.mark.parametrize(
    "parity", [*PARITY, *(pytest.param(row, marks=pytest.mark.slow) for row in LARGE)], ids=lambda row: row[2]
)
each_backbone = pytest.mark.parametrize(
    "name",
    ["cnn", "efficientnet_lite0", *(pytest.param(n, marks=pytest.mark.slow) for n in (
        "resnet18", "resnet34", "resnet50", "se_resnet", "googlenet", "vgg11", "vgg16", "alexnet"))],
)  # fmt: skip


@pytest.fixture(scope="module")
def reference() -> Iterator[Callable[[str, dict[str, Any]], nn.Module]]:
    """`make("timm.resnet18", {})`: a model of torchvision's or timm's, without memory for its weights."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    torchvision = _torchvision(library)

    def make(name: str, knobs: dict[str, Any]) -> nn.Module:
        package, _, model = name.partition(".")
        with torch.device("meta"):
            if package == "timm":
                made: nn.Module = pytest.importorskip("timm", reason="needs timm").create_model(model, **knobs)
            else:
                made = attrgetter(model)(torchvision.models)(**knobs)
        return made

    yield make
    del library


def _torchvision(library: torch.library.Library) -> ModuleType:
    try:
        return pytest.importorskip("torchvision", reason="needs torchvision")
    except RuntimeError:  # a torch for CPUs: torchvision's operators are not there
        for schema in SCHEMAS:
            library.define(schema)
        for module in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[module]
        return pytest.importorskip("torchvision", reason="needs torchvision")


def spec(pixels: int, channels: int = 3, classes: int = 1000) -> Spec:
    return Spec(input=Image(channels=channels, height=pixels, width=pixels), target=Classes(names=tuple(map(str, range(classes)))))


def ours(name: str, shape: Spec, **knobs: Any) -> Any:
    return MODELS[name](shape, config_of(MODELS[name])(**knobs))


def drawn(net: nn.Module) -> dict[str, torch.Tensor]:
    """Weights that keep the signal through rectifiers, and averages that are neither 0 nor 1, for each name of `net`."""
    random = torch.Generator().manual_seed(0)
    state = {}
    for name, t in net.state_dict().items():
        if t.ndim > 1:
            bound = math.sqrt(6 / t[0].numel())
            state[name] = torch.empty(t.shape).uniform_(-bound, bound, generator=random)
        elif t.ndim == 1:
            low = -0.5 if name.endswith(("bias", "mean")) else 0.5
            state[name] = torch.empty(t.shape).uniform_(low, low + 1, generator=random)
        else:
            state[name] = torch.zeros(t.shape, dtype=t.dtype)
    return state


def twins(parity: Parity, make: Callable[[str, dict[str, Any]], nn.Module]) -> tuple[Any, nn.Module]:
    """Our network and the reference with the same weights; to take them strictly, both must have the same names."""
    name, knobs, theirs_name, theirs_knobs = parity
    theirs = make(theirs_name, theirs_knobs)
    with torch.device("meta"):
        mine = ours(name, spec(224), **knobs)
    state = drawn(theirs)
    for net in (mine, theirs):
        net.load_state_dict(state, strict=True, assign=True)
    return mine, theirs


def noise(pixels: int, channels: int = 3, rows: int = 2) -> torch.Tensor:
    return torch.randn(rows, channels, pixels, pixels + 4, generator=torch.Generator().manual_seed(1))


def without_dropout(net: nn.Module) -> nn.Module:
    for layer in net.modules():
        if isinstance(layer, Dropout):
            layer.dropped = 0
        elif isinstance(layer, nn.Dropout):
            layer.p = 0.0
    return net


@each_parity
def test_names_and_outputs_are_the_published(parity: Parity, reference: Any) -> None:
    mine, theirs = twins(parity, reference)
    x = noise(SIZES.get(parity[0], 33))
    with torch.no_grad():
        expected = theirs.eval()(x)
        torch.testing.assert_close(mine.eval()(x), expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize("parity", PARITY[:1], ids=lambda row: row[2])
def test_gradients_are_the_published(parity: Parity, reference: Any) -> None:
    mine, theirs = twins(parity, reference)
    for net in (mine, theirs):
        net.train()(noise(65)).square().mean().backward()
    expected = dict(theirs.named_parameters())
    for name, parameter in mine.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name].grad, rtol=1e-4, atol=1e-5 * expected[name].grad.abs().max().item())


def test_auxiliary_heads_and_the_input_scale_are_the_published(reference: Any) -> None:
    """torchvision's GoogLeNet takes pictures in ImageNet's scale and changes it itself; ours is told the scale that comes out."""
    mine, theirs = (without_dropout(net).train() for net in twins(PARITY[2], reference))
    theirs.transform_input = True
    for layer in [*mine.modules(), *theirs.modules()]:
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()  # two rows of one place would be normalized to one, however near they are
    pixels = torch.randint(0, 256, (2, 3, 40, 44), generator=torch.Generator().manual_seed(2)).byte()
    scales = [InputScale(spec(40)), InputScale(spec(40))]
    for scale, wanted in zip(scales, (mine.published.scale, IMAGENET), strict=True):
        scale.fix(wanted)
    with torch.no_grad():
        for found, expected in zip(mine(scales[0](pixels)), theirs(scales[1](pixels)), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


def test_auxiliary_losses_are_added_while_training() -> None:
    shape = spec(16, 1, 3)
    x, y = torch.randint(0, 256, (4, 1, 16, 16)).byte(), torch.tensor([0, 1, 2, 0])
    method = Supervised(shape, SupervisedConfig(batch=4), ArraySplit(x, y))
    model = Scaled(without_dropout(ours("googlenet", shape)), shape)
    main, *others = model.train().scaled(x)
    expected = cross_entropy(main, y).mean() + 0.3 * sum(cross_entropy(other, y).mean() for other in others)
    learner = Learner(model, OptimConfig(), method.parts, 0, torch.device("cpu"))
    learner.begin(1)
    assert len(others) == 2
    torch.testing.assert_close(method.update(learner, Batch(x=x, y=y))["loss"], expected.detach(), rtol=1e-4, atol=1e-4)


@each_backbone
def test_the_parts_make_up_the_whole(name: str) -> None:
    rng.reseed(0, 0, "weights")
    pixels = SIZES.get(name, 33)
    net = ours(name, spec(pixels, 3, 4)).eval()
    assert isinstance(net, Backbone)
    names, parts = zip(*net.stages(), strict=True)
    held = [id(p) for part in parts for p in part.parameters()]
    assert sorted(held) == sorted(id(p) for p in net.parameters())  # each in exactly one
    assert len(set(names)) == len(names)
    assert names[-1] == "head"
    assert parts[-1] is net.head
    x = noise(pixels)
    with torch.no_grad():
        maps, pooled = net.maps(x), features(net, x)
        assert maps.ndim == 4
        assert pooled.shape == (2, net.head.in_features)
        torch.testing.assert_close(net.head(pooled), net(x))
    assert {step for step, _ in net.steps()} < set(names)


@pytest.mark.parametrize(("pixels", "stem", "stride"), [(63, "auto", 1), (64, "auto", 2), (28, "imagenet", 2), (224, "small", 1)])
def test_small_pictures_keep_their_sides_in_the_stem(pixels: int, stem: str, stride: int) -> None:
    with torch.device("meta"):
        net = ours("resnet18", spec(pixels), stem=stem)
    assert net.conv1.stride == (stride, stride)
    assert isinstance(net.maxpool, nn.MaxPool2d) == (stride == 2)


def test_zero_init_begins_with_every_branch_silent() -> None:
    net = ours("resnet18", spec(32, 3, 4), zero_init=True).eval()
    x = torch.rand(2, 64, 8, 8)
    with torch.no_grad():
        assert torch.equal(net.layer1(x), x)
        assert not torch.equal(ours("resnet18", spec(32, 3, 4)).eval().layer1(x), x)


# -- networks of masks --------------------------------------------------------------------------------

PER_PIXEL: dict[str, tuple[dict[str, Any], str]] = {  # our model with its knobs, and torchvision's head
    "deeplab": ({"form": "v3", "backbone": "resnet50", "output_stride": 8, "rates": (12, 24, 36), "width": 256}, "deeplabv3.DeepLabHead"),
    "fcn": ({"form": "dilated", "backbone": "resnet50"}, "fcn.FCNHead"),
}
WHOLE = {"deeplab": "torchvision.segmentation.deeplabv3_resnet50", "fcn": "torchvision.segmentation.fcn_resnet50"}


def masks_of(height: int, width: int, classes: int = 21) -> Spec:
    return Spec(input=Image(channels=3, height=height, width=width), target=Mask(names=tuple(map(str, range(classes)))))


def loaded(name: str, theirs: nn.Module) -> Any:
    """Our network with the weights of torchvision's, taken strictly by the names of `from_torchvision`."""
    with torch.device("meta"):
        mine = ours(name, masks_of(64, 64), **PER_PIXEL[name][0])
    state = drawn(theirs)
    theirs.load_state_dict(state, strict=True, assign=True)
    mine.load_state_dict(deeplab.from_torchvision(state), strict=True, assign=True)
    return mine


@pytest.mark.slow
@pytest.mark.parametrize("auxiliary", [False, True])
@pytest.mark.parametrize("name", PER_PIXEL)
def test_networks_of_masks_are_the_published(name: str, auxiliary: bool, reference: Any) -> None:
    theirs = reference(WHOLE[name], {"weights": None, "weights_backbone": None, "num_classes": 21, "aux_loss": auxiliary})
    mine, x = loaded(name, theirs).eval(), noise(65)
    with torch.no_grad():
        expected = theirs.eval()(x)["out"]
        torch.testing.assert_close(mine(x), expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())
        for layer in mine.modules():  # negative control: what was not strided must be dilated
            if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3) and layer.dilation == (4, 4):
                layer.dilation = layer.padding = (2, 2)
        assert not torch.allclose(mine(x), expected, rtol=1e-2)


@pytest.mark.parametrize("name", PER_PIXEL)
def test_heads_of_masks_are_the_published(name: str, reference: Any) -> None:
    """The head alone, on narrow maps, with its gradients."""
    theirs = reference(f"torchvision.segmentation.{PER_PIXEL[name][1]}",
                       {"in_channels": 64, "num_classes" if name == "deeplab" else "channels": 5})
    theirs = theirs.to_empty(device="cpu")
    theirs.load_state_dict(drawn(theirs))
    v3 = deeplab.Config(form="v3", width=256)
    mine = deeplab._coarse(64, (12, 24, 36), v3, 5) if name == "deeplab" else fcn._head(64, 5, 0.1)
    mine.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, 64, 9, 13, generator=torch.Generator().manual_seed(1))
    for net in (mine, theirs):
        without_dropout(net.train())(x).square().mean().backward()
    expected = dict(theirs.named_parameters())
    for place, parameter in mine.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[place].grad, rtol=1e-3, atol=1e-5 * expected[place].grad.abs().max().item())
