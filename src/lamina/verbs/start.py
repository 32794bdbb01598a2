"""Where a training begins (`--from`): from nothing, from a run, from a file of weights, or from weights that were published."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lamina.core.backbone import Backbone
from lamina.core.config import config_of, told
from lamina.core.data import Data
from lamina.core.errors import DataError, UsageError
from lamina.core.run import Run
from lamina.core.say import say
from lamina.core.spec import Spec
from lamina.core.task import Choice
from lamina.models import MODELS, weights
from lamina.models.published import at_hand, published
from lamina.nn.scaled import Scaled
from lamina.tasks.recipes import transfer
from lamina.verbs.request import Request

NOTHING = "none"
FILES = (".pt", ".pth", ".safetensors")


@dataclass(frozen=True)
class Start:
    """Weights to begin from. origin: what they are, for a person; model: whose; words: the knobs that they ask of the model;
    learned: what the run answered whose weights they are, None for weights by published names; below: the backbone that they are of."""

    origin: str
    tensors: Mapping[str, torch.Tensor]
    model: str
    words: Mapping[str, Any] = field(default_factory=dict)
    learned: Spec | None = None
    method: str = ""
    below: str = ""  # the backbone whose weights they are, where they are not those of the whole


def find(request: Request, chosen: Choice) -> Start | None:
    """The weights that a request begins from, `chosen` being what the task picked; None to begin from scratch."""
    word, model = request.warm_start, request.model or chosen.model
    if request.start is not None or word == NOTHING:
        return None
    if word.endswith(FILES):
        return _of_file(Path(word), request.model)
    if word:
        return _of_run(Path(word))
    if request.net is None and (backbone := _backbone(model, chosen, request.words)):
        found = _published(backbone, asked=False)
        return None if found is None else replace(found, origin=f"its backbone from {found.origin}", model=model, words={}, below=backbone)
    wanted = request.method or chosen.method
    return _published(model, request.method == "transfer") if wanted == "transfer" and request.net is None else None


def _backbone(model: str, chosen: Choice, words: Mapping[str, Any]) -> str:
    """The network of the zoo that a model is built on, "" for none."""
    field = config_of(MODELS[model]).model_fields.get("backbone") if model in MODELS else None
    return "" if field is None else str(told(words, "backbone", chosen.words.get("backbone", field.default)))


def _of_file(path: Path, model: str) -> Start:
    tensors = weights.read(path)
    model = model or weights.nearest(tensors) or ""
    if not model:
        raise UsageError("weights of a known architecture", f"`{path}`, which is like none", "Name its model with --model.")
    return Start(f"weights in `{path}`", tensors, model, weights.words(model))


def _of_run(folder: Path) -> Start:
    run = Run.open(folder)
    described = run.read("config")
    values = described["configs"]["model"] if described["model"] in MODELS else {}
    return Start(f"run `{folder}`", run.load("best", ("weights",))["weights"], described["model"], values,
                 run.read_as("spec", Spec), described["method"])


def _published(model: str, asked: bool) -> Start | None:
    """Those of the package archive; where they cannot be had, that is said, and no failure unless transfer was asked for."""
    what = at_hand(model)
    if what is None:
        return None
    try:
        tensors = published(model)
    except DataError as error:
        if asked:
            raise
        say(f"published weights cannot be had: {error.came}")
        return None
    assert tensors is not None, "what is at hand can be read"
    return Start(f"published weights of {model} ({what})", tensors, model, weights.words(model))


def settle(request: Request, chosen: Choice, start: Start | None, data: Data) -> Choice:
    """Model, method and knobs by what there is to begin from: without weights nothing can be transferred."""
    if start is None:
        plain = chosen if chosen.scratch is None else chosen.scratch
        model = request.model or (chosen.model if request.method == "transfer" else plain.model)
        return replace(plain, model=model, method=request.method or plain.method, scratch=None)
    if start.below:
        return replace(chosen, model=request.model or chosen.model, method=request.method or chosen.method)
    method = request.method or _method(start, data.spec)
    if method == "transfer" != chosen.method:
        chosen = transfer(data.spec, request.quality, len(data.train))
    return Choice(request.model or start.model, method, {**chosen.words, **start.words}, chosen.until)


def _method(start: Start, spec: Spec) -> str:
    """A run with the same answers goes on as it was; a network of pictures with others is transferred."""
    if start.learned is None:
        return "transfer"
    if start.learned.target == spec.target or start.model not in MODELS:
        return start.method
    with torch.device("meta"):
        net = MODELS[start.model](spec, config_of(MODELS[start.model])(**start.words))
    return "transfer" if isinstance(net, Backbone) else start.method


def put(start: Start, model: nn.Module, spec: Spec) -> list[str]:
    """Put the weights in place of the fresh ones; returns the names of the tensors that begin anew."""
    if start.below:
        assert isinstance(model, Scaled), "backbones are of pictures"
        weights.put_backbone(model, start.tensors)
        return []
    if start.learned is None:
        assert isinstance(model, Scaled), "published weights are those of networks of pictures"
        return weights.put(model, start.tensors, keep_head=False)
    if start.learned.target == spec.target:
        put_all(start.tensors, model)
        return []
    return _put_with_other_answers(start, model, spec)


def put_all(tensors: Mapping[str, torch.Tensor], model: nn.Module) -> None:
    """Every tensor; they must be of the same model on data of the same shape."""
    mine = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    theirs = {name: tuple(t.shape) for name, t in tensors.items()}
    for name in [*mine, *theirs]:
        if mine.get(name) != theirs.get(name):
            raise _misfit(name, mine.get(name), theirs.get(name))
    model.load_state_dict(tensors)


@torch.no_grad()
def _put_with_other_answers(start: Start, model: nn.Module, spec: Spec) -> list[str]:
    """All but the head, which keeps the rows of those answers that have the same name."""
    assert start.learned is not None, "a run says what it answered"
    mine, anew = model.state_dict(), []
    answers = (*_heads(model), "target.")
    for name in sorted({*mine, *start.tensors}):
        came, wanted = (side.get(name) for side in (start.tensors, mine))
        if name.startswith(answers):
            anew += [name] if wanted is not None else []
            if came is not None and wanted is not None and not name.startswith("target."):
                _keep_rows(wanted, came, start.learned.target.names, spec.target.names)
        elif came is None or wanted is None or came.shape != wanted.shape:
            raise _misfit(name, *(None if t is None else tuple(t.shape) for t in (wanted, came)))
        else:
            wanted.copy_(came)
    return anew


def _keep_rows(wanted: torch.Tensor, came: torch.Tensor, theirs: tuple[str, ...], mine: tuple[str, ...]) -> None:
    if len(came) == len(theirs) and len(wanted) == len(mine):
        for name in set(theirs) & set(mine):
            wanted[mine.index(name)] = came[theirs.index(name)]


def _heads(model: nn.Module) -> tuple[str, ...]:
    """The beginnings of the names of what follows the answers."""
    net: Any = getattr(model, "net", model)
    published = getattr(net, "published", None)
    head = {id(p) for p in net.head.parameters()} if isinstance(getattr(net, "head", None), nn.Module) else set()
    names = tuple(name for name, p in model.named_parameters() if id(p) in head)
    return names + (tuple(f"net.{head}" for head in published.heads) if published is not None else ())


def _misfit(name: str, wanted: Any, came: Any) -> UsageError:
    return UsageError(f"weights of this model: `{name}` of shape {wanted}", f"`{came}`",
                      "Start from a run of the same model and knobs, on data of the same shape.")
