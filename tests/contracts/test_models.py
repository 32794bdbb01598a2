"""What every registered model promises on every kind of data that it accepts: a new model is tested with no line changed here.

A model is put together with the method that trains it: that of the task which chooses it by itself, else `supervised`.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from lamina.core import rng, tree
from lamina.core.config import Config, build, config_of
from lamina.core.data import Data
from lamina.core.detector import Detector
from lamina.core.errors import UsageError
from lamina.core.predictor import Predictor
from lamina.core.spec import Actions, Boxes, Classes, Column, Controls, Image, Labels, Mask, Numbers, Spec, Table, Text, Vector
from lamina.data.arrays import ArraySplit
from lamina.envs import episodes
from lamina.methods import METHODS
from lamina.models import MODELS
from lamina.nn.scaled import Scaled
from lamina.optim.learner import Config as OptimConfig
from lamina.optim.learner import Learner
from lamina.tasks import TASKS
from lamina.verbs import own_module

ROWS = 12
INPUT_TYPES = {"text": torch.int32}  # of inputs, where they are not float32
LARGE, HUGE = 1e6, 5e6  # parameters
INPUTS = {
    "8x8": Image(channels=1, height=8, width=8), "28x28": Image(channels=1, height=28, width=28),
    "64x64x3": Image(channels=3, height=64, width=64), "20x11": Image(channels=1, height=20, width=11), "vector": Vector(size=5),
    "texts": Text(words=("good", "bad", "film", "a", "the"), length=9),
    "table": Table(columns=(Column(name="n"), Column(name="c", kind="category", categories=("p", "q")), Column(name="d", kind="date"))),
}  # fmt: skip
TARGETS = {"classes": Classes(names=("a", "b", "c")), "labels": Labels(names=("p", "q")), "numbers": Numbers(names=("u", "v"))}
SPECS = {f"{i}-{t}": Spec(input=INPUTS[i], target=TARGETS[t]) for i in INPUTS for t in TARGETS}
MASK = Mask(names=("ground", "a", "b"))
SPECS |= {f"{i}-mask": Spec(input=INPUTS[i], target=MASK) for i in ("20x11", "64x64x3")}
SPECS["actions"] = Spec(input=Vector(size=4), target=Actions(size=2, env="CartPole-v1"))
SPECS["controls"] = Spec(input=Vector(size=3), target=Controls(low=(-2.0,), high=(2.0,), env="Pendulum-v1"))
SEEN = Image(channels=4, height=12, width=12)
SPECS["seen-actions"] = Spec(input=SEEN, target=Actions(size=3, env="Catch-v0"))
SPECS["seen-controls"] = Spec(input=SEEN, target=Controls(low=(-1.0,), high=(1.0,), env="Steer-v0"))


def finds(name: str) -> bool:
    """Whether a model answers boxes; those are held in test_detectors.py."""
    wanted = Spec(input=Image(channels=3, height=300, width=300), target=Boxes(names=("a", "b")))
    try:
        with torch.device("meta"):
            return isinstance(MODELS[name](wanted, config_of(MODELS[name])()), Detector)
    except UsageError:
        return False


def held_elsewhere(name: str) -> bool:
    """Whether a model takes or says nothing but tokens, or plays games; held in test_sequences.py, test_captions.py and test_games.py."""
    return name in ("seq2seq", "word_vectors", "captioner", "board_resnet")


ZOO = [name for name in MODELS if not finds(name) and not held_elsewhere(name)]


@dataclass
class Pair:
    """A model with the method that trains it."""

    model: nn.Module
    method: Any
    data: Data


def noise(spec: Spec) -> Data:
    """Rows of noise that fit a spec; an environment where actions are wanted."""
    if isinstance(spec.target, Actions | Controls):
        return episodes.load(spec.target.env, 0)
    random = torch.Generator().manual_seed(0)
    shape = (ROWS, *spec.input.shape)
    x = {
        "image": lambda: torch.randint(0, 256, shape, generator=random).byte(),
        "text": lambda: torch.randint(0, len(spec.input.words) + 2, shape, generator=random).int(),
    }.get(spec.input.kind, lambda: torch.randn(shape, generator=random))()
    if isinstance(spec.input, Table):
        x[:, 1], x[0, 0] = torch.arange(ROWS) % 3, torch.nan
    y = {
        "classes": torch.arange(ROWS) % spec.target.size,
        "labels": torch.randint(0, 2, (ROWS, spec.target.size), generator=random).float(),
        "numbers": torch.randn(ROWS, spec.target.size, generator=random),
        "mask": torch.randint(0, spec.target.size, (ROWS, *spec.input.shape[1:]), generator=random).byte(),
    }[spec.target.kind]
    split = ArraySplit(x, y)
    return Data("noise", spec, split, split, split)


DATA = {name: noise(spec) for name, spec in SPECS.items()}


def homes(name: str) -> set[str]:
    """The methods of the tasks that choose this model by themselves."""
    choices = [TASKS[t]().choose(data, "good") for t in TASKS for data in DATA.values() if TASKS[t]().suits(data.spec)]
    choices += [other for choice in choices for other in choice.methods.values()]
    return {choice.method for choice in choices if choice.model == name} or {"supervised"}


def pair(name: str, data: Data, method_name: str) -> Pair:
    method = trainer(data, method_name)
    rng.reseed(0, 0, "weights")
    model = METHODS[method_name].wrap(network(name, data.spec), data.spec)
    if isinstance(model, Scaled):
        own_module.check(model, data.spec, data.train.batch(torch.arange(2))["x"])  # as training does
    method.prepare(model)
    return Pair(model, method, data)


def output_of(net: nn.Module, spec: Spec) -> tuple[int, ...]:
    """The shape of an answer that fits the spec, for one row."""
    if hasattr(net, "noise_size"):
        return spec.input.shape
    return (spec.target.size, *(spec.input.shape[1:] if isinstance(spec.target, Mask) else ()))


def trainer(data: Data, method_name: str) -> Any:
    make = METHODS[method_name]
    small = {"batch": 6, "envs": 2, "horizon": 8, "block": 8, "begin": 0, "gradients": 2}
    knobs = {k: v for k, v in small.items() if k in config_of(make).model_fields}
    return make(data.spec, config_of(make)(**knobs), data.train)


def network(name: str, spec: Spec) -> nn.Module:
    return MODELS[name](spec, config_of(MODELS[name])())


def accepted() -> dict[tuple[str, str, str], int]:
    """(model, spec, method) that go together, with the number of parameters; on a device that has shapes but no memory."""
    found = {}
    for name in ZOO:
        for method in homes(name):
            for spec in SPECS:
                try:
                    trainer(DATA[spec], method)
                    with torch.device("meta"):
                        net = network(name, DATA[spec].spec)
                except UsageError:
                    continue
                if isinstance(DATA[spec].spec.target, Mask) and not answers_pixels(net, DATA[spec].spec):
                    continue
                found[name, spec, method] = sum(p.numel() for p in net.parameters())
    return found


def answers_pixels(net: nn.Module, spec: Spec) -> bool:
    """Whether a network without memory for its weights gives a mask; those that give one answer a picture are refused when run."""
    if hasattr(net, "noise_size"):
        return True  # it learns from the pictures alone
    with torch.no_grad():
        return net.eval()(torch.zeros(1, *spec.input.shape, device="meta")).shape == (1, *output_of(net, spec))


ACCEPTED = accepted()


def marked(found: Iterable[tuple[str, ...]]) -> list[Any]:
    """Models of a million parameters are tried on their first spec only, those of five million in the slow suite."""
    tried: set[str] = set()
    ready = []
    for values in found:
        size = next(size for place, size in ACCEPTED.items() if place[: len(values)] == values)
        if size > LARGE and values[0] in tried:
            continue
        tried.add(values[0])
        ready.append(pytest.param(*values, marks=[pytest.mark.slow] if size > HUGE else []))
    return ready


each_pair = pytest.mark.parametrize(("name", "spec", "method"), marked(ACCEPTED))
each_model = pytest.mark.parametrize("name", ZOO)
each_drawn_model = pytest.mark.parametrize("name", marked((name,) for name in ZOO))


def inputs(found: Pair) -> torch.Tensor:
    """A batch that the model's forward takes: rows of the data, or noise for a model that makes pictures."""
    size = getattr(found.model, "noise_size", 0)
    if size:
        return torch.randn(ROWS, size, generator=torch.Generator().manual_seed(1))
    return found.data.train.batch(torch.arange(ROWS))["x"]


def answers(found: Pair, x: torch.Tensor) -> torch.Tensor:
    return Predictor(found.model, torch.device("cpu"))(x)


def without_gradient(found: Pair) -> set[str]:
    """The parameters that one update gives no gradient, or one of nothing but zeros."""
    learner = Learner(found.model, OptimConfig(learning_rate=1e-3), found.method.parts, 0, torch.device("cpu"))
    reached: set[str] = set()

    parameters = dict(found.model.named_parameters())

    def seen_by(move: Callable[[torch.Tensor], None]) -> Callable[[torch.Tensor], None]:
        """The optimizer's move, before which gradients are looked at, whether autograd made them or not."""
        def moves(loss: torch.Tensor) -> None:
            reached.update(name for name, p in parameters.items() if p.grad is not None and p.grad.abs().sum() > 0)
            move(loss)
        return moves

    for part in learner._parts.values():
        part.move = seen_by(part.move)  # type: ignore[method-assign]
    rng.reseed(0, 1, "update")
    learner.begin(1)
    found.method.update(learner, found.method.next_batch(learner, 1))
    return {name for name, p in parameters.items() if p.requires_grad} - reached


@each_model
def test_a_model_takes_something_and_says_what_it_cannot_take(name: str) -> None:
    """A model takes pictures or rows; what it refuses, it refuses with a UsageError of three parts."""
    taken = {spec for model, spec, _ in ACCEPTED if model == name}
    assert taken
    for spec in set(SPECS) - taken:
        with pytest.raises(UsageError) as caught:
            pair(name, DATA[spec], next(iter(homes(name))))
        assert caught.value.expected
        assert "`" in caught.value.came
        assert caught.value.do.endswith(".")


@each_drawn_model
def test_a_network_is_refused_when_it_is_built_or_it_runs(name: str) -> None:
    """Whatever the method: no spec is let in that fails at the first batch, however small its pictures are."""
    sizes = ((1, 1), (1, 9), (2, 2), (3, 5))
    tiny = [Spec(input=Image(channels=1, height=h, width=w), target=t) for h, w in sizes for t in (TARGETS["classes"], MASK)]
    played = [SPECS["actions"], SPECS["controls"]]
    for spec in [*(SPECS[f"{i}-classes"] for i in INPUTS), *played, *tiny]:  # other targets change no more than the head
        try:
            net = network(name, spec)
        except UsageError:
            continue
        noise_size = getattr(net, "noise_size", 0)
        x = torch.zeros(2, *((noise_size,) if noise_size else spec.input.shape), dtype=INPUT_TYPES.get(spec.input.kind))
        answer = net.eval()(x)
        one_a_picture = isinstance(spec.target, Mask) and answer.ndim == 2  # refused by verbs/own_module.py, before anything is trained
        assert answer.shape == (2, *((spec.target.size,) if one_a_picture else output_of(net, spec)))


@each_pair
def test_the_output_has_the_shape_that_the_data_dictate(name: str, spec: str, method: str) -> None:
    found = pair(name, DATA[spec], method)
    answer = answers(found, inputs(found))
    assert answer.shape == (ROWS, *output_of(found.model, found.data.spec))
    assert answer.dtype == torch.float32
    assert answer.isfinite().all()


@each_pair
def test_a_gradient_reaches_every_parameter(name: str, spec: str, method: str) -> None:
    assert without_gradient(pair(name, DATA[spec], method)) == set()


def test_negative_control_a_parameter_out_of_reach_is_seen() -> None:
    found = pair("perceptron", DATA["vector-classes"], "supervised")
    found.model.spare = nn.Linear(1, 1)
    assert without_gradient(found) == {"spare.weight", "spare.bias"}


@each_pair
def test_saved_and_loaded_it_answers_the_same(name: str, spec: str, method: str, tmp_path: Path) -> None:
    trained, other = pair(name, DATA[spec], method), pair(name, DATA[spec], method)
    with torch.no_grad():
        for t in [*trained.model.parameters(), *(b for b in trained.model.buffers() if b.is_floating_point())]:
            t.add_(0.01)
    x = inputs(trained)
    before = answers(trained, x)
    assert not torch.equal(answers(other, x), before)  # so that equality below says something
    skeleton, tensors = tree.take_apart(trained.model.state_dict())
    save_file({k: t.contiguous() for k, t in tensors.items()}, tmp_path / "weights.safetensors")
    back = tree.put_together(json.loads(json.dumps(skeleton)), load_file(tmp_path / "weights.safetensors"))
    other.model.load_state_dict(back)
    assert torch.equal(answers(other, x), before)


@each_pair
def test_a_permuted_batch_gives_permuted_answers(name: str, spec: str, method: str) -> None:
    found = pair(name, DATA[spec], method)
    x = inputs(found)
    order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(answers(found, x[order]), answers(found, x)[order])


def test_negative_control_in_training_a_batch_norm_mixes_the_rows() -> None:
    found = pair("cnn", DATA["8x8-classes"], "supervised")
    x = inputs(found)
    found.model.train()
    with torch.no_grad():
        assert not torch.allclose(found.model(x)[:6], found.model(x[:6]), atol=1e-3)


@each_drawn_model
def test_the_same_seed_draws_the_same_weights(name: str) -> None:
    spec, method = next((s, m) for model, s, m in ACCEPTED if model == name)
    one, other = (pair(name, DATA[spec], method).model.state_dict() for _ in range(2))
    assert all(torch.equal(one[k], other[k]) for k in one)


@each_model
def test_config_survives_json_and_every_knob_says_what_it_is(name: str) -> None:
    config = config_of(MODELS[name])
    assert config.model_validate_json(config().model_dump_json()) == config()
    assert config.model_validate(json.loads(json.dumps(config().model_dump()))) == config()
    assert MODELS[name].__doc__
    assert MODELS.summary(name)
    for knob_name, field in config.model_fields.items():
        assert field.description, f"`{knob_name}` says nothing of itself"


def wrong_values(config: type[Config]) -> Iterator[tuple[str, Any]]:
    """(knob, a value just outside its bounds or its meaning)."""
    for name, field in config.model_fields.items():
        for bound in field.metadata:
            if getattr(bound, "ge", None) is not None:
                yield name, bound.ge - 1
            if getattr(bound, "le", None) is not None:
                yield name, bound.le + 1
        if isinstance(field.default, tuple):
            yield from ((name, "0"), (name, "8,-8"), (name, "eight"))
        elif isinstance(field.default, int | float) and not isinstance(field.default, bool):
            yield from ((name, "many"), (name, np.nan))


CONFIGS = {place: config_of(registry[place]) for registry in (MODELS, METHODS) for place in registry} | {"optim": OptimConfig}


@pytest.mark.parametrize("place", CONFIGS)
def test_bounds_of_knobs_hold(place: str) -> None:
    for knob_name, value in wrong_values(CONFIGS[place]):
        with pytest.raises(UsageError) as caught:
            build(place, CONFIGS[place], {knob_name: value})
        assert f"`{place}.{knob_name}`" in caught.value.expected
        assert f"`{value}`" == caught.value.came


def test_negative_control_some_bounds_were_tried() -> None:
    assert len([1 for config in CONFIGS.values() for _ in wrong_values(config)]) > 50
