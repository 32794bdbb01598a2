"""Every activation, normalization, init, optimizer, schedule and loss is chosen by one word on any built-in model, and learns.

Runs over everything registered: a new file is tested with no test edited. A model takes part if it takes a `Style`.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from lamina.core import rng
from lamina.core.config import config_of
from lamina.core.data import Data
from lamina.core.errors import UsageError
from lamina.data.arrays import cut, from_arrays
from lamina.models import MODELS
from lamina.nn import ACTIVATIONS, FITTING_LOSSES, INITS, LOSSES, NORMS
from lamina.nn.layers import Style
from lamina.optim import OPTIMIZERS, SCHEDULES
from lamina.verbs.request import Request
from lamina.verbs.setup import Setup, prepare

STYLED = [name for name in MODELS if issubclass(config_of(MODELS[name]), Style)]
WORDS = {"activation": ACTIVATIONS, "norm": NORMS, "init": INITS, "optimizer": OPTIMIZERS, "schedule": SCHEDULES, "loss": LOSSES}
ROW_LOSSES = {kind: losses for kind, losses in FITTING_LOSSES.items() if kind not in ("mask", "tags")}  # of masks: test_mask_networks.py
CHOICES = [(knob, word) for knob, registry in WORDS.items() for word in registry
           if knob != "loss" or any(word in losses for losses in ROW_LOSSES.values())]
ROWS, SIDE = 40, 12


def tiny(kind: str, pictures: bool) -> Data:
    """Noise with answers of a kind."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (ROWS, SIDE, SIDE), np.uint8) if pictures else random.normal(size=(ROWS, 6)).astype(np.float32)
    y = {
        "classes": np.arange(ROWS) % 3,
        "labels": random.integers(0, 2, (ROWS, 3)),
        "numbers": random.normal(size=(ROWS, 2)),
    }[kind]
    spec, rows, _ = from_arrays("tiny", x, y)
    return cut("tiny", spec, rows, 0)


DATA = {(kind, pictures): tiny(kind, pictures) for kind in ROW_LOSSES for pictures in (True, False)}


def kind_for(knob: str, word: str) -> str:
    return next(kind for kind, losses in ROW_LOSSES.items() if word in losses) if knob == "loss" else "classes"


def prepared(model: str, kind: str, **words: Any) -> Iterator[Setup]:
    """The job on pictures and on rows, whichever the model takes."""
    for pictures in (True, False):
        try:
            MODELS[model](DATA[kind, pictures].spec, config_of(MODELS[model])())
        except UsageError:
            continue
        settings = {"batch": 16, "learning_rate": 1e-3, "accumulate": 2, "weight_decay": 0.01, **words}
        yield prepare(Request(DATA[kind, pictures], model=model, words=settings, device="cpu"))


def update(setup: Setup, step: int) -> torch.Tensor:
    rng.reseed(0, step, "update")
    setup.learner.begin(step)
    return setup.method.update(setup.learner, setup.method.next_batch(setup.learner, step))["loss"]


@pytest.mark.parametrize(("knob", "word"), CHOICES, ids=lambda v: v)
@pytest.mark.parametrize("model", STYLED)
def test_learns_with_any_word(model: str, knob: str, word: str) -> None:
    setups = list(prepared(model, kind_for(knob, word), **{knob: word}))
    assert setups, "a model takes pictures or rows"
    for setup in setups:
        setup.learner.steps = 10
        parameters = dict(setup.learner.model.named_parameters())
        before = {name: p.detach().clone() for name, p in parameters.items()}
        first = update(setup, 1)  # `accumulate=2` leaves the gradients to be looked at
        assert first.isfinite()
        assert {name for name, p in parameters.items() if p.grad is None or not p.grad.abs().sum() > 0} == set()
        assert all(torch.equal(p, before[name]) for name, p in parameters.items())
        assert update(setup, 2).isfinite()
        assert any(not torch.equal(p, before[name]) for name, p in parameters.items())
        answers = setup.learner.predictor()(setup.data.valid.batch(torch.arange(2))["x"])
        assert answers.shape == (2, setup.data.spec.target.size)
        assert answers.isfinite().all()
        for config in setup.configs.values():
            assert type(config).model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize("model", STYLED)
@pytest.mark.parametrize("knob", WORDS)
def test_an_unknown_word_is_refused_with_the_nearest(model: str, knob: str) -> None:
    word = next(w for w in WORDS[knob] if len(w) > 3)
    if model == "perceptron" and knob in ("activation", "norm"):
        pytest.skip("a perceptron has no hidden units")
    with pytest.raises(UsageError, match=word):
        list(prepared(model, "classes", **{knob: word + "x"}))


@pytest.mark.parametrize("kind", ROW_LOSSES)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_for_another_kind_is_refused(kind: str, loss: str) -> None:
    if loss in FITTING_LOSSES[kind]:
        assert list(prepared("mlp", kind, loss=loss))
    else:
        with pytest.raises(UsageError, match="Losses that fit"):
            list(prepared("mlp", kind, loss=loss))


def test_a_dead_parameter_is_seen() -> None:
    """Negative control: a layer that takes no part has no gradient."""
    (_, setup) = prepared("mlp", "classes")
    net: Any = setup.learner.model.net
    net.spare = torch.nn.Linear(1, 1)
    update(setup, 1)
    dead = {name for name, p in setup.learner.model.named_parameters() if p.grad is None}
    assert dead == {"net.spare.weight", "net.spare.bias"}


def learned(**words: Any) -> torch.Tensor:
    """What LeNet answers after eight updates of ten."""
    setup = next(prepared("lenet", "classes", **{"schedule": "constant", **words}))
    setup.learner.steps = 10
    for step in range(1, 9):
        update(setup, step)
    return setup.learner.predictor()(setup.data.valid.batch(torch.arange(4))["x"])


def test_every_word_changes_what_is_learned() -> None:
    """Negative control: a word without effect would pass the contract. The defaults have none, nor has plateau while all goes well."""
    plain = learned()
    silent = {(knob, word) for knob, word in CHOICES if kind_for(knob, word) == "classes" and torch.equal(learned(**{knob: word}), plain)}
    assert silent == {("activation", "relu"), ("norm", "none"), ("optimizer", "adamw"), ("schedule", "constant"),
                      ("schedule", "plateau"), ("loss", "cross_entropy")}  # fmt: skip
