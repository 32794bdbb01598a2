"""Learning from photos without masks: as plain training where they do not count, bit by bit from a state, and only what is sure."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as pil

from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.config import build, config_of
from lamina.core.errors import DataError, UsageError
from lamina.core.spec import IGNORED, Image, Mask, Spec
from lamina.data.arrays import ArraySplit
from lamina.data.unlabelled import Unlabelled
from lamina.methods.pseudo_label import Config, PseudoLabel
from lamina.methods.segmentation import Config as PlainConfig
from lamina.methods.segmentation import Segmentation
from lamina.models import MODELS
from lamina.optim.learner import Config as OptimConfig
from lamina.optim.learner import Learner
from lamina.verbs.request import Request
from lamina.verbs.setup import prepare

SIDE = 24
SPEC = Spec(input=Image(channels=3, height=SIDE, width=SIDE), target=Mask(names=("ground", "square")))


def squares(rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    x, y = torch.randint(60, 100, (rows, 3, SIDE, SIDE), generator=random).byte(), torch.zeros(rows, SIDE, SIDE, dtype=torch.uint8)
    for n, (top, left) in enumerate(torch.randint(0, SIDE - 8, (rows, 2), generator=random).tolist()):
        x[n, :, top : top + 8, left : left + 8] = 200
        y[n, top : top + 8, left : left + 8] = 1
    return x, y


UNET: tuple[str, dict[str, Any]] = ("unet", {"depth": 2, "width": 8})


def learner(kind: str = "pseudo", net: tuple[str, dict[str, Any]] = UNET, **words: Any) -> tuple[Learner, Any]:
    split = ArraySplit(*squares(8, 0))
    method: Any
    if kind == "plain":
        method = Segmentation(SPEC, build("segmentation", PlainConfig, {"batch": 4, **words}), split)
    else:
        method = PseudoLabel(SPEC, build("pseudo_label", Config, {"batch": 4, **words}), split)
        method.beside(Unlabelled(squares(12, 1)[0], torch.arange(12)))
    rng.reseed(0, 0, "weights")
    make = MODELS[net[0]]
    model = method.wrap(make(SPEC, build(net[0], config_of(make), net[1])), SPEC)
    method.prepare(model)
    found = Learner(model, OptimConfig(learning_rate=5e-3, ema=0.9), method.parts, 0, torch.device("cpu"), method.rates(model))
    found.steps = 100
    return found, method


def steps(found: Learner, method: Any, some: range) -> list[dict[str, float]]:
    told = []
    for step in some:
        rng.reseed(found.seed, step, "update")
        found.begin(step)
        told.append({name: value.item() for name, value in method.update(found, method.next_batch(found, step)).items()})
    return told


def parameters(found: Learner) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in found.model.named_parameters()}


def test_a_network_that_answers_twice_while_training_is_taught() -> None:
    """What is labelled is learned from with both answers, as in plain training."""
    net = "linknet", {"backbone": "compact", "up": (8,), "below": (8,)}
    found, method = learner(net=net, threshold=0.0, ramp=0.0)
    assert all(math.isfinite(value) for value in steps(found, method, range(1, 4))[-1].values())
    first, plain = (steps(*learner(kind, net=net), range(1, 2))[0]["loss"] for kind in ("pseudo", "plain"))
    assert first == plain


def test_of_weight_zero_it_is_plain_training() -> None:
    ends = []
    for kind, words in (("plain", {}), ("pseudo", {"others": 0.0})):
        found, method = learner(kind, **words)
        assert "other_loss" not in steps(found, method, range(1, 5))[-1]
        ends.append(found.model.state_dict())
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


@pytest.mark.parametrize(("threshold", "moves"), [(1.0, False), (0.0, True)])
def test_only_what_is_sure_is_taught(threshold: float, moves: bool) -> None:
    """Of a teacher that is never sure the weights are those of plain training; of one that is always believed they are not."""
    plain, method = learner("plain")
    steps(plain, method, range(1, 5))
    found, method = learner(threshold=threshold, ramp=0.0)
    told = steps(found, method, range(1, 5))[-1]
    assert told["sure"] == (1.0 if moves else 0.0)
    assert (told["other_loss"] > 0) == moves
    expected = parameters(plain)
    same = all(torch.equal(p, expected[name]) for name, p in parameters(found).items())
    assert same != moves


def test_the_weight_rises() -> None:
    found, method = learner(ramp=0.5, others=2.0)
    weights = []
    for step in (1, 25, 50, 100):
        method.next_batch(found, step)
        weights.append(method._weight(found))
    assert weights == pytest.approx([0.04, 1.0, 2.0, 2.0])


def test_a_state_continues_bit_by_bit() -> None:
    straight, other = learner(), learner()
    steps(*straight, range(1, 3))
    weights, state = {k: t.clone() for k, t in straight[0].weights().items()}, straight[0].state()
    state["model"] = {k: t.clone() for k, t in state["model"].items()}
    state["parts"]["all"]["optimizer"] = {k: {n: t.clone() for n, t in v.items()} for k, v in state["parts"]["all"]["optimizer"].items()}
    method_state = straight[1].state()
    further = steps(*straight, range(3, 6))
    other[0].load_state(weights, state)
    other[1].load_state(method_state)
    assert steps(*other, range(3, 6)) == further
    assert all(torch.equal(p, other[0].weights()[name]) for name, p in straight[0].weights().items())


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    found, method = learner()
    first = method.next_batch(found, 3)
    method.next_batch(found, 4)
    again = method.next_batch(found, 3)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["other"], method.next_batch(found, 4)["other"])


def test_a_window_brings_its_answers() -> None:
    """Each picture of one level, and its mask of the class of the same number."""
    found, method = learner(strong=0.0, mixed=0.9)
    method.next_batch(found, 1)
    x = torch.arange(4.0)[:, None, None, None].expand(4, 3, SIDE, SIDE)
    harder, y = method._harder(found, x, x[:, 0].byte())
    assert torch.equal(harder[:, 0], y.float())
    assert (y != x[:, 0]).any()
    assert all(set(one.unique().tolist()) <= {n, (n - 1) % 4} for n, one in enumerate(y))


def test_what_is_not_sure_counts_in_the_mean() -> None:
    """Half of the pixels ignored: the loss is half of that of a mask that says the same everywhere."""
    found, method = learner(ramp=0.0, strong=0.0, mixed=0.0, zoom=1.0, stretch=0.0, flip=False, colour=0.0)
    batch = method.next_batch(found, 1)
    losses = []
    for rows in (SIDE, SIDE // 2):
        y = torch.full((4, SIDE, SIDE), IGNORED, dtype=torch.uint8)
        y[:, :rows] = 0
        batch["other"] = torch.full((4, 3, SIDE, SIDE), 80.0)
        method._taught = lambda learner, x, y=y: (y, torch.ones(()))
        found, _ = learner()
        found.begin(1)
        losses.append(method.update(found, Batch(**batch))["other_loss"].item())
    assert losses[1] == pytest.approx(losses[0] / 2, rel=0.2)


def test_there_must_be_some() -> None:
    _, method = learner()
    for nothing in (None, Unlabelled(torch.zeros(0, 3, SIDE, SIDE), torch.arange(0))):
        with pytest.raises(UsageError, match="a folder `unlabelled`"):
            method.beside(nothing)


# -- from a folder ---------------------------------------------------------------------------------


@pytest.fixture
def street(tmp_path: Path) -> Path:
    x, y = squares(20, 2)
    for name in ("images", "masks", "unlabelled"):
        (tmp_path / name).mkdir()
    for n, (photo, mask) in enumerate(zip(x.movedim(1, -1).numpy(), y.numpy(), strict=True)):
        pil.fromarray(photo).save(tmp_path / ("images" if n < 12 else "unlabelled") / f"{n}.png")
        if n < 12:
            pil.fromarray(mask).save(tmp_path / "masks" / f"{n}.png")
    return tmp_path


def test_a_folder_of_photos_without_masks(street: Path, caplog: pytest.LogCaptureFixture) -> None:
    words = {"backbone": "none", "depth": "2", "width": "8"}
    setup = prepare(Request(str(street), model="unet", method="pseudo_label", words=words, warm_start="none"))
    assert setup.data.unlabelled is not None
    assert sorted(setup.data.unlabelled.where) == [f"unlabelled/{n}.png" for n in range(12, 20)]  # type: ignore[attr-defined]
    assert set(setup.data.unlabelled.batch(torch.arange(2))) == {"x"}
    assert any("8 photos in a folder `unlabelled`" in line for line in setup.data.meaning)
    assert setup.data.account.refused == ()
    with caplog.at_level("INFO", "lamina"):
        prepare(Request(str(street), model="unet", words=words, warm_start="none"))
    assert "8 rows without answers lie unused: `--method pseudo_label`" in caplog.text


def test_one_that_cannot_be_read_is_refused_and_counted(street: Path) -> None:
    (street / "unlabelled" / "broken.png").write_bytes(b"no picture")
    words = {"data.allow_refused": "0.5", "backbone": "none", "depth": "2", "width": "8"}
    data = prepare(Request(str(street), model="unet", words=words, warm_start="none")).data
    assert [one.where for one in data.account.refused] == ["unlabelled/broken.png"]
    assert data.unlabelled is not None
    assert len(data.unlabelled) == 8


def test_none_that_can_be_read(street: Path) -> None:
    for file in (street / "unlabelled").iterdir():
        file.write_bytes(b"no picture")
    request = Request(str(street), model="unet", method="pseudo_label", words={"data.allow_refused": "0.9"}, warm_start="none")
    with pytest.raises((UsageError, DataError)) as told:
        prepare(request)
    assert "unlabelled" in str(told.value)


def test_a_photo_without_a_mask_elsewhere_is_refused(street: Path) -> None:
    pil.fromarray(np.zeros((SIDE, SIDE, 3), np.uint8)).save(street / "images" / "alone.png")
    with pytest.raises(DataError, match="a folder `unlabelled`"):
        prepare(Request(str(street), model="unet", words={"data.allow_refused": "0.01"}, warm_start="none"))
