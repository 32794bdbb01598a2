"""From a request to a job: data, task, model, method, learner, each with its Config."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core import device as machine
from lamina.core import rng
from lamina.core.data import Data
from lamina.core.errors import UsageError, quoted
from lamina.core.method import Method, SemiSupervised
from lamina.core.say import say
from lamina.core.speaker import Speaker
from lamina.core.spec import Spec
from lamina.core.task import Choice, Task
from lamina.methods import METHODS
from lamina.models import MODELS
from lamina.models.tiled import Tiled
from lamina.nn.scaled import Scaled
from lamina.optim import learner as optim
from lamina.plan import Config as LoopConfig
from lamina.tasks import TASKS
from lamina.verbs import own_module, start
from lamina.verbs.data import config_of, load_data, told_task
from lamina.verbs.request import Request


@dataclass(frozen=True)
class Setup:
    """Everything chosen, before anything is measured or trained."""

    data: Data
    task: Task
    choice: Choice
    configs: Mapping[str, knobs.Config]
    method: Method
    learner: optim.Learner
    origin: str  # of the first weights, for a person
    anew: tuple[str, ...] = ()  # tensors that begin anew where others were taken over


def prepare(request: Request) -> Setup:
    """Build what the request asks for; every wrong name or knob is refused here, before any work."""
    data_config, rest = _data_config(request)
    data = request.data if isinstance(request.data, Data) else load_data(request.data, data_config, request.seed, request.task)
    task = pick_task(request.task, data.spec)
    picked = task.choose(data, request.quality)
    _refuse_without_rows(data, request.method, picked)
    chosen = picked.beside(request.model, request.method, request.words)
    found = start.find(request, chosen)
    choice = start.settle(request, chosen, found, data)
    if request.net is not None:
        choice = replace(choice, model=_name_of(request.net))
    method_class = METHODS[choice.method]
    configs = _configs(choice, method_class, (data_config, rest), request.net)
    method = method_of(choice, configs["method"], data)
    rng.reseed(request.seed, 0, "weights")
    net = request.net or network(choice.model, data.spec, configs["model"])
    model = method_class.wrap(net, data.spec)
    if isinstance(model, Scaled) and not isinstance(net, Speaker):  # which is asked with what was said
        own_module.check(model, data.spec, data.train.batch(torch.arange(2) % len(data.train))["x"])
    method.prepare(model)
    origin, anew = _begin(request, choice, found, model, data.spec)
    device = machine.pick(request.device)
    settings = configs["optim"]
    assert isinstance(settings, optim.Config)
    learner = optim.Learner(model, settings, method.parts, request.seed, device, method.rates(model))
    return Setup(data, task, choice, configs, method, learner, origin, anew)


def _refuse_without_rows(data: Data, method: str, picked: Choice) -> None:
    """A game has no rows: whoever names a method that learns from rows hears of the one that plays."""
    if len(data.train) == 0 and method in METHODS and method not in (picked.method, *picked.methods):
        raise UsageError(f"rows to learn from for `{method}`", f"`{data.name}`, which is played", f"Use `--method {picked.method}`.")


def method_of(choice: Choice, config: knobs.Config, data: Data) -> Method:
    """The chosen method on the training split, and on rows without answers where it learns from them; else says that they lie unused."""
    method: Method = METHODS[choice.method](data.spec, config, data.train)
    if isinstance(method, SemiSupervised):
        method.beside(data.unlabelled)
    elif data.unlabelled is not None:
        say(f"{len(data.unlabelled)} rows without answers lie unused: `--method pseudo_label` learns from them too")
    return method


def _begin(request: Request, choice: Choice, found: start.Start | None, model: nn.Module, spec: Spec) -> tuple[str, tuple[str, ...]]:
    """Put the first weights in place; returns where they came from and which tensors begin anew."""
    if request.start is not None:
        start.put_all(request.start, model)
        return "the weights so far", ()
    if found is not None:
        return found.origin, tuple(start.put(found, model, spec))
    if choice.method == "transfer":
        raise UsageError("weights that can be transferred", f"`{choice.model}` from scratch: none are at hand",
                         "Name some with --from RUN or --from weights.pt, or leave --method out.")
    return "from scratch", ()


def rebuild(described: Mapping[str, Any], spec: Spec, net: nn.Module | None) -> nn.Module:
    """The model of a run, by its config.json and spec.json, without weights."""
    if net is None:
        if described["model"] not in MODELS:
            raise UsageError("a run of a built-in model", f"a run of your own module `{described['model']}`",
                             "Load it from Python: lm.load_run(RUN, module=your_module).")
        make = MODELS[described["model"]]
        config = knobs.config_of(make)
        values = knobs.assign(described["configs"]["model"], {"model": config}, "the run")["model"]
        net = network(described["model"], spec, knobs.build("model", config, values))
    model: nn.Module = METHODS[described["method"]].wrap(net, spec)
    return model


def network(name: str, spec: Spec, config: knobs.Config) -> nn.Module:
    """A built-in model; one that may see pictures by tiles has them as `tiles`, which Scaled asks for."""
    net: nn.Module = MODELS[name](spec, config)
    if isinstance(config, Tiled):
        net.tiles = config.tiles  # type: ignore[assignment]
    return net


def pick_task(name: str, spec: Spec) -> Task:
    """The task by name, or the first one that suits the data."""
    if name:
        task: Task = TASKS[name]()
        if not task.suits(spec):
            raise UsageError(f"data for the task `{name}`", f"`{spec.target.kind}` as target",
                             f"Tasks that suit this data: {quoted(t for t in TASKS if TASKS[t]().suits(spec))}.")
        return task
    return next(TASKS[t]() for t in TASKS if TASKS[t]().suits(spec))


def sections(choice: Choice, method_class: Any, net: nn.Module | None = None) -> dict[str, type[knobs.Config]]:
    """The Configs that words are checked against."""
    model = knobs.Config if net is not None else knobs.config_of(MODELS[choice.model])
    return {"model": model, "method": knobs.config_of(method_class), "optim": optim.Config, "loop": LoopConfig}


def _configs(choice: Choice, method_class: Any, told: tuple[knobs.Config, Mapping[str, Any]],
             net: nn.Module | None) -> dict[str, knobs.Config]:
    """Every Config by its section; `told`: that of the data, and the words that are not its own."""
    data, words = told
    known = sections(choice, method_class, net)
    knobs.assign(words, known | {"data": type(data)}, "the command")  # what nobody knows is refused, with the nearest of all
    values = {name: dict[str, Any]() for name in known}
    recipe = {k: v for k, v in choice.words.items() if any(k in c.model_fields for c in known.values())}
    for layer, origin in ((method_class.defaults, "the method"), (recipe, "the task"), (words, "the command")):
        for section, found in knobs.assign(layer, known, origin).items():
            values[section] |= found
    return {"data": data} | {name: knobs.build(name, config, values[name]) for name, config in known.items()}


def _data_config(request: Request) -> tuple[knobs.Config, dict[str, Any]]:
    """The data's own Config from the words that belong to it, and the words that are left."""
    if isinstance(request.data, Data):
        return knobs.Config(), dict(request.words)
    config = config_of(request.data, request.task)
    asked = told_task(config, request.task)
    mine = {w: v for w, v in request.words.items() if w.removeprefix("data.") in config.model_fields}
    rest = {w: v for w, v in request.words.items() if w not in mine}
    return knobs.build("data", config, {w.removeprefix("data."): v for w, v in mine.items()} | asked), rest


def _name_of(net: nn.Module) -> str:
    return f"{type(net).__module__}.{type(net).__qualname__}"


def knob_table(request: Request) -> list[dict[str, Any]]:
    """Every knob of a request: name, value it would have, help."""
    setup = prepare(request)
    return [
        {"knob": f"{section}.{name}", "value": getattr(config, name), "help": field.description}
        for section, config in setup.configs.items() for name, field in type(config).model_fields.items()
    ]  # fmt: skip
