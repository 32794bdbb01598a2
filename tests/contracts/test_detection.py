"""The method that teaches networks to find objects: it learns, continues bit by bit, keeps still what is to, and bears any batch."""

from typing import Any

import pytest
import torch

from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.config import build, config_of
from lamina.core.errors import UsageError
from lamina.core.predictor import Predictor
from lamina.core.spec import Boxes, Classes, Image, Spec
from lamina.methods import METHODS
from lamina.methods.detection import Config, Detection, all_boxes
from lamina.methods.epochs import Epochs
from lamina.methods.fine_tuning import FROM_PUBLISHED
from lamina.models import MODELS
from lamina.nn.boxes import iou
from lamina.optim.learner import Config as OptimConfig
from lamina.optim.learner import Learner

SIDE, ROWS = 48, 10
SPEC = Spec(input=Image(channels=3, height=SIDE, width=SIDE), target=Boxes(names=("dark", "light")))
STILL_PICTURES = {"flip": False, "zoom": 1.0, "stretch": 0.0, "colour": 0.0}
TINY = {
    "ssd": {"backbone": "cnn", "strides": (4, 8), "width": 24},
    "faster_rcnn": {"backbone": "cnn", "strides": (4, 8), "width": 24, "hidden": 32, "shown": 64},
}


class Rectangles:
    """Dark and light rectangles on noise, two a picture; every fifth picture has none."""

    def __init__(self) -> None:
        random = torch.Generator().manual_seed(0)
        self.x = torch.randint(110, 140, (ROWS, 3, SIDE, SIDE), generator=random).byte()
        rows = []
        for n in range(ROWS):
            for kind in (0, 1) if n % 5 else ():
                x, y, w, h = (int(torch.randint(low, high, (), generator=random)) for low, high in ((1, 14), (1, 24), (9, 22), (9, 22)))
                x += 24 * kind
                w = min(w, SIDE - 1 - x)
                self.x[n, :, y : y + h, x : x + w] = 250 * kind
                rows.append((x, y, x + w, y + h, n, kind))
        self.objects = torch.tensor(rows, dtype=torch.float32)

    def __len__(self) -> int:
        return ROWS

    def batch(self, indices: torch.Tensor) -> Batch:
        mine = [self.objects[self.objects[:, 4] == n] for n in indices.tolist()]
        rows, image = torch.cat(mine), torch.cat([torch.full((len(one),), place) for place, one in enumerate(mine)]).long()
        return Batch(x=self.x[indices], boxes=rows[:, :4], box_image=image, box_class=rows[:, 5].long(), box_weight=torch.ones(len(rows)),
                     scale=torch.ones(len(indices)))

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        return torch.randperm(ROWS, generator=rng.generator(seed, epoch, "order"))


def learner(name: str, words: dict[str, Any] | None = None, seed: int = 0, rate: float = 2e-3) -> tuple[Learner, Detection]:
    method = Detection(SPEC, build("detection", Config, {"batch": 4, **(words or {})}), Rectangles())
    rng.reseed(seed, 0, "weights")
    model = method.wrap(MODELS[name](SPEC, build(name, config_of(MODELS[name]), TINY[name])), SPEC)
    method.prepare(model)
    found = Learner(model, OptimConfig(learning_rate=rate), method.parts, seed, torch.device("cpu"), method.rates(model))
    found.steps = 1000
    return found, method


def update(found: Learner, method: Detection, step: int, batch: Batch | None = None) -> dict[str, float]:
    rng.reseed(found.seed, step, "update")
    found.begin(step)
    told = method.update(found, method.next_batch(found, step) if batch is None else batch)
    return {name: value.item() for name, value in told.items()}


each_light = pytest.mark.parametrize("name", TINY)


@each_light
def test_some_pictures_are_learned_by_heart(name: str) -> None:
    """Every object is found where it is, as what it is, and the best answers are nothing else."""
    found, method = learner(name, {**STILL_PICTURES, "batch": ROWS})
    batch = method.split.batch(torch.arange(ROWS))
    first = update(found, method, 1, batch)["loss"]
    for step in range(2, 90):
        last = update(found, method, step, batch)["loss"]
    assert last < first / 3
    answers = Predictor(found.model, torch.device("cpu"))(batch["x"])
    for n, rows in enumerate(answers):
        mine = batch["box_image"] == n
        best = rows[: int(mine.sum())]
        overlaps = iou(batch["boxes"][mine], best[:, :4]) * (batch["box_class"][mine, None] == best[:, 5])
        assert (overlaps.amax(1) > 0.5).all() if mine.any() else rows[0, 4] < 0.3


@each_light
def test_a_state_continues_bit_by_bit(name: str) -> None:
    straight, other = learner(name), learner(name, seed=0)
    for step in (1, 2):
        update(*straight, step)
    weights, state = {k: t.clone() for k, t in straight[0].weights().items()}, straight[0].state()
    state["parts"]["all"]["optimizer"] = {k: {n: t.clone() for n, t in v.items()} for k, v in state["parts"]["all"]["optimizer"].items()}
    expected = update(*straight, 3)
    update(*other, 1)  # elsewhere, to be overwritten
    other[0].load_state(weights, state)
    other[1].load_state(straight[1].state())
    assert update(*other, 3) == expected
    assert all(torch.equal(t, other[0].weights()[k]) for k, t in straight[0].weights().items())


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    (one, method), (other, _) = learner("ssd"), learner("ssd", seed=1)
    first, again, elsewhere = (method.next_batch(who, 1) for who in (one, one, other))
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not torch.equal(first["x"], elsewhere["x"])
    assert not torch.equal(first["x"], method.next_batch(one, 2)["x"])


def test_the_parts_of_the_loss_are_told_and_make_it_up() -> None:
    told = update(*learner("faster_rcnn"), 1)
    assert set(told) == {"loss", "objectness_loss", "region_loss", "class_loss", "box_loss"}
    assert told["loss"] == pytest.approx(sum(value for name, value in told.items() if name != "loss"), rel=1e-5)


@each_light
def test_a_batch_without_any_object_is_borne(name: str) -> None:
    found, method = learner(name)
    told = update(found, method, 1, method.split.batch(torch.tensor([0, 5])))
    assert told["box_loss"] == 0
    assert told["loss"] > 0


def test_what_keeps_still_does_not_move_and_the_rest_does() -> None:
    found, method = learner("ssd", {"still": 1, "averages": False})
    before = {k: t.clone() for k, t in found.model.state_dict().items()}
    found.model.eval()
    for step in (1, 2, 3):
        update(found, method, step)
    moved = {k for k, t in found.model.state_dict().items() if not torch.equal(t, before[k])}
    backbone = "net.features.pyramid.net."
    assert not {k for k in moved if k.startswith(f"{backbone}stem") or (k.startswith(backbone) and "running" in k)}
    assert {k for k in moved if k.startswith(f"{backbone}blocks")}
    assert {k for k in moved if "net.head" in k and "running" in k}  # normalization outside the backbone is fresh, and learns
    free, again = learner("ssd")
    update(free, again, 1)
    assert not torch.equal(free.model.state_dict()[f"{backbone}stem.0.weight"], before[f"{backbone}stem.0.weight"])  # negative control


def test_lower_stages_move_by_lower_rates() -> None:
    found, method = learner("ssd", {"decay": 0.5})
    shares = method.rates(found.model)
    stages = dict(found.model.net.backbone.stages())
    assert {shares[p] for p in stages["blocks"].parameters()} == {0.5}
    assert {shares[p] for p in stages["stem"].parameters()} == {0.25}
    assert not set(shares) & set(found.model.net.head.parameters())


def test_what_is_to_be_chosen_with_published_weights_can_be() -> None:
    assert build("detection", Config, FROM_PUBLISHED)


def test_pictures_and_boxes_are_learned_of_before_the_first_step() -> None:
    found, method = learner("ssd")
    mean = method.split.batch(torch.arange(ROWS))["x"].float().mean((0, 2, 3))
    torch.testing.assert_close(found.model.input.mean.flatten(), mean)
    assert f"fitted to {len(all_boxes(method.split))} boxes" in found.model.net.anchors_told


def test_other_data_and_other_networks_are_refused() -> None:
    classes = Spec(input=SPEC.input, target=Classes(names=("a", "b")))
    with pytest.raises(UsageError, match="detection"):
        Detection(classes, Config(), Rectangles())
    with pytest.raises(UsageError, match="finds objects"):
        METHODS["detection"].wrap(MODELS["cnn"](classes, config_of(MODELS["cnn"])()), SPEC)


def test_an_epoch_shows_every_row_once_and_the_next_in_another_order() -> None:
    epochs = Epochs(Rectangles(), 5)
    shown = [epochs.rows(0, step)["x"] for step in (1, 2, 3, 4)]
    both = [torch.cat(shown[:2]), torch.cat(shown[2:])]
    assert not torch.equal(*both)
    assert torch.equal(*(one.flatten(1).float().sum(1).sort().values for one in both))
    assert epochs.pace(2).steps == 4
    assert epochs.counters(3) == {"epoch": 1.5, "samples": 15}
