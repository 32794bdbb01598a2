"""Learning from examples: the mean loss of a mini-batch, and its gradient (Robbins & Monro 1951; LeCun et al. 1998)."""

import math
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.functional import interpolate

from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.data import Split, batches
from lamina.core.errors import UsageError, quoted
from lamina.core.method import Learning, Pace
from lamina.core.spec import Classes, Image, Mask, Numbers, Spec, Tags, Text, Tokens
from lamina.data.mask_split import pixels
from lamina.methods.augmenting import Augmenting, check, varied
from lamina.methods.epochs import Epochs
from lamina.nn import FITTING_LOSSES, LOSSES
from lamina.nn.scale import rows_that_tell
from lamina.nn.scaled import Scaled

PICTURES_COUNTED = 100  # whose masks are in memory at once
TO_LEARN_FROM = 5000  # pictures, for what a network derives from them before it is trained
Loss = Callable[..., torch.Tensor]  # (output, target) -> (B,)


class Config(Augmenting):
    """How examples are shown and what is minimized."""

    epochs: float = knob(10, "times the training data are gone through", low=0, search="log")
    batch: int = knob(128, "examples in a mini-batch", low=1, search="log")
    loss: str = knob("auto", "what is minimized: see `lamina list losses`", search="choice")
    label_smoothing: float = knob(0.0, "share of the target spread over all classes", low=0, high=0.9, search="linear")
    class_weights: float = knob(0.0, "power of the inverse of its frequency by which a class is weighed; 1: all alike", low=0, high=1)


class Supervised:
    """Mini-batches of one split, each epoch in a fresh order."""

    defaults: ClassVar[Mapping[str, Any]] = {}
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: Spec, config: Config, split: Split) -> None:
        self.spec, self.config, self.split = spec, config, split
        self.epochs = Epochs(split, config.batch)
        self.loss = fitting_loss(spec, config)
        if config.mixup and isinstance(spec.input, Text | Tokens):
            raise UsageError("numbers or pictures to mix with `mixup`", "texts", "Leave `mixup` out.")
        self._weights = class_weights(spec, split, config.class_weights) if config.class_weights else None
        check(config, spec)

    @staticmethod
    def wrap(net: nn.Module, spec: Spec) -> nn.Module:
        """The network between the scales of input and target."""
        return Scaled(net, spec)

    def prepare(self, model: nn.Module) -> None:
        """Learn the scales from the training split, and from nothing else.

        A network that has `learn` sees scaled inputs, one that has `count` all rows and their answers.
        """
        assert isinstance(model, Scaled)
        count: Any = getattr(model.net, "count", None)
        if count is not None:
            count(batches(self.split))
        if not any(hasattr(part, "learn") for part in (model.input, model.target, model.net)):
            return
        some = rows_that_tell(len(self.split), math.prod(self.spec.input.shape) if isinstance(self.spec.input, Image) else 1)
        rows = self.split.batch(some)
        if not isinstance(model.input, nn.Identity):
            model.input.learn(rows["x"])
        learn: Any = getattr(model.net, "learn", None)
        if learn is not None:  # of a layer that is derived from the data and not trained
            x = rows["x"]
            learn(model.input(x[:: -(-len(x) // TO_LEARN_FROM)]))
        if not isinstance(model.target, nn.Identity):
            model.target.learn(rows["y"])

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        return {}

    def pace(self) -> Pace:
        return self.epochs.pace(self.config.epochs)

    def next_batch(self, learner: Learning, step: int) -> Batch:
        batch = self.epochs.rows(learner.seed, step)
        varied(batch, self.config, self.spec, (learner.seed, step), step / learner.steps)
        return batch

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        model: Any = learner.model
        with learner.autocast():
            output = model.scaled(batch["x"])
        loss = self.whole_loss(learner, output, batch)
        learner.step(loss)
        return {"loss": loss.detach()}

    def whole_loss(self, learner: Learning, output: torch.Tensor | tuple[torch.Tensor, ...], batch: Batch) -> torch.Tensor:
        """The mean loss of what the network says, and as its `auxiliary_weight` has it of its auxiliary heads, where it has any."""
        main, *auxiliary = output if isinstance(output, tuple) else (output,)
        loss = self.mean_loss(learner, main.float(), batch)
        for other in auxiliary:
            loss = loss + learner.model.net.auxiliary_weight * self.mean_loss(learner, other.float(), batch)
        return loss

    def mean_loss(self, learner: Learning, output: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The loss of the network's own outputs (B, ...), over the batch, by the weights of its rows."""
        y = batch["y"]
        if isinstance(self.spec.target, Numbers):
            scale: Any = learner.model.target
            y = (y - scale.mean) / scale.deviation
        losses = self._losses(output, y)
        if "lam" in batch:
            lam = batch["lam"]
            losses = lam * losses + (1 - lam) * self._losses(output, y[batch["partner"]])
        if "weight" not in batch:
            return losses @ losses.new_full((len(losses),), 1 / len(losses))  # a mean whose backward is one product
        total = batch["weight"].sum()  # zero where no row of the batch counts: then nothing is learned from it
        return (losses * batch["weight"]).sum() / torch.where(total > 0, total, 1.0)

    def _losses(self, output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        smooth = {"smoothing": self.config.label_smoothing} if self.config.label_smoothing else {}
        if isinstance(self.spec.target, Tags):  # (B, K, L): one figure a text, of its places
            return self.loss(output, y, **smooth)
        if isinstance(self.spec.target, Mask):  # (B, K, H, W): one figure a picture, of pixels that are weighed inside
            return self.loss(output, seen_by(y, output), weights=self._weights, **smooth)
        if output.ndim == 3:  # (B, k, K): each of k members learns for itself
            members = output.shape[1]
            losses = self.loss(output.flatten(0, 1), y.repeat_interleave(members, 0), **smooth).view(-1, members).mean(1)
        else:
            losses = self.loss(output, y, **smooth)
        return losses if self._weights is None else losses * self._weights.to(y.device)[y]

    def counters(self, step: int) -> dict[str, float]:
        return self.epochs.counters(step)

    def state(self) -> dict[str, Any]:
        return {}  # the order and every draw are functions of (seed, step)

    def load_state(self, state: dict[str, Any]) -> None:
        self.epochs.forget()


def seen_by(y: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    """Masks (B, H, W) at the places of an output (B, K, h, w), which an auxiliary head may have fewer of."""
    return y if y.shape[1:] == output.shape[2:] else interpolate(y[:, None], output.shape[2:], mode="nearest-exact")[:, 0]


def fitting_loss(spec: Spec, config: Config) -> Loss:
    """The loss that was asked for, or the target's default; UsageError where loss, target and smoothing do not go together."""
    kind = spec.target.kind
    fitting = FITTING_LOSSES.get(kind, ())
    if not fitting:
        raise UsageError("classes, labels, numbers or masks to learn from examples", f"`{kind}`",
                         "Choose another method: `lamina list methods`.")
    name = fitting[0] if config.loss == "auto" else config.loss
    loss: Loss = LOSSES[name]
    if name not in fitting:
        raise UsageError(f"a loss for {kind}", f"`{name}`", f"Losses that fit: {quoted(fitting)}.")
    if config.label_smoothing and "smoothing" not in signature(loss).parameters:
        raise UsageError("a loss whose target can be smoothed with `label_smoothing`", f"`{name}`", "Leave `label_smoothing` out.")
    return loss


def class_weights(spec: Spec, split: Split, power: float = 1.0) -> torch.Tensor:
    """(K,) powers of the inverse frequencies, with mean one over the examples, or over the labelled pixels."""
    if isinstance(spec.target, Mask):
        return _weights_of_pixels(spec.target.size, split, power)
    if not isinstance(spec.target, Classes):
        raise UsageError("classes to weigh with `class_weights`", f"{spec.target.kind}", "Leave `class_weights` out.")
    y = torch.cat([batch["y"] for batch in batches(split)])
    counts = torch.bincount(y, minlength=spec.target.size)
    weights = counts.clamp(min=1) ** -power
    return weights * len(y) / (weights * counts).sum()


def _weights_of_pixels(classes: int, split: Split, power: float) -> torch.Tensor:
    """Median frequency balancing (Eigen & Fergus 2015): the median over classes of their frequencies, by each class's own, which is
    its share of the pictures that hold it. Plain inverse frequencies would have a rare class count thousands of times."""
    total, held = torch.zeros(2, classes, dtype=torch.float64)
    for batch in batches(split, PICTURES_COUNTED):
        for mask in batch["y"]:
            counts = pixels(mask, classes)
            total += counts
            held += (counts > 0) * counts.sum()
    frequency = total / held.clamp_min(1)
    weights = torch.where(total > 0, frequency[total > 0].quantile(0.5) / frequency.clamp_min(1e-12), 0.0) ** power
    return (weights * total.sum() / (weights * total).sum().clamp_min(1e-12)).float()
