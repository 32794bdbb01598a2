"""Transfer learning: what was learned on other pictures is kept, and taught the new question from the head downwards.

First the network is frozen: the features of every example are computed once and kept, and the head alone is fitted on them
(Donahue et al. 2014, DeCAF; Razavian et al. 2014). Then the upper stages thaw (Yosinski et al. 2014) and are trained with
lower rates below (Howard & Ruder 2018, ULMFiT: discriminative fine-tuning, section 3.2; gradual unfreezing, 3.3).

A run is `views` epochs in which features are kept, each ended by a fit of the head, then `epochs` epochs of training.
Nothing has to be saved: kept features are a function of the first weights, and a resumed run computes what it misses again.
Frozen stages stay in evaluation mode, so that neither their weights nor their running averages move.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from lamina.core.backbone import Backbone, features
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.data import Split
from lamina.core.errors import UsageError
from lamina.core.method import Learning, Pace
from lamina.core.spec import Spec
from lamina.methods import linear_head, supervised
from lamina.methods.fine_tuning import let_learn
from lamina.nn.scaled import Scaled


class Config(supervised.Config):
    """How the head is fitted and what thaws."""

    epochs: float = knob(4, "times the training data are gone through after the head; 0 fits the head alone", low=0, search="log")
    batch: int = knob(32, "examples in a mini-batch", low=1, search="log")
    pull: float = knob(0.05, "pull of the head's weights towards zero while it is fitted alone", low=0, search="log")
    thaw: int = knob(4, "stages below the head that are trained", low=0, search="linear")
    decay: float = knob(0.8, "learning rate of a stage as a share of that of the stage above it", low=0.01, high=1, search="linear")
    opening: float = knob(0.0, "share of the training over which stages thaw one by one, the last first", low=0, high=1, search="linear")
    depthwise: bool = knob(False, "train depthwise kernels too: they hold few weights and cost half of the time on processors")
    averages: bool = knob(False, "let batch normalization in thawed stages follow the new data; else it keeps its averages")


class Transfer:
    """A head on kept features, then thawed stages."""

    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 1e-3, "schedule": "one_cycle", "weight_decay": 0.01}
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: Spec, config: Config, split: Split) -> None:
        self.config, self.split = config, split
        self.taught = supervised.Supervised(spec, config, split)
        self.views = 2 if config.flip else 1  # as it is, then mirrored
        self.prepares = self.views * self.taught.epochs.per_epoch
        self._step = 0  # of the batch that was fetched last
        self._kept: dict[int, Batch] = {}  # by step: features as `x`, and their targets

    @staticmethod
    def wrap(net: nn.Module, spec: Spec) -> nn.Module:
        """The network between the scales of input and target; it must say its stages."""
        if not isinstance(net, Backbone):
            raise UsageError("a network in stages for `transfer`, as `efficientnet_lite0` or `cnn`", f"`{type(net).__name__}`",
                             "Choose another model, or `--method supervised`.")
        return Scaled(net, spec)

    def prepare(self, model: nn.Module) -> None:
        """Learn the scales from the training split."""
        self.taught.prepare(model)

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        """Less from stage to stage downwards."""
        stages: Any = model.net.stages()  # type: ignore[operator, union-attr]
        return {p: self.config.decay**depth for depth, (_, stage) in enumerate(reversed(stages)) for p in stage.parameters()}

    def pace(self) -> Pace:
        trained = self.taught.pace()
        if not self.config.epochs:  # what is timed is a step that keeps features: the last one may have to compute all of them again
            return Pace(self.prepares, trained.valid_every)
        return Pace(self.prepares + trained.steps, trained.valid_every, self.prepares + 1)

    def next_batch(self, learner: Learning, step: int) -> Batch:
        self._step = step
        return self._shown(step) if step <= self.prepares else self.taught.next_batch(learner, step - self.prepares)

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        if self._step <= self.prepares:
            return self._prepare(learner, batch)
        done = (self._step - self.prepares) / max(1, learner.steps - self.prepares)
        thaw(learner.model.net, self._open(done), self.config)
        return self.taught.update(learner, batch)

    # -- the head alone -------------------------------------------------------------------------------

    def _shown(self, step: int) -> Batch:
        """The rows of one step in their stored order; the last step of an epoch takes the rest of them."""
        view, place = divmod(step - 1, self.taught.epochs.per_epoch)
        end = len(self.split) if place + 1 == self.taught.epochs.per_epoch else (place + 1) * self.taught.epochs.batch
        batch = self.split.batch(torch.arange(place * self.taught.epochs.batch, end))
        if view:
            batch["x"] = batch["x"].flip(-1)
        return batch

    @torch.no_grad()
    def _prepare(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        """Keep the features of a batch, and fit the head when every example was shown; the loss is told once there is a head."""
        kept = self._kept[self._step] = _featured(learner, batch)
        head: Any = learner.model.net.head
        if self._step < self.taught.epochs.per_epoch:
            return {}
        if self._step % self.taught.epochs.per_epoch:
            return {"loss": self.taught.mean_loss(learner, head(kept["x"]), kept)}
        for step in range(1, self._step):
            if step not in self._kept:  # of a run that was resumed in between
                self._kept[step] = _featured(learner, self._shown(step).to(learner.device))
        seen = [self._kept[step] for step in range(1, self._step + 1)]
        rows = Batch(**{key: torch.cat([one[key] for one in seen]) for key in kept})
        loss = linear_head.fit(head, rows["x"], lambda output: self.taught.mean_loss(learner, output, rows), self.config.pull)
        learner.settle()
        if self._step == self.prepares:
            self._kept = {}
        return {"loss": loss}

    # -- thawing --------------------------------------------------------------------------------------

    def _open(self, done: float) -> int:
        """How many stages below the head are trained when the share `done` of the training is over."""
        if done >= self.config.opening:
            return self.config.thaw
        return int(self.config.thaw * done / self.config.opening)

    def counters(self, step: int) -> dict[str, float]:
        return self.taught.counters(step)

    def state(self) -> dict[str, Any]:
        return {}  # kept features are computed again

    def load_state(self, state: dict[str, Any]) -> None:
        self.taught.load_state(state)


def thaw(net: Backbone, stages: int, config: Config) -> None:
    """Let the head and so many stages below it be trained, and put all others into evaluation mode."""
    for depth, (_, stage) in enumerate(reversed(net.stages())):
        let_learn(stage, depth <= stages, config.depthwise, config.averages)


def _featured(learner: Learning, batch: Batch) -> Batch:
    """The batch with what the head sees in place of the pictures."""
    model: Any = learner.model.eval()
    with learner.autocast():
        found = features(model.net, model.laid_out(batch["x"]))
    return Batch(**{**batch, "x": found.float()})
