"""What every registered method promises on data of its own: it starts where theory says, it learns, and it continues bit by bit.

A method whose task chooses it by itself is tested with no line changed here, on every data set below that the task suits.
"""

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lamina.core import rng, tree
from lamina.core.config import config_of
from lamina.core.data import Data
from lamina.core.errors import UsageError
from lamina.data import corpus, word_corpus
from lamina.data.arrays import cut, from_arrays
from lamina.data.catalog import embedded
from lamina.data.pairs import Config as PairConfig
from lamina.data.pairs import Pairs
from lamina.data.pairs import data_of as data_of_pairs
from lamina.envs import episodes
from lamina.envs.games import as_data
from lamina.methods import METHODS
from lamina.models import MODELS
from lamina.tasks import TASKS
from lamina.verbs.request import Request
from lamina.verbs.setup import Setup, prepare

ROWS = 24


def table(y: Any) -> Data:
    x = np.random.default_rng(0).normal(size=(len(y), 6)).astype(np.float32)
    spec, rows, _ = from_arrays("tiny", x, y)
    return cut("tiny", spec, rows, 0)


def digits() -> Data:
    data = embedded.digits(embedded.Config(), 0)
    rows: Any = data.train
    return Data("digits", data.spec, rows.part(torch.arange(40)), rows.part(torch.arange(20)), rows.part(torch.arange(20)))


def pairs() -> Data:
    words = ["one", "two", "three", "four", "five"]
    texts = [" ".join(words[(i * k) % 5] for k in range(1, 5)) + f" {i}" for i in range(ROWS)]
    parts = np.repeat(["train", "valid", "test"], ROWS // 3)
    found = Pairs(texts, [text[::-1] for text in texts], [f"pair {i}" for i in range(ROWS)], parts)
    return data_of_pairs("pairs", found, PairConfig(), 0)


def text(task: str) -> Data:
    chance = np.random.default_rng(2)
    kinds = [a + b for a in "abcdefgh" for b in "xyz"]
    words = " ".join(kinds[i] for i in chance.integers(0, len(kinds), 12_000))
    if task == "embed":
        return word_corpus.data_of("text", lambda: iter([words]), word_corpus.Config(), "", 1)
    return corpus.data_of("text", lambda: iter([words]), corpus.Config(), "")


RANDOM = np.random.default_rng(1)
DATA = {
    "digits": digits(), "classes": table(np.arange(ROWS) % 3), "labels": table(RANDOM.integers(0, 2, (ROWS, 3))),
    "numbers": table(RANDOM.normal(size=(ROWS, 2)) * 5 + 100), "game": episodes.load("CartPole-v1", 0),
    "controls": episodes.load("Pendulum-v1", 0), "goal": episodes.load("boat_race", 0),
    "board": as_data.data_of("tictactoe", 0),
    "pairs": pairs(), "words": text("embed"), "text": text("write"),
}  # fmt: skip
SMALL = {
    "batch": 16, "envs": 2, "horizon": 16, "epochs": 2, "noise": 8, "width": 8, "learning_rate": 2e-3,
    "block": 16, "begin": 0, "gradients": 2, "memory": 60, "target_every": 32,
    "clip_steps": 4, "asked": 4, "reward_steps": 2, "scaled": False,
}  # fmt: skip

SMALL_SEQUENCES = {"embedding": 8, "hidden": 8, "layers": 1, "stretch": 8}
SMALL_BOARD = {"games": 4, "simulations": 6, "channels": 8, "blocks": 1}


def cases() -> list[tuple[str, str, str]]:
    """(method, task, data) as the task itself would choose, and the methods that a user may name instead."""
    return [
        (method, task, name)
        for task in TASKS for name, data in DATA.items() if TASKS[task]().suits(data.spec)
        for method in methods_of(task, name)
    ]  # fmt: skip


def methods_of(task: str, data: str) -> list[str]:
    chosen = TASKS[task]().choose(DATA[data], "fast")
    return [method for method in chosen.methods or [chosen.method] if fits(method, data)]


def fits(method: str, data: str) -> bool:
    """Whether a method is tried on what is acted in: DQN takes one of several actions, SAC numbers; preferences need a goal that is told,
    and only they are tried where there is one."""
    if method == "preferences" or data == "goal":
        return method == "preferences" and data == "goal"
    return (method, data) not in {("dqn", "controls"), ("sac", "game")}


CASES = cases()
each_case = pytest.mark.parametrize(("method", "task", "data"), CASES)


def setup(task: str, data: str, method: str = "", seed: int = 0, **words: Any) -> Setup:
    choice = TASKS[task]().choose(DATA[data], "fast").beside("", method, {})
    knobs = {**config_of(METHODS[choice.method]).model_fields, **config_of(MODELS[choice.model]).model_fields}
    sizes = SMALL | (SMALL_SEQUENCES if data in ("pairs", "text") else {}) | (SMALL_BOARD if data == "board" else {})
    small = {k: v for k, v in sizes.items() if k in knobs or k == "learning_rate"}
    plain = {"schedule": "constant", "weight_decay": 0.0, "ema": 0.0} | ({"label_smoothing": 0.0, "shift": 0} if "shift" in knobs else {})
    ready = prepare(Request(DATA[data], task=task, method=method, words={**plain, **small, **words}, seed=seed, device="cpu"))
    ready.learner.steps = 1000
    return ready


def update(ready: Setup, step: int, batch: Any = None) -> dict[str, float]:
    rng.reseed(ready.learner.seed, step, "update")
    ready.learner.begin(step)
    found = ready.method.next_batch(ready.learner, step) if batch is None else batch
    return {name: value.item() for name, value in ready.method.update(ready.learner, found).items()}


def test_every_method_has_a_case() -> None:
    """But for what has a file of its own: what needs weights to begin from, what finds objects, and masks."""
    elsewhere = {"transfer", "detection", "segmentation", "pseudo_label", "cbow"}
    assert {method for method, _, _ in CASES} | elsewhere == set(METHODS)


# -- the start ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "expected"), [("digits", math.log(10)), ("classes", math.log(3)), ("labels", math.log(2))])
@pytest.mark.parametrize("model", ["mlp", "perceptron"])
def test_a_head_of_zeros_starts_at_the_loss_of_a_guess(data: str, expected: float, model: str) -> None:
    ready = prepare(Request(DATA[data], model=model, words={"label_smoothing": 0.0, "batch": 16}, device="cpu"))
    head: Any = ready.learner.model.net.head
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    assert update(ready, 1)["loss"] == pytest.approx(expected, rel=1e-5)


def test_numbers_start_at_their_variance() -> None:
    """A network that says zero says the mean of the training targets; in their deviations the mean loss of an epoch is one."""
    ready = setup("regress", "numbers", batch=len(DATA["numbers"].train), learning_rate=0.0)
    nn.init.zeros_(ready.learner.model.net.head.weight)
    nn.init.zeros_(ready.learner.model.net.head.bias)
    assert update(ready, 1)["loss"] == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("model", ["mlp", "lenet", "cnn", "perceptron"])
def test_fresh_weights_start_near_the_loss_of_a_guess(model: str) -> None:
    """With logits of deviation s, the expected cross-entropy is at most log K + s^2 (to second order s^2 / 2); s is looked at."""
    ready = prepare(Request(DATA["digits"], model=model, words={"label_smoothing": 0.0, "shift": 0, "batch": 40}, device="cpu"))
    batch = ready.method.next_batch(ready.learner, 1)
    with torch.no_grad():
        deviation = ready.learner.model.scaled(batch["x"]).std().item()
    assert abs(update(ready, 1, batch)["loss"] - math.log(10)) < deviation**2 / 2 + 3 * deviation / 40**0.5


def test_play_starts_with_even_chances() -> None:
    """The actor's last gain of 0.01 leaves the entropy of two actions at log 2, and the first surrogate at zero."""
    values = update(setup("play", "game", epochs=1, batch=10_000), 1)
    assert values["entropy"] == pytest.approx(math.log(2), abs=1e-3)
    assert values["actor_loss"] == pytest.approx(0, abs=1e-5)


def test_negative_control_a_head_that_is_sure_starts_elsewhere() -> None:
    ready = setup("classify", "classes")
    nn.init.constant_(ready.learner.model.net.head.bias, 0)
    with torch.no_grad():
        ready.learner.model.net.head.bias[0] = 5
    assert abs(update(ready, 1)["loss"] - math.log(3)) > 0.5


# -- learning -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "data"), [(t, d) for m, t, d in CASES if m == "supervised"])
def test_one_batch_is_learned_by_heart(task: str, data: str) -> None:
    """Down to a tenth of what guessing costs."""
    ready = setup(task, data, dropout=0.0, learning_rate=1e-2) if data != "digits" else setup(task, data, learning_rate=1e-2)
    batch = ready.method.next_batch(ready.learner, 1)
    first = update(ready, 1, batch)["loss"]
    for step in range(2, 150):
        last = update(ready, step, batch)["loss"]
    assert last < first / 10


def test_negative_control_without_a_rate_nothing_is_learned() -> None:
    ready = setup("classify", "classes", learning_rate=0.0, dropout=0.0)
    batch = ready.method.next_batch(ready.learner, 1)
    assert update(ready, 1, batch) == update(ready, 2, batch)


def test_play_learns_from_one_batch() -> None:
    """Both parts of the objective improve on the very steps that were played."""
    ready = setup("play", "game", epochs=4, batch=32)
    batch = ready.method.next_batch(ready.learner, 1)
    told = [update(ready, step, batch) for step in range(1, 12)]
    assert told[-1]["actor_loss"] < told[0]["actor_loss"] - 0.01
    assert told[-1]["critic_loss"] < told[0]["critic_loss"]


@each_case
def test_an_update_moves_the_weights_and_tells_finite_scalars(method: str, task: str, data: str) -> None:
    ready = setup(task, data, method)
    before = [p.detach().clone() for p in ready.learner.model.parameters()]
    told = update(ready, 1)
    assert told
    assert all(math.isfinite(value) for value in told.values())
    pairs = zip(ready.learner.model.parameters(), before, strict=True)
    assert all(not torch.equal(p, b) for p, b in pairs if p.requires_grad)
    assert all(p.grad is None or not p.grad.any() for p in ready.learner.model.parameters()), "no gradient is left"


# -- a state continues ------------------------------------------------------------------------------


def through_a_file(state: Any) -> Any:
    skeleton, tensors = tree.take_apart(state)
    return tree.put_together(json.loads(json.dumps(skeleton)), {k: t.clone() for k, t in tensors.items()})


def run(ready: Setup, first: int, last: int) -> list[dict[str, float]]:
    return [update(ready, step) for step in range(first, last + 1)]


@each_case
def test_a_state_continues_bit_by_bit(method: str, task: str, data: str) -> None:
    straight, other = setup(task, data, method), setup(task, data, method)
    run(straight, 1, 3)
    kept = through_a_file({"weights": straight.learner.weights(), "learner": straight.learner.state(), "method": straight.method.state()})
    expected = run(straight, 4, 6)
    run(other, 1, 1)  # elsewhere, to be overwritten
    other.learner.load_state(kept["weights"], kept["learner"])
    other.method.load_state(kept["method"])
    assert run(other, 4, 6) == expected
    mine, its = (ready.learner.model.state_dict() for ready in (straight, other))
    assert all(torch.equal(mine[k], its[k]) for k in mine)


@each_case
def test_a_batch_is_a_function_of_seed_and_step(method: str, task: str, data: str) -> None:
    """What is drawn for a step does not hang on what was drawn before it; with play the environments are put back."""
    one, other, apart = setup(task, data, method), setup(task, data, method), setup(task, data, method, seed=1)
    fresh = through_a_file(one.method.state())
    first, second = (one.method.next_batch(one.learner, step) for step in (1, 2))
    one.method.load_state(fresh)
    again, elsewhere = one.method.next_batch(one.learner, 1), apart.method.next_batch(apart.learner, 1)
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not torch.equal(first["x"], second["x"])
    assert not torch.equal(first["x"], elsewhere["x"])
    assert all(torch.equal(first[k], v) for k, v in other.method.next_batch(other.learner, 1).items())


@each_case
def test_pace_and_counters_are_whole(method: str, task: str, data: str) -> None:
    ready = setup(task, data, method)
    pace = ready.method.pace()
    assert pace.steps >= 1
    assert pace.valid_every >= 1
    one, ten = ready.method.counters(1), ready.method.counters(10)
    assert one
    assert all(ten[k] == pytest.approx(10 * one[k]) for k in one)


# -- what does not fit ------------------------------------------------------------------------------


PLAYED = ("game", "controls", "goal", "board")
FEW_MODELS = ("policy", "q_network", "soft_policy", "board_resnet", "mlp", "cnn", "lstm")  # an environment is opened for each


@pytest.mark.parametrize("method", METHODS)
def test_wrong_data_or_a_wrong_model_is_refused(method: str) -> None:
    """Over all data and models: built, or refused with a UsageError of three parts; each method refuses something."""
    refused = []
    for name, data in DATA.items():
        for model in FEW_MODELS if name in PLAYED else MODELS:
            try:
                prepare(Request(data, model=model, method=method, task=next(t for _, t, d in CASES if d == name), device="cpu"))
            except UsageError as error:
                refused.append(error)
    assert refused
    assert all(error.expected and error.came and error.do for error in refused)


def test_rows_that_do_not_count_teach_nothing() -> None:
    """A batch of weight zero leaves the weights where they are; else the mean is the weighted one."""
    x = np.random.default_rng(0).normal(size=(ROWS, 6)).astype(np.float32)
    spec, rows, _ = from_arrays("tiny", x, np.arange(ROWS) % 3, weight=np.r_[np.zeros(8), np.arange(1.0, ROWS - 7)])
    data = Data("tiny", spec, rows, rows, rows)
    ready = prepare(Request(data, model="mlp", words={"optimizer": "sgd", "weight_decay": 0.0, "dropout": 0.0}, device="cpu"))
    before = [p.detach().clone() for p in ready.learner.model.parameters()]
    assert update(ready, 1, rows.batch(torch.arange(8))) == {"loss": 0.0}
    assert all(torch.equal(p, b) for p, b in zip(ready.learner.model.parameters(), before, strict=True))
    batch = rows.batch(torch.arange(8, 16))
    with torch.no_grad():
        losses = nn.functional.cross_entropy(ready.learner.model(batch["x"]), batch["y"], reduction="none")
    expected = (losses * batch["weight"]).sum() / batch["weight"].sum()
    assert update(ready, 2, batch)["loss"] == pytest.approx(expected.item(), rel=1e-5)
