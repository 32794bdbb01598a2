"""What networks of masks and their training promise beyond the contracts of every model: any size of picture, published backbones,
pictures and masks that move together, answers that are mirrored back."""

import math
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.config import config_of
from lamina.core.errors import UsageError
from lamina.core.spec import IGNORED, Classes, Image, Mask, Spec
from lamina.data.arrays import ArraySplit
from lamina.methods.supervised import Config, Supervised, seen_by
from lamina.models import MODELS, weights
from lamina.nn.dilation import dilate
from lamina.nn.pyramid import Pyramid
from lamina.nn.scaled import Scaled
from lamina.optim.learner import Config as OptimConfig
from lamina.optim.learner import Learner

FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "fcn": ("fcn", {}), "fcn-dilated": ("fcn", {"form": "dilated"}), "unet": ("unet", {"width": 4}),
    "unet-lite0": ("unet", {"backbone": "efficientnet_lite0"}), "unet-separable": ("unet", {"backbone": "cnn", "separable": True}),
    "deeplab": ("deeplab", {"width": 16}), "deeplab-v3": ("deeplab", {"form": "v3", "width": 16, "output_stride": 8}),
    "linknet": ("linknet", {}), "linknet-compact": ("linknet", {"backbone": "compact", "up": (24, 16)}),
    "linknet-below": ("linknet", {"backbone": "compact", "up": (24, 16), "below": (32, 24)}),
    "fcn-cnn": ("fcn", {"backbone": "cnn", "finest": 2}),
    "deeplab-cnn": ("deeplab", {"backbone": "cnn", "width": 16, "output_stride": 8, "fine": 2}),
    "deeplab-larger": ("deeplab", {"width": 16, "enlarge": 1.5}),
    "deeplab-fine": ("deeplab", {"width": 16, "fine": 2, "rates": (1,), "separable": False}),
}  # fmt: skip
PIXELS = (33, 47)


def spec(height: int = PIXELS[0], width: int = PIXELS[1], channels: int = 3, classes: int = 4) -> Spec:
    return Spec(input=Image(channels=channels, height=height, width=width), target=Mask(names=tuple(map(str, range(classes)))))


def network(form: str, shape: Spec, **knobs: Any) -> Any:
    name, mine = FORMS[form]
    rng.reseed(0, 0, "weights")
    return MODELS[name](shape, config_of(MODELS[name])(**mine, **knobs))


def scenes(rows: int = 6, shape: Spec = spec()) -> ArraySplit:
    """Pictures whose red says the class, blurred by noise."""
    random = torch.Generator().manual_seed(0)
    height, width = shape.input.shape[1:]
    coarse = torch.randint(0, shape.target.size, (rows, 1, 4, 6), generator=random).float()
    y = nn.functional.interpolate(coarse, (height, width))[:, 0].byte()
    x = torch.randint(0, 40, (rows, shape.input.shape[0], height, width), generator=random).byte()
    x[:, 0] += 50 * y
    return ArraySplit(x, y)


def learning(form: str, split: ArraySplit, rate: float = 3e-3, **words: Any) -> tuple[Supervised, Learner]:
    method = Supervised(spec(), Config(batch=len(split), **words), split)
    model = method.wrap(network(form, spec()), spec())
    method.prepare(model)
    learner = Learner(model, OptimConfig(learning_rate=rate), method.parts, 0, torch.device("cpu"))
    learner.steps = 1000
    return method, learner


def update(method: Supervised, learner: Learner, step: int) -> float:
    rng.reseed(0, step, "update")
    learner.begin(step)
    return method.update(learner, method.next_batch(learner, step))["loss"].item()


# -- networks ---------------------------------------------------------------------------------------


@cache
def made(form: str, channels: int) -> nn.Module:
    """Networks take pictures of any size, whatever the spec says."""
    return network(form, spec(channels=channels)).eval()


@given(height=st.integers(1, 70), width=st.integers(1, 70), channels=st.sampled_from([1, 3]), form=st.sampled_from(sorted(FORMS)))
@example(height=1, width=1, channels=3, form="deeplab-cnn")
@example(height=5, width=41, channels=1, form="linknet-below")
@settings(max_examples=20)
def test_an_answer_has_the_size_of_the_picture(height: int, width: int, channels: int, form: str) -> None:
    with torch.no_grad():
        answer = made(form, channels)(torch.randn(2, channels, height, width))
    assert answer.shape == (2, 4, height, width)
    assert answer.isfinite().all()


@pytest.mark.parametrize("kind", [Classes(names=("a", "b"))])
@pytest.mark.parametrize("name", ["fcn", "unet", "linknet", "deeplab"])
def test_one_answer_a_picture_is_refused(name: str, kind: Any) -> None:
    with pytest.raises(UsageError, match=f"pictures with masks for `{name}`"):
        MODELS[name](Spec(input=Image(channels=3, height=32, width=32), target=kind), config_of(MODELS[name])())


@pytest.mark.parametrize(("name", "knobs", "said"), [
    ("deeplab", {"output_stride": 12}, "8, 16 or 32"), ("deeplab", {"backbone": "mlp"}, "in stages"),
    ("unet", {"backbone": "deeplab"}, "masks"), ("fcn", {"backbone": "resnet19"}, "resnet1"),
    ("deeplab", {"backbone": "googlenet"}, "output_stride"),
])  # fmt: skip
def test_what_does_not_fit_together_is_refused(name: str, knobs: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        MODELS[name](spec(), config_of(MODELS[name])(**knobs))
    assert said in str(caught.value)


@pytest.mark.parametrize("form", ["fcn", "unet-lite0", "linknet", "deeplab"])
def test_a_backbone_takes_published_weights(form: str) -> None:
    """Those of a classifier with another head, in place and by name."""
    net = network(form, spec())
    classes = Spec(input=spec().input, target=Classes(names=("a", "b", "c")))
    rng.reseed(1, 0, "weights")
    trained = MODELS["efficientnet_lite0"](classes, config_of(MODELS["efficientnet_lite0"])())
    anew = weights.load(net.backbone, trained.state_dict(), keep_head=False)
    assert anew == []
    for name in ("conv_stem.weight", "blocks.4.1.conv_dw.weight"):
        assert torch.equal(net.backbone.state_dict()[name], trained.state_dict()[name])
    with torch.no_grad():
        x = torch.randn(2, 3, 64, 64)
        expected = trained.eval().blocks[:3](nn.functional.relu6(trained.bn1(trained.conv_stem(x))))
        pyramid = net.down if form == "unet-lite0" else net.pyramid
        torch.testing.assert_close(pyramid.eval()(x)[8], expected)  # above the stride where DeepLab dilates


def test_a_place_answers_for_its_own_square_of_pixels() -> None:
    """Scores of the f x f pixels of a place come to lie as they lie in the picture, whatever its maps say; f does not divide the sides."""
    net = network("linknet", spec(), up=(8,), finest=2)
    with torch.no_grad():
        net.score.weight.zero_()
        net.score.bias.copy_(torch.arange(float(2 * 2 * 4)))  # down, across, class
        answer = net.eval()(torch.randn(1, 3, *PIXELS))
    for down, across, k in ((0, 0, 0), (0, 1, 2), (1, 0, 3), (1, 1, 1)):
        assert (answer[0, k, down::2, across::2] == (2 * down + across) * 4 + k).all()


def test_the_coarsest_maps_answer_while_training_only() -> None:
    """At the size of the finest maps, and the masks are read at the middles of their places."""
    split = scenes(shape=spec(32, 48))
    method, learner = learning("linknet-below", split)
    net = learner.model.net.train()
    fine, coarse = net(torch.randn(2, 3, 32, 48))
    assert fine.shape == (2, 4, 32, 48)
    assert coarse.shape == (2, 4, 16, 24)
    y = torch.arange(32 * 48).view(1, 32, 48) % 251
    assert torch.equal(seen_by(y.byte(), coarse), y.byte()[:, 1::2, 1::2])
    assert torch.equal(seen_by(y, fine), y)
    batch = split.batch(torch.arange(2))
    parts = [method.mean_loss(learner, one, batch) for one in (fine, coarse)]
    assert torch.equal(method.whole_loss(learner, (fine, coarse), batch), parts[0] + parts[1])
    assert net.eval()(torch.randn(2, 3, 32, 48)).shape == (2, 4, 32, 48)


def test_enlarged_pictures_are_seen_larger_and_answered_at_their_size() -> None:
    """As if somebody had enlarged them before, but for the way back."""
    net, plain = network("deeplab", spec(), enlarge=2.0, rates=(1,)).eval(), network("deeplab", spec(), rates=(1,)).eval()
    plain.load_state_dict(net.state_dict())
    x = torch.randn(2, 3, *PIXELS)
    with torch.no_grad():
        larger = plain(nn.functional.interpolate(x, scale_factor=2, mode="bilinear"))
        assert net(x).shape[2:] == x.shape[2:]
        assert (nn.functional.interpolate(larger, PIXELS, mode="area") - net(x)).abs().mean() < 0.1 * larger.std()
        assert (plain(x) - net(x)).abs().mean() > 0.1 * larger.std(), "negative control: not enlarged"


def test_from_scratch_there_is_no_backbone() -> None:
    assert network("unet", spec()).backbone is None


# -- dilation ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "knobs", "first"), [
    ("resnet18", {"stem": "imagenet"}, 0), ("efficientnet_lite0", {"origin": "timm"}, 0), ("efficientnet_lite0", {}, 1),
])  # fmt: skip
@pytest.mark.parametrize("stride", [8, 16])
def test_dilated_maps_hold_the_coarse_ones(name: str, knobs: dict[str, Any], first: int, stride: int) -> None:
    """Every second or fourth place of them is a place of the maps as they were. TensorFlow's padding begins at the second place."""
    classes = Spec(input=Image(channels=3, height=64, width=64), target=Classes(names=("a", "b")))
    nets = []
    for _ in range(2):
        rng.reseed(0, 0, "weights")
        nets.append(MODELS[name](classes, config_of(MODELS[name])(**knobs)).eval())
    dilate(nets[1], stride)
    x, step = torch.randn(1, 3, 64, 64), 32 // stride
    with torch.no_grad():
        coarse, fine = (net.maps(x) for net in nets)
    assert fine.shape[-1] == 64 // stride
    begin = first * (step - 1)
    torch.testing.assert_close(fine[..., begin::step, begin::step], coarse, rtol=1e-4, atol=1e-5)
    assert nets[1].state_dict().keys() == nets[0].state_dict().keys()
    assert Pyramid(nets[1]).channels.keys() == {s for s in (2, 4, 8, 16, 32) if s <= stride}


def test_negative_control_without_dilation_the_kernels_would_see_other_places() -> None:
    classes = Spec(input=Image(channels=3, height=64, width=64), target=Classes(names=("a", "b")))
    nets = []
    for _ in range(2):
        rng.reseed(0, 0, "weights")
        nets.append(MODELS["resnet18"](classes, config_of(MODELS["resnet18"])(stem="imagenet")).eval())
    dilate(nets[1], 16)
    for layer in nets[1].modules():
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
            layer.dilation = layer.padding = (1, 1)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert not torch.allclose(nets[1].maps(x)[..., ::2, ::2], nets[0].maps(x), rtol=1e-2)


# -- training ---------------------------------------------------------------------------------------


def test_a_network_of_zeros_starts_at_the_loss_of_a_guess() -> None:
    method, learner = learning("unet", scenes())
    nn.init.zeros_(learner.model.net.score.weight)
    nn.init.zeros_(learner.model.net.score.bias)
    assert update(method, learner, 1) == pytest.approx(math.log(4), rel=1e-5)


@pytest.mark.parametrize(("form", "loss"), [
    *(("fcn-cnn", loss) for loss in ("auto", "pixel_focal", "dice", "cross_entropy_dice")), ("unet", "auto"), ("deeplab-cnn", "auto"),
])  # fmt: skip
def test_what_is_learned_is_the_class_of_every_pixel(form: str, loss: str) -> None:
    split = scenes()
    method, learner = learning(form, split, loss=loss, class_weights=1.0)
    first, *_, last = (update(method, learner, step) for step in range(1, 41))
    assert last < 0.7 * first
    said = learner.predictor()(split.x).argmax(1)
    assert (said == split.y).float().mean() > 0.75


def test_a_batch_of_one_picture_and_one_without_labels_can_be_learned_from() -> None:
    split = scenes(1)
    for y in (split.y, torch.full_like(split.y, IGNORED)):
        method, learner = learning("deeplab", ArraySplit(split.x, y))
        assert math.isfinite(update(method, learner, 1))
        assert all(p.isfinite().all() for p in learner.model.parameters())


@pytest.mark.parametrize("words", [{"flip": True}, {"crop": 0.3, "flip": True}, {"stretch": 0.3}])
def test_masks_move_with_their_pictures(words: dict[str, Any]) -> None:
    split = scenes(6)
    method, learner = learning("unet", split, **words)
    batch = method.next_batch(learner, 1)
    plain = split.batch(split.order(0, 0))
    assert not torch.equal(batch["y"], plain["y"])
    seen = ((batch["x"][:, 0].float() - 20) / 50).round().clamp(0, 3)  # the class that the red says
    labelled = batch["y"] != IGNORED
    right, unmoved = ((seen == y)[labelled].float().mean() for y in (batch["y"], plain["y"]))
    assert right > 0.9  # but where two areas meet
    assert 1 - unmoved > 2 * (1 - right)  # negative control


def test_the_answer_to_a_mirrored_picture_is_mirrored_back() -> None:
    model = Scaled(network("unet", spec(), mirror=True), spec()).eval()
    x = scenes().x
    with torch.no_grad():
        torch.testing.assert_close(model(x.flip(-1)), model(x).flip(-1))
        once = Scaled(network("unet", spec()), spec()).eval()
        assert not torch.allclose(once(x.flip(-1)), once(x).flip(-1), atol=1e-3)  # negative control
        torch.testing.assert_close(model(x), (once(x) + once(x.flip(-1)).flip(-1)) / 2)


def test_mixed_pictures_share_their_losses() -> None:
    split = scenes()
    method, learner = learning("unet", split, mixup=0.4)
    batch = method.next_batch(learner, 1)
    output = torch.randn(len(split), 4, *PIXELS)
    one, other = (method._losses(output, y) for y in (batch["y"], batch["y"][batch["partner"]]))
    expected = (batch["lam"] * one + (1 - batch["lam"]) * other).mean()
    torch.testing.assert_close(method.mean_loss(learner, output, Batch(**batch)), expected)
