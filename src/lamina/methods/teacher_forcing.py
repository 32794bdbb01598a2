"""Learning to say an answer: each token from the true ones before it (Williams & Zipser 1989), by the mean loss of a token.

The loss may be smoothed (Szegedy et al. 2016), so that the network is never quite sure. Sequences are filled up; what fills them up is not
learned. The loss of the whole vocabulary is worked out in parts (nn/vocabulary_loss.py).

    B  pairs    T  tokens said, with the end    D  features
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.data import Split
from lamina.core.errors import UsageError
from lamina.core.method import Learning, Pace
from lamina.core.speaker import Speaker
from lamina.core.spec import BEGIN, END, FILL, UNKNOWN, Image, Spec, Tokens
from lamina.methods.epochs import Epochs
from lamina.nn.dropout import exchange
from lamina.nn.scale import InputScale, rows_that_tell
from lamina.nn.scaled import Scaled, behind_scale
from lamina.nn.vocabulary_loss import vocabulary_loss


class Config(knobs.Config):
    """How pairs are shown."""

    epochs: float = knob(10, "times the training data are gone through", low=0, search="log")
    batch: int = knob(64, "pairs in a mini-batch", low=1, search="log")
    label_smoothing: float = knob(0.1, "share of the target spread over all tokens", low=0, high=0.9, search="linear")
    forget: float = knob(0.0, "share of the tokens heard and said before that are hidden while training", low=0, high=0.9, search="linear")


class TeacherForcing:
    """Mini-batches of pairs, each epoch in a fresh order."""

    defaults: ClassVar[Mapping[str, Any]] = {"clip": 1.0}
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: Spec, config: Config, split: Split) -> None:
        if not isinstance(spec.target, Tokens):
            raise UsageError("texts to be said for `teacher_forcing`", f"`{spec.target.kind}` as target",
                             "Choose another method: `lamina list methods`.")
        self.spec, self.config, self.split = spec, config, split
        self.epochs = Epochs(split, config.batch)

    @staticmethod
    def wrap(net: nn.Module, spec: Spec) -> nn.Module:
        """The network behind the scale of pictures; where it hears tokens, which have none, as it is. Plain dropout becomes ours."""
        if not isinstance(net, Speaker):
            raise UsageError("a model that says sequences", f"`{type(net).__name__}`", "Choose `seq2seq`, `transformer` or `captioner`.")
        if isinstance(spec.input, Image):
            return Scaled(net, spec)
        exchange(net)
        return net

    def prepare(self, model: nn.Module) -> None:
        """Learn the scale of pictures from the training split."""
        if isinstance(model, Scaled) and isinstance(model.input, InputScale):
            model.input.learn(self.split.batch(rows_that_tell(len(self.split), math.prod(self.spec.input.shape)))["x"])

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        return {}

    def pace(self) -> Pace:
        return self.epochs.pace(self.config.epochs)

    def next_batch(self, learner: Learning, step: int) -> Batch:
        return self.epochs.rows(learner.seed, step)

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        x, y = batch["x"], batch["y"]
        said = shifted(y)
        if self.config.forget:
            x, said = (hidden(one, self.config.forget) if one.ndim == 2 else one for one in (x, said))
        with learner.autocast():
            total, count = loss_of(learner.model, x, said, y, self.config.label_smoothing)
        loss = total / count
        learner.step(loss)
        return {"loss": loss.detach()}

    def counters(self, step: int) -> dict[str, float]:
        return self.epochs.counters(step)

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        self.epochs.forget()


def shifted(y: torch.Tensor) -> torch.Tensor:
    """(B, T) what was said before each token of y (B, T)."""
    return torch.cat([torch.full_like(y[:, :1], BEGIN), y[:, :-1]], 1)


def loss_of(model: Any, x: torch.Tensor, said: torch.Tensor, y: torch.Tensor, smoothing: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum of the losses of the tokens y (B, T) that are no filling, in nats, and how many they are."""
    held = y != FILL
    net, seen = behind_scale(model, x)
    features = net.features(seen, said)[held]
    return vocabulary_loss(features, net.head, y[held].long(), smoothing), held.sum()


def hidden(x: torch.Tensor, share: float) -> torch.Tensor:
    """Tokens (B, L) of which a share is `UNKNOWN`; marks stay (Gal & Ghahramani 2016, of words)."""
    drawn = torch.rand(x.shape, device=x.device) < share
    return torch.where(drawn & (x > END), torch.full_like(x, UNKNOWN), x)
