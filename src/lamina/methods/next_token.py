"""Learning what follows: the mean loss of the next token, over stretches of a long text.

A network that carries its state (rnn, lstm, gru) reads as many places of the text side by side as a batch has rows, each going on where it
stopped a step ago; the gradient is cut there (truncated backpropagation through time, Williams & Peng 1990), the state is not, and it is
part of what is saved. Every pass through the text begins at another token. Other networks are shown stretches from anywhere.

    B  rows    T  tokens of a stretch
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.data import Split
from lamina.core.errors import UsageError
from lamina.core.method import Learning, Pace
from lamina.core.speaker import State, Writer
from lamina.core.spec import FILL, Next, Spec
from lamina.data.corpus_split import CorpusSplit
from lamina.nn.dropout import exchange
from lamina.nn.vocabulary_loss import vocabulary_loss

MOST_VALIDATIONS = 20


class Config(knobs.Config):
    """How the text is shown."""

    epochs: float = knob(10, "times the text is gone through", low=0, search="log")
    batch: int = knob(64, "stretches side by side", low=1, search="log")
    stretch: int = knob(100, "tokens through which the gradient goes back", low=1, search="log")
    label_smoothing: float = knob(0.0, "share of the target spread over all tokens", low=0, high=0.9, search="linear")


class NextToken:
    """Stretches of one long text."""

    defaults: ClassVar[Mapping[str, Any]] = {"clip": 1.0}
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: Spec, config: Config, split: Split) -> None:
        if not isinstance(spec.target, Next) or not isinstance(split, CorpusSplit):
            raise UsageError("a text to be written on for `next_token`", f"`{spec.target.kind}` as target",
                             "Choose another method: `lamina list methods`.")
        self.config, self.split = config, split
        self.stretch = min(config.stretch, len(split.ids) - 1)
        self.rows = max(1, min(config.batch, (len(split.ids) - 1) // self.stretch))
        self.per_epoch = max(1, (len(split.ids) - 1) // (self.rows * self.stretch) - 1)  # one to spare, so that passes begin elsewhere
        self.carried: State = {}

    @staticmethod
    def wrap(net: nn.Module, spec: Spec) -> nn.Module:
        """The network as it is, as tokens have no scale; plain dropout becomes ours."""
        if not isinstance(net, Writer):
            raise UsageError("a model that writes a text on", f"`{type(net).__name__}`", "Choose `lstm`, `gru`, `rnn` or `transformer`.")
        exchange(net)
        return net

    def prepare(self, model: nn.Module) -> None:
        return None

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        return {}

    def pace(self) -> Pace:
        steps = max(1, round(self.config.epochs * self.per_epoch))
        return Pace(steps, max(1, round(steps / MOST_VALIDATIONS)))

    def next_batch(self, learner: Learning, step: int) -> Batch:
        if not learner.model.carries:
            random = np.random.default_rng(rng.key(learner.seed, step, "stretches"))
            return self.split.stretches(random.integers(0, max(1, len(self.split.ids) - self.stretch), self.rows), self.stretch)
        epoch, place = divmod(step - 1, self.per_epoch)
        if place == 0:
            self.carried = {}
        each = (len(self.split.ids) - 1) // self.rows  # tokens of a row in all
        spare = each - self.per_epoch * self.stretch
        first = int(np.random.default_rng(rng.key(learner.seed, epoch, "first")).integers(0, spare + 1))
        return self.split.stretches(np.arange(self.rows) * each + first + place * self.stretch, self.stretch)

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        model, y = learner.model, batch["y"]
        with learner.autocast():
            features, state = model.read(batch["x"], self.carried)
            held = y != FILL
            total = vocabulary_loss(features[held], model.head, y[held].long(), self.config.label_smoothing)
        loss = total / held.sum()
        learner.step(loss)
        self.carried = {name: one.detach() for name, one in state.items()} if model.carries else {}
        return {"loss": loss.detach()}

    def counters(self, step: int) -> dict[str, float]:
        return {"epoch": step / self.per_epoch, "tokens": step * self.rows * self.stretch}

    def state(self) -> dict[str, Any]:
        return {"carried": dict(self.carried)}

    def load_state(self, state: dict[str, Any]) -> None:
        self.carried = dict(state["carried"])
