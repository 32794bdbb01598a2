"""What every network that finds objects promises: the shape and order of its answers, losses that bear any picture, weights that travel.

The light ones stand on a tiny backbone here; the published forms are held to torchvision in tests/reference.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from lamina.core import rng
from lamina.core.backbone import HALVES, IMAGENET, Backbone
from lamina.core.config import build, config_of
from lamina.core.detector import Detector, Truth
from lamina.core.errors import DataError, UsageError
from lamina.core.predictor import Predictor
from lamina.core.spec import Boxes, Classes, Image, Spec, Vector
from lamina.models import MODELS, weights
from lamina.models.default_boxes import REACH, FittedBoxes, level_of
from lamina.models.published import published
from lamina.nn.scaled import Scaled

NAMES = ("a", "b", "c")
TINY: dict[str, dict[str, Any]] = {
    "ssd": {"backbone": "cnn", "strides": "4,8,16", "width": 16, "score": 0.001},
    "faster_rcnn": {"backbone": "cnn", "strides": "4,8", "width": 16, "hidden": 16, "score": 0.001},
}
ALL = [*TINY, "ssd300", "fasterrcnn_resnet50_fpn"]
each_light = pytest.mark.parametrize("name", TINY)


def spec(channels: int = 3, height: int = 64, width: int = 96) -> Spec:
    return Spec(input=Image(channels=channels, height=height, width=width), target=Boxes(names=NAMES))


def network(name: str, shape: Spec | None = None, **knobs: Any) -> Any:
    rng.reseed(0, 0, "weights")
    return MODELS[name](spec() if shape is None else shape, build(name, config_of(MODELS[name]), {**TINY.get(name, {}), **knobs}))


def pictures(rows: int = 3, channels: int = 3) -> torch.Tensor:
    return torch.randn(rows, channels, 64, 96, generator=torch.Generator().manual_seed(0))


def truth(boxes: Any = ((4, 4, 20, 24), (30, 10, 90, 60), (50, 30, 58, 37)), image: Any = (0, 0, 2), weight: Any = (1, 1, 1)) -> Truth:
    found = torch.tensor(boxes, dtype=torch.float32).view(-1, 4)
    return Truth(found, torch.tensor(image).long(), torch.arange(len(found)) % 3, torch.tensor(weight).float())


def answers(net: Any, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = net.eval()(x)
    return found


def losses(net: Any, x: torch.Tensor, objects: Truth) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)  # of the sampled anchors
    found: dict[str, torch.Tensor] = net.losses(x, objects)
    return found


@pytest.mark.parametrize("name", ALL)
def test_config_survives_json_and_other_data_are_refused(name: str) -> None:
    config = config_of(MODELS[name])
    assert config.model_validate_json(config().model_dump_json()) == config()
    assert all(field.description for field in config.model_fields.values())
    assert MODELS.summary(name)
    for wrong in (Spec(input=Image(channels=3, height=300, width=300), target=Classes(names=NAMES)),
                  Spec(input=Vector(size=3), target=Boxes(names=NAMES))):  # fmt: skip
        with pytest.raises(UsageError) as caught:
            MODELS[name](wrong, config())
        assert f"`{name}`" in caught.value.expected


@each_light
def test_answers_are_inside_the_picture_the_best_first_and_filled_up(name: str) -> None:
    net = network(name, most=7)
    assert isinstance(net, Detector)
    assert isinstance(net.backbone, Backbone)
    found = answers(net, pictures())
    assert found.shape == (3, 7, 6)
    assert found.isfinite().all()
    assert (found[..., 4].diff(dim=1) <= 0).all()
    assert (found[..., 4] > 0).any()
    assert (found[..., :4] >= 0).all()
    assert (found[..., :4] <= torch.tensor([96, 64, 96, 64])).all()
    assert set(found[..., 5].unique().tolist()) <= {0, 1, 2}
    assert not answers(network(name, score=1.0), pictures()).any()


@each_light
def test_pictures_are_answered_each_by_itself(name: str) -> None:
    net = network(name)
    x = pictures()
    torch.testing.assert_close(answers(net, x[[2, 0]]), answers(net, x)[[2, 0]], rtol=1e-4, atol=1e-4)


@each_light
def test_saved_and_loaded_it_answers_the_same(name: str, tmp_path: Path) -> None:
    """With the shapes of its default boxes, which were fitted."""
    trained, other = network(name), network(name)
    trained.fit_anchors(torch.cat([truth().boxes, truth().boxes * 0.7, truth().boxes * 0.8, truth().boxes * 0.9]))
    assert "fitted to 12 boxes" in trained.anchors_told
    assert not torch.equal(answers(trained, pictures()), answers(other, pictures()))
    save_file({k: t.contiguous() for k, t in trained.state_dict().items()}, tmp_path / "weights.safetensors")
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(answers(trained, pictures()), answers(other, pictures()))
    assert other.anchors_told == trained.anchors_told


@each_light
@pytest.mark.parametrize("loss", ["focal", "mining"])
def test_a_gradient_reaches_every_parameter(name: str, loss: str) -> None:
    if name != "ssd" and loss == "mining":
        pytest.skip("a knob of `ssd`")
    net = network(name, **({"loss": loss} if name == "ssd" else {})).train()
    boxes = torch.tensor([[4.0, 4, 18, 19], [20, 10, 50, 40], [2, 2, 94, 62]])  # of every map
    parts = losses(net, pictures(), truth(boxes.tolist(), (0, 1, 2)))
    assert all(value.ndim == 0 and value > 0 for value in parts.values())
    sum(parts.values()).backward()
    assert [key for key, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@each_light
@pytest.mark.parametrize("objects", [truth((), (), ()), truth(weight=(0, 0, 0))], ids=["none", "all ignored"])
def test_pictures_without_objects_teach_that_there_is_nothing(name: str, objects: Truth) -> None:
    net = network(name).train()
    parts = losses(net, pictures(), objects)
    assert all(value.isfinite() for value in parts.values())
    assert parts["class_loss"] > 0
    assert parts["box_loss"] == 0
    sum(parts.values()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


@each_light
def test_thousands_of_objects_in_one_picture_are_borne(name: str) -> None:
    corner = torch.rand(5000, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([80.0, 50])
    boxes = torch.cat([corner, corner + 3 + 10 * torch.rand(5000, 2, generator=torch.Generator().manual_seed(1))], 1)
    many = Truth(boxes, torch.zeros(5000, dtype=torch.int64), torch.arange(5000) % 3, torch.ones(5000))
    parts = losses(network(name), pictures(1), many)
    assert all(value.isfinite() and value > 0 for value in parts.values())


@each_light
def test_the_class_of_an_ignored_object_does_not_matter(name: str) -> None:
    net = network(name).eval()  # so that normalization is the same
    one, other = truth(weight=(1, 0, 1)), truth(weight=(1, 0, 1))
    other.classes[1] = 0
    assert one.classes[1] != other.classes[1]
    first, second = losses(net, pictures(), one), losses(net, pictures(), other)
    assert first == second
    other.weight[1] = 1  # negative control
    assert losses(net, pictures(), other) != first


@each_light
def test_it_takes_grey_pictures_and_odd_sides_behind_its_scale(name: str) -> None:
    shape = spec(1, 45, 61)
    model = Scaled(network(name, shape), shape).eval()
    x = torch.randint(0, 256, (2, 1, 45, 61)).byte()
    assert Predictor(model, torch.device("cpu"))(x).shape == (2, 100, 6)


@pytest.mark.parametrize(("name", "knobs"), [
    ("ssd", {"backbone": "resnet1"}), ("ssd", {"backbone": "mlp"}), ("ssd", {"strides": "8,32"}), ("ssd", {"strides": "1,2"}),
    ("faster_rcnn", {"strides": "4,8,16"}), ("faster_rcnn", {"backbone": "alexnet", "strides": "2,4"}),
])  # fmt: skip
def test_what_cannot_be_built_is_refused_and_said(name: str, knobs: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        network(name, **knobs)
    assert "`" in caught.value.came
    assert caught.value.do.endswith((".", "?"))


def test_small_pictures_are_refused_by_the_large_form() -> None:
    with pytest.raises(UsageError, match="257"):
        network("ssd300", spec())


# -- default boxes ----------------------------------------------------------------------------------------


def test_shapes_are_fitted_to_the_boxes_that_a_map_reaches() -> None:
    found, random = FittedBoxes((8, 16, 32), 2), torch.Generator().manual_seed(0)
    before = found.shapes.clone()
    small = torch.tensor([[20.0, 10.0]]) + torch.rand(50, 2, generator=random)
    large = torch.tensor([[60.0, 70.0]]) + torch.rand(50, 2, generator=random)
    sides = torch.cat([small, large, torch.tensor([[200.0, 200.0]])])
    found.fit(torch.cat([torch.zeros_like(sides), sides], 1))
    assert ((found.shapes[0] >= small.amin(0)) & (found.shapes[0] <= small.amax(0))).all()
    assert ((found.shapes[1] >= large.amin(0)) & (found.shapes[1] <= large.amax(0))).all()
    assert torch.equal(found.shapes[2], before[2])  # one box fits no two shapes
    assert level_of(sides, (8, 16, 32)).unique().tolist() == [0, 1, 2]
    assert level_of(torch.tensor([[REACH * 16] * 2, [REACH * 16 - 1] * 2]), (8, 16, 32)).tolist() == [1, 0]


def test_boxes_without_an_area_fit_nothing() -> None:
    found = FittedBoxes((8, 16), 3)
    before = found.shapes.clone()
    found.fit(torch.zeros(9, 4))
    assert torch.equal(found.shapes, before)
    assert "not fitted" in found.told


# -- published weights of the backbone --------------------------------------------------------------------


@each_light
def test_published_weights_go_into_the_backbone_and_bring_their_scale(name: str) -> None:
    shape = spec(3, 64, 64)
    classes, make = shape.model_copy(update={"target": Classes(names=NAMES)}), MODELS["resnet18"]
    classifier: nn.Module = make(classes, config_of(make)())
    model = Scaled(network(name, shape, backbone="resnet18", strides="8,16"), shape)
    state = {k: t + 1 for k, t in classifier.state_dict().items()}
    weights.put_backbone(model, state)
    assert torch.equal(model.net.backbone.get_parameter("layer3.1.conv2.weight"), state["layer3.1.conv2.weight"])
    torch.testing.assert_close(model.input.mean.flatten(), torch.tensor(IMAGENET.mean))
    with pytest.raises(UsageError, match=r"layer1\.0\.conv1\.weight"):
        weights.put_backbone(model, {k: t for k, t in state.items() if k != "layer1.0.conv1.weight"})
    with pytest.raises(UsageError):
        weights.put_backbone(Scaled(network(name), spec()), state)


def test_the_weights_at_hand_go_into_the_default_backbone() -> None:
    try:
        state = published("efficientnet_lite0")
    except DataError as error:
        pytest.skip(f"no weights here: {error.came}")
    assert state is not None
    model = Scaled(MODELS["ssd"](spec(), config_of(MODELS["ssd"])()), spec())
    before = [p.detach().clone() for p in model.net.head.parameters()]
    weights.put_backbone(model, state)
    assert torch.equal(model.net.backbone.get_parameter("conv_stem.weight"), state["_conv_stem.weight"])
    assert model.input.mean.flatten().tolist() == [127.0] * 3 != list(HALVES.mean)
    assert all(torch.equal(p, was) for p, was in zip(model.net.head.parameters(), before, strict=True))
