"""The learner: a model, its optimizers, its schedule and the average of its weights.

`step(loss, part)` differentiates only the parameters of the model's child `part`, checks that the
gradient is finite, clips it, moves the weights, and then the average. The updates of a method see the
model only through it, so that a distributed wrapper can be put around the model later.
"""

import inspect
from collections.abc import Sequence
from contextlib import AbstractContextManager
from copy import deepcopy
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import TrainingError
from lamina.core.predictor import Predictor, autocast
from lamina.optim import OPTIMIZERS, SCHEDULES
from lamina.optim.schedules import warm


class Config(knobs.Config):
    """How the weights move."""

    optimizer: str = knob("adamw", "which optimizer: see `lamina list optimizers`", search="choice")
    learning_rate: float = knob(1e-3, "size of a step", low=0, search="log")
    momentum: float = knob(0.9, "share of the last step that is kept, for momentum, nesterov, rmsprop", low=0, high=1)
    beta1: float = knob(0.9, "decay of the mean gradient, for the adam family", low=0, high=1)
    beta2: float = knob(0.999, "decay of the mean squared gradient, for the adam family", low=0, high=1)
    weight_decay: float = knob(0.0, "pull of every weight matrix towards zero", low=0, search="log")
    schedule: str = knob("constant", "how the learning rate runs: see `lamina list schedules`", search="choice")
    warmup: float = knob(0.0, "share of the run over which the learning rate rises from nothing", low=0, high=1)
    clip: float = knob(0.0, "longest gradient; 0 never clips", low=0, search="log")
    accumulate: int = knob(1, "updates whose gradients are summed before the weights move", low=1)
    ema: float = knob(0.0, "decay of the average of the weights that answers; 0 uses the weights themselves", low=0, high=1)
    l1: float = knob(0.0, "penalty on the sum of absolute weights", low=0, search="log")
    l2: float = knob(0.0, "penalty on half the sum of squared weights", low=0, search="log")
    max_norm: float = knob(0.0, "longest vector of weights into one unit; 0 leaves them free", low=0)


class Learner:
    """A model that is learning. `parts` are the children with an optimizer each; () is the whole model."""

    def __init__(self, model: nn.Module, config: Config, parts: Sequence[str], seed: int, device: torch.device) -> None:
        self.model = model.to(device)
        self.config, self.seed, self.device = config, seed, device
        self.precision = "f32"
        self.steps = 1  # of the whole run, for the schedule; the plan sets it
        self._parts = {name: _Part(model.get_submodule(name), config) for name in parts or ("",)}
        self._schedule = SCHEDULES[config.schedule]
        self._factor = 1.0  # of plateau
        self._stale = 0
        self._averaged = deepcopy(self.model).requires_grad_(False) if config.ema else None
        self._updates = 0

    def begin(self, step: int) -> None:
        """Set the learning rates of this step (1 is the first)."""
        progress = (step - 1) / self.steps
        rate = self.config.learning_rate * self._schedule(progress) * self._factor * warm(progress, self.config.warmup)
        for part in self._parts.values():
            part.set_rate(rate)

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which the forward pass and the loss are computed."""
        return autocast(self.device, self.precision)

    def step(self, loss: torch.Tensor, part: str = "") -> None:
        """Move the parameters of `part` down the gradient of `loss`; nothing moves if it is not finite."""
        mine = self._parts[part]
        (loss / self.config.accumulate if self.config.accumulate > 1 else loss).backward(inputs=mine.parameters)
        mine.count += 1
        if mine.count % self.config.accumulate:
            return
        mine.move(loss)
        self._average()

    def validated(self, improved: bool) -> None:
        """Hear how a validation went: plateau halves its rate after the third one without a gain."""
        self._stale = 0 if improved else self._stale + 1
        if self.config.schedule == "plateau" and self._stale == 3:
            self._factor, self._stale = self._factor / 2, 0

    def predictor(self) -> Predictor:
        """The model that answers: the average of the weights where one is kept."""
        return Predictor(self._averaged or self.model, self.device, self.precision)

    def _average(self) -> None:
        if self._averaged is None:
            return
        self._updates += 1
        decay = min(self.config.ema, (1 + self._updates) / (10 + self._updates))  # a young average forgets faster
        theirs = dict(self.model.state_dict(keep_vars=True))
        floats = [(mean, theirs[k].detach()) for k, mean in self._averaged.state_dict().items() if mean.is_floating_point()]
        get_ema_multi_avg_fn(decay)([a for a, _ in floats], [b for _, b in floats], None)

    def weights(self) -> dict[str, torch.Tensor]:
        """The weights that answer."""
        return self.predictor().model.state_dict()

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs beside `weights()`."""
        return {
            "model": self.model.state_dict() if self._averaged else None,
            "parts": {name or "all": part.state() for name, part in self._parts.items()},
            "factor": self._factor, "stale": self._stale, "updates": self._updates,
        }  # fmt: skip

    def load_state(self, weights: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        """Continue from `weights()` and `state()`."""
        if self._averaged:
            self._averaged.load_state_dict(weights)
        self.model.load_state_dict(state["model"] if self._averaged else weights)
        for name, part in self._parts.items():
            part.load_state(state["parts"][name or "all"])
        self._factor, self._stale, self._updates = state["factor"], state["stale"], state["updates"]


class _Part:
    """The parameters that one optimizer moves."""

    def __init__(self, module: nn.Module, config: Config) -> None:
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.config = config
        self.optimizer = _optimizer(self.parameters, config)
        self.count = 0

    def set_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def move(self, loss: torch.Tensor) -> None:
        moving = [p for p in self.parameters if p.grad is not None]
        if self.config.l1 or self.config.l2:
            _penalize(moving, self.config.l1, self.config.l2)
        norm = nn.utils.get_total_norm([p.grad for p in moving if p.grad is not None])
        if moving[0].device.type == "cpu":
            _check_finite(loss, norm)
        else:  # the fused kernel keeps the weights still; the next event raises, so no step waits for the device
            self.optimizer.found_inf = (~norm.isfinite()).float()  # type: ignore[attr-defined]
        if self.config.clip:
            nn.utils.clip_grads_with_norm_(moving, self.config.clip, norm)
        self.optimizer.step()
        for p in moving:
            p.grad = None
        if self.config.max_norm:
            _shorten(moving, self.config.max_norm)

    def state(self) -> dict[str, Any]:
        kept = self.optimizer.state_dict()["state"]
        return {
            "optimizer": {str(k): dict(v) for k, v in kept.items()},
            "gradients": {str(i): p.grad for i, p in enumerate(self.parameters) if p.grad is not None},
            "count": self.count,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": {int(k): v for k, v in state["optimizer"].items()}, "param_groups": groups})
        for i, p in enumerate(self.parameters):
            p.grad = state["gradients"].get(str(i))
        self.count = state["count"]


def _optimizer(parameters: list[nn.Parameter], config: Config) -> torch.optim.Optimizer:
    """The optimizer by name, with those knobs that it takes; vectors (biases, norms) are never decayed."""
    make = OPTIMIZERS[config.optimizer]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [g for g in groups if g["params"]] if config.weight_decay else [{"params": parameters}]
    offered = {"momentum": config.momentum, "betas": (config.beta1, config.beta2)}
    taken = inspect.signature(make).parameters
    settings: dict[str, Any] = {k: v for k, v in offered.items() if k in taken and not (make is torch.optim.SGD)}
    if _fuses(make):
        settings["fused"] = True
    optimizer: torch.optim.Optimizer = make(groups, lr=config.learning_rate, **settings)
    return optimizer


def _fuses(make: Any) -> bool:
    """Whether torch has a kernel that moves all parameters in one call: SGD and the adam family."""
    names = inspect.signature(make).parameters
    return "fused" in names or getattr(make, "__module__", "") == "lamina.optim.momentum"


def _check_finite(loss: torch.Tensor, norm: torch.Tensor) -> None:
    if torch.isfinite(norm):
        return
    what = f"a loss of {loss.item()}" if not torch.isfinite(loss) else f"a gradient of length {norm.item()}"
    raise TrainingError("a finite loss and gradient", what,
                        "The weights did not move and the last saved state is kept. Lower `learning_rate`, or set `clip=1`.")


@torch.no_grad()
def _penalize(parameters: list[nn.Parameter], l1: float, l2: float) -> None:
    """Add the gradient of l1 * sum|w| + l2/2 * sum w^2, for weights and not for vectors."""
    for p in parameters:
        if p.ndim > 1 and p.grad is not None:
            p.grad.add_(p.sign(), alpha=l1).add_(p, alpha=l2)


@torch.no_grad()
def _shorten(parameters: list[nn.Parameter], longest: float) -> None:
    """Project the weights into each unit onto the ball of radius `longest` (Srebro & Shraibman 2005)."""
    for p in parameters:
        if p.ndim > 1:
            p.copy_(torch.renorm(p, 2, 0, longest))
