"""The method that teaches masks: it learns, continues bit by bit, a batch follows from seed and step, and what is to keep still does."""

from typing import Any

import pytest
import torch

from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.config import build, config_of
from lamina.core.errors import UsageError
from lamina.core.spec import IGNORED, Classes, Image, Mask, Spec
from lamina.data.arrays import ArraySplit
from lamina.methods.segmentation import Config, Segmentation
from lamina.models import MODELS
from lamina.optim.learner import Config as OptimConfig
from lamina.optim.learner import Learner

SIDE, ROWS = 32, 10
SPEC = Spec(input=Image(channels=3, height=SIDE, width=SIDE), target=Mask(names=("ground", "square")))
AS_THEY_ARE = {"flip": False, "zoom": 1.0, "stretch": 0.0, "colour": 0.0}


def squares() -> ArraySplit:
    """A bright square on noise a picture; of each mask the first line is nobody's."""
    random = torch.Generator().manual_seed(0)
    x, y = torch.randint(60, 100, (ROWS, 3, SIDE, SIDE), generator=random).byte(), torch.zeros(ROWS, SIDE, SIDE, dtype=torch.uint8)
    for n, (top, left) in enumerate(torch.randint(2, 16, (ROWS, 2), generator=random).tolist()):
        x[n, :, top : top + 12, left : left + 12] = 230
        y[n, top : top + 12, left : left + 12] = 1
    y[:, 0] = IGNORED
    return ArraySplit(x, y)


def learner(words: dict[str, Any] | None = None, seed: int = 0, backbone: str = "cnn") -> tuple[Learner, Segmentation]:
    method = Segmentation(SPEC, build("segmentation", Config, {"batch": 5, **(words or {})}), squares())
    rng.reseed(seed, 0, "weights")
    make = MODELS["unet"]
    net = make(SPEC, build("unet", config_of(make), {"backbone": backbone, "depth": 2, "width": 8, "up": (16, 8), "finest": 2}))
    model = method.wrap(net, SPEC)
    method.prepare(model)
    found = Learner(model, OptimConfig(learning_rate=5e-3), method.parts, seed, torch.device("cpu"), method.rates(model))
    found.steps = 1000
    return found, method


def update(found: Learner, method: Segmentation, step: int, batch: Batch | None = None) -> float:
    rng.reseed(found.seed, step, "update")
    found.begin(step)
    return method.update(found, method.next_batch(found, step) if batch is None else batch)["loss"].item()


def test_a_batch_is_learned_by_heart() -> None:
    found, method = learner(AS_THEY_ARE, backbone="none")
    batch = method.next_batch(found, 1)
    first = update(found, method, 1, batch)
    for step in range(2, 60):
        last = update(found, method, step, batch)
    assert last < first / 10
    said = found.predictor()(batch["x"]).argmax(1)
    judged = batch["y"] != IGNORED
    assert (said == batch["y"])[judged].float().mean() > 0.98


def test_a_state_continues_bit_by_bit() -> None:
    straight, other = learner(), learner()
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
    (one, method), (other, _) = learner(), learner(seed=1)
    first, again, elsewhere = (method.next_batch(who, 1) for who in (one, one, other))
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not torch.equal(first["x"], elsewhere["x"])


def test_what_keeps_still_does_not_move_and_the_rest_does() -> None:
    found, method = learner({"still": 1, "averages": False})
    before = {k: t.clone() for k, t in found.model.state_dict().items()}
    for step in (1, 2):
        update(found, method, step)
    moved = {k for k, t in found.model.state_dict().items() if not torch.equal(t, before[k])}
    assert not {k for k in moved if k.startswith("net.down.net.stem") or (k.startswith("net.down") and "running" in k)}
    assert {k for k in moved if k.startswith("net.down.net.blocks")}
    assert {k for k in moved if k.startswith("net.up") and "running" in k}


def test_lower_stages_move_by_lower_rates() -> None:
    found, method = learner({"decay": 0.5})
    shares = method.rates(found.model)
    stages = dict(found.model.net.backbone.stages())
    assert {shares[p] for p in stages["blocks"].parameters()} == {0.5}
    assert {shares[p] for p in stages["stem"].parameters()} == {0.25}


def test_other_targets_are_refused() -> None:
    classes = Spec(input=SPEC.input, target=Classes(names=("a", "b")))
    with pytest.raises(UsageError, match="segmentation"):
        Segmentation(classes, Config(), squares())
