"""The learner: a model, its optimizers, its schedule and the average of its weights.

`step(loss, part)` differentiates only the parameters of the model's child `part`, checks that the
gradient is finite, clips it, moves the weights, and then the average. The updates of a method see the
model only through it, so that a distributed wrapper can be put around the model later.
"""

import inspect
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import nn

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import TrainingError, UsageError
from lamina.core.predictor import Predictor, autocast
from lamina.optim import OPTIMIZERS, SCHEDULES
from lamina.optim.averages import Average, Checkpoints, Following
from lamina.optim.eager import stay_eager, step_of
from lamina.optim.flat import Piece
from lamina.optim.penalties import penalize, shorten
from lamina.optim.schedules import warm

Rate = Annotated[float, Field(ge=0)] | Literal["auto"]
UNFOUND = 1e-3  # the rate of a learner whose plan has not been made
CLIP_EPSILON = 1e-6  # as torch's clip_grad_norm_ has it
NO_LOSS = torch.zeros(())  # of a gradient that is given: whether that is finite is seen in its length
FUSED = ("cpu", "cuda")  # devices on which torch moves all parameters in one call


class Config(knobs.Config):
    """How the weights move."""

    optimizer: str = knob("adamw", "which optimizer: see `lamina list optimizers`", search="choice")
    learning_rate: Rate = knob(1e-3, "size of a step; auto finds it before the first step", search="log")
    momentum: float | None = knob(None, "share of the last step that is kept, for momentum, nesterov, rmsprop, muon", low=0, high=1)
    beta1: float | None = knob(None, "decay of the mean gradient, for the adam family, lion, muon", low=0, high=1)
    beta2: float | None = knob(None, "decay of the mean squared gradient, for the same", low=0, high=1)
    weight_decay: float = knob(0.0, "pull of every weight matrix towards zero", low=0, search="log")
    schedule: str = knob("constant", "how the learning rate runs: see `lamina list schedules`", search="choice")
    warmup: float = knob(0.0, "share of the run over which the learning rate rises from nothing", low=0, high=1)
    clip: float = knob(0.0, "longest gradient; 0 never clips", low=0, search="log")
    accumulate: int = knob(1, "updates whose gradients are summed before the weights move", low=1)
    ema: float = knob(0.0, "decay of the average of the weights that answers; 0 uses the weights themselves", low=0, high=1)
    checkpoints: int = knob(0, "points of the last fifth of the run whose mean answers at the end, in place of `ema`", low=0)
    l1: float = knob(0.0, "penalty on the sum of absolute weights", low=0, search="log")
    l2: float = knob(0.0, "penalty on half the sum of squared weights", low=0, search="log")
    max_norm: float = knob(0.0, "longest vector of weights into one unit; 0 leaves them free", low=0)
    flat: bool = knob(False, "parameters lie in one piece of memory, which is moved by one call: for small networks")


class Learner:
    """A model that is learning. `parts` are the children with an optimizer each; () is the whole model.

    rates: the share of the learning rate that a parameter takes, where that is not the whole.
    """

    def __init__(self, model: nn.Module, config: Config, parts: Sequence[str], seed: int, device: torch.device,
                 rates: Mapping[nn.Parameter, float] = {}) -> None:
        self.model = model.to(device)
        self.config, self.seed, self.device = config, seed, device
        self.precision = "f32"
        self.steps = self.first = 1  # of the whole run, and the one where the schedule begins; the plan sets them
        self.rate = UNFOUND if config.learning_rate == "auto" else config.learning_rate
        self._parts = {name: _Part(model.get_submodule(name), config, device, rates) for name in parts or ("",)}
        self._schedule = SCHEDULES[config.schedule]
        self._factor = 1.0  # of plateau
        self._stale = 0
        self._average = self._average_of(config)

    def begin(self, step: int) -> None:
        """Set the learning rates of this step (1 is the first), and the model to training."""
        if not self.model.training:
            self.model.train()
        if self._average is not None:
            self._average.begin(step, self.steps)
        progress = max(0, step - self.first) / (self.steps - self.first + 1)
        self.set_rate(self.rate * self._schedule(progress) * self._factor * warm(progress, self.config.warmup))

    def set_rate(self, rate: float) -> None:
        """The learning rate of the next step."""
        for part in self._parts.values():
            part.set_rate(rate)

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which the forward pass and the loss are computed."""
        return autocast(self.device, self.precision)

    def step(self, loss: torch.Tensor, part: str = "") -> None:
        """Move the parameters of `part` down the gradient of `loss`; nothing moves if it is not finite."""
        self._parts[part].differentiate(loss)
        self._move(part, loss.detach())

    @property
    def share(self) -> float:
        """What a loss counts in the gradient: it is one of so many whose gradients are summed."""
        return 1 / self.config.accumulate

    def step_along(self, part: str = "") -> None:
        """The same where the gradient of `share` times a loss has been added to that of the parameters already."""
        self._parts[part].count += 1
        self._move(part, NO_LOSS)

    def _move(self, part: str, loss: torch.Tensor) -> None:
        mine = self._parts[part]
        if mine.count % self.config.accumulate == 0:
            mine.move(loss)
            if self._average is not None:
                self._average.moved(part, mine.count // self.config.accumulate)

    def settle(self) -> None:
        """Begin the average anew from weights that a method has put in place itself."""
        if self._average is not None:
            self._average.settle()

    def check(self) -> None:
        """Raise if a gradient since the last check was not finite; on a GPU only this waits for the device."""
        for part in self._parts.values():
            part.check()

    def validated(self, improved: bool) -> None:
        """Hear how a validation went: plateau halves its rate after the third one without a gain."""
        self._stale = 0 if improved else self._stale + 1
        if self.config.schedule == "plateau" and self._stale == 3:
            self._factor, self._stale = self._factor / 2, 0

    def predictor(self) -> Predictor:
        """The model that answers: the average of the weights where one is kept."""
        average = self._average
        return Predictor(average.module if average is not None and average.ready() else self.model, self.device, self.precision)

    def _average_of(self, config: Config) -> Average | None:
        if config.checkpoints:
            return Checkpoints(self.model, config.checkpoints)
        return Following(self.model, tuple(self._parts), config.ema) if config.ema else None

    def weights(self) -> dict[str, torch.Tensor]:
        """The weights that answer."""
        return self.predictor().model.state_dict()

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs beside `weights()`."""
        average = self._average
        return {
            "model": self.model.state_dict() if average is not None and average.ready() else None,
            "average": None if average is None else average.state(),
            "parts": {name or "all": part.state() for name, part in self._parts.items()},
            "factor": self._factor, "stale": self._stale,
        }  # fmt: skip

    def load_state(self, weights: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        """Continue from `weights()` and `state()`."""
        if self._average is not None:
            self._average.module.load_state_dict(weights)
            self._average.load_state(state["average"])
        self.model.load_state_dict(weights if state["model"] is None else state["model"])
        for name, part in self._parts.items():
            part.load_state(state["parts"][name or "all"])
        self._factor, self._stale = state["factor"], state["stale"]


class _Part:
    """The parameters that one optimizer moves."""

    def __init__(self, module: nn.Module, config: Config, device: torch.device, rates: Mapping[nn.Parameter, float]) -> None:
        self.parameters = list(module.parameters())
        if not any(p.requires_grad for p in self.parameters):
            raise UsageError("a model with something to learn", f"`{type(module).__name__}`, whose parameters are all frozen",
                             "Give it a layer with weights, or call `requires_grad_(True)` on it.")
        self.config = config
        stay_eager()
        self.optimizer, self.pieces = _optimizer(module, config, device, rates)
        self._step = step_of(self.optimizer)
        self.on_device = device.type != "cpu" and bool(self.optimizer.defaults.get("fused"))
        self.broken = torch.zeros((), device=device)  # how often the fused kernel kept the weights still
        self.count = 0

    def set_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]

    def differentiate(self, loss: torch.Tensor) -> None:
        """Add the gradient of `loss`, as a share of `accumulate` micro-batches."""
        if not self.on_device and not math.isfinite(loss.item()):
            raise _not_finite(f"a loss of {loss.item()}")
        share = loss / self.config.accumulate if self.config.accumulate > 1 else loss
        torch.autograd.backward(share, inputs=[p for p in self.parameters if p.requires_grad])
        self.count += 1

    def move(self, loss: torch.Tensor) -> None:
        moving = [p for p in self.parameters if p.grad is not None]
        if self.config.l1 or self.config.l2:
            penalize(moving, self.config.l1, self.config.l2)
        clipped = [piece.whole for piece in self.pieces] or moving
        norm = _norm([p.grad for p in clipped if p.grad is not None])
        length = self._keep_still_if_broken(moving, norm, loss)
        if self.pieces and 0 < self.config.clip < length:
            torch._foreach_mul_([p.grad for p in clipped if p.grad is not None], self.config.clip / (length + CLIP_EPSILON))
        elif 0 < self.config.clip < length:
            nn.utils.clip_grads_with_norm_(clipped, self.config.clip, norm)
        self._step()
        self._forget(moving)
        if self.config.max_norm:
            shorten(moving, self.config.max_norm)

    def _keep_still_if_broken(self, moving: list[nn.Parameter], norm: torch.Tensor, loss: torch.Tensor) -> float:
        """The length of the gradient where it is known; beyond all bounds where the device is not waited for."""
        if self.on_device:  # the fused kernel keeps the weights still and `check` raises later, so no step waits for the device
            found_inf = (~(norm + loss).isfinite()).float()
            self.optimizer.found_inf = found_inf  # type: ignore[attr-defined]
            self.broken += found_inf
            return math.inf
        length = norm.item()
        if not math.isfinite(length):
            self._forget(moving)
            raise _not_finite(f"a gradient of length {length}")
        return length

    def _forget(self, moving: list[nn.Parameter]) -> None:
        for piece in self.pieces:
            piece.forget()
        for p in moving if not self.pieces else ():
            p.grad = None

    def check(self) -> None:
        if self.on_device and self.broken.item():
            raise _not_finite(f"`{int(self.broken.item())}` that were not")

    def state(self) -> dict[str, Any]:
        kept, between = self.optimizer.state_dict()["state"], self.count % self.config.accumulate  # moves
        return {
            "optimizer": {str(k): dict(v) for k, v in kept.items()},
            "gradients": {str(i): p.grad for i, p in enumerate(self.parameters) if between and p.grad is not None},
            "count": self.count,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        moved = [p for group in self.optimizer.param_groups for p in group["params"]]
        kept = {int(k): {name: _laid_out_as(moved[int(k)], v) for name, v in s.items()} for k, s in state["optimizer"].items()}
        self.optimizer.load_state_dict({"state": kept, "param_groups": self.optimizer.state_dict()["param_groups"]})
        for i, p in enumerate(self.parameters):
            gradient = state["gradients"].get(str(i))
            if self.pieces and p.grad is not None:
                p.grad.copy_(torch.zeros_like(p) if gradient is None else gradient)
            else:
                p.grad = None if gradient is None else _laid_out_as(p, gradient)
        self.count = state["count"]


def _optimizer(module: nn.Module, config: Config, device: torch.device,
               rates: Mapping[nn.Parameter, float]) -> tuple[torch.optim.Optimizer, list[Piece]]:
    """The optimizer by name, with those knobs that its constructor takes; a knob left open keeps the constructor's own. And the pieces
    that it moves, where parameters lie in such."""
    make = OPTIMIZERS[config.optimizer]
    taken = inspect.signature(make).parameters
    offered: dict[str, Any] = {"momentum": config.momentum, "fused": True if device.type in FUSED else None}
    if "betas" in taken:
        own = taken["betas"].default
        offered["betas"] = tuple(b if a is None else a for a, b in zip((config.beta1, config.beta2), own, strict=True))
    settings = {k: v for k, v in offered.items() if k in taken and v is not None}
    groups = _by_rate(_groups(module, config.weight_decay, "hidden" in taken), rates)
    pieces: list[Piece] = []
    if config.flat and device.type == "cpu" and "hidden" not in taken:  # which is of optimizers that move matrices as such
        groups, pieces = _in_pieces(groups)
    optimizer: torch.optim.Optimizer = make(groups, lr=UNFOUND if config.learning_rate == "auto" else config.learning_rate, **settings)
    return optimizer, pieces


def _in_pieces(groups: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[Piece]]:
    """The groups with one parameter each, and the pieces that these are; what is frozen stays where it is."""
    learning = [{**group, "params": [p for p in group["params"] if p.requires_grad]} for group in groups]
    learning = [group for group in learning if group["params"]]
    pieces = [Piece(group["params"]) for group in learning]
    return [{**group, "params": [piece.whole]} for group, piece in zip(learning, pieces, strict=True)], pieces


def _groups(module: nn.Module, decay: float, tells_hidden: bool) -> list[dict[str, Any]]:
    """The parameters by treatment: vectors (biases, norms) are never decayed; muon moves embeddings and the head otherwise.

    The head is the last matrix of the module. As few groups as possible, as each costs a call in every step.
    """
    weights = [p for p in module.parameters() if p.ndim > 1]
    vectors = {"params": [p for p in module.parameters() if p.ndim <= 1], "weight_decay": 0.0}
    if tells_hidden:
        tables = [p for m in module.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag) for p in m.parameters()]
        edges = {*tables, *weights[-1:]}
        hidden = {"params": [p for p in weights if p not in edges], "weight_decay": decay, "hidden": True}
        groups = [hidden, {"params": [p for p in weights if p in edges], "weight_decay": decay, "hidden": False}, vectors]
    elif decay:
        groups = [{"params": weights, "weight_decay": decay}, vectors]
    else:
        groups = [{"params": list(module.parameters()), "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def _by_rate(groups: list[dict[str, Any]], rates: Mapping[nn.Parameter, float]) -> list[dict[str, Any]]:
    """The groups, each divided by the share of the learning rate that its parameters take."""
    return [
        {**group, "params": [p for p in group["params"] if rates.get(p, 1.0) == share], "share": share}
        for group in groups for share in sorted({rates.get(p, 1.0) for p in group["params"]})
    ]  # fmt: skip


def _laid_out_as(parameter: torch.Tensor, kept: Any) -> Any:
    """A kept tensor with the strides of its parameter: files keep none, and the fused kernels read memory in its order."""
    if not isinstance(kept, torch.Tensor) or kept.shape != parameter.shape:
        return kept
    return torch.empty_like(parameter, dtype=kept.dtype).copy_(kept)


def _norm(gradients: list[torch.Tensor]) -> torch.Tensor:
    """The length of all gradients together."""
    return torch.linalg.vector_norm(gradients[0]) if len(gradients) == 1 else nn.utils.get_total_norm(gradients)


def _not_finite(what: str) -> TrainingError:
    return TrainingError("a finite loss and gradient", what,
                         "The weights did not move and the last saved state is kept. Lower `learning_rate`, or set `clip=1`.")
