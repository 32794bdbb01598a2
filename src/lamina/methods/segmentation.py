"""Learning a class for every pixel: the mean loss of the labelled pixels of moved pictures (Long, Shelhamer & Darrell 2015).

What of the backbone moves is in fine_tuning.py; loss and order are those of `supervised`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.data import Split
from lamina.core.errors import UsageError
from lamina.core.method import Learning, Pace
from lamina.core.spec import Image, Mask, Spec
from lamina.data.scenes import moved
from lamina.methods import fine_tuning, supervised
from lamina.methods.epochs import of_windows
from lamina.methods.fine_tuning import FineTuning
from lamina.nn.scaled import Scaled


class Config(FineTuning):
    """How often pictures are shown, and what is minimized."""

    epochs: float = knob(30, "times the training data are gone through", low=0, search="log")
    batch: int = knob(8, "pictures in a mini-batch", low=1, search="log")
    loss: str = knob("auto", "what is minimized: see `lamina list losses`", search="choice")
    label_smoothing: float = knob(0.0, "share of the target spread over all classes", low=0, high=0.9, search="linear")
    class_weights: float = knob(0.0, "power of the inverse of its frequency by which a class is weighed; 1: all alike", low=0, high=1)


class Segmentation:
    """Mini-batches of pictures with masks, moved."""

    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 1e-3, "schedule": "one_cycle", "weight_decay": 0.01}
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: Spec, config: Config, split: Split) -> None:
        if not isinstance(spec.target, Mask):
            raise UsageError("pictures with masks for `segmentation`", f"`{spec.target.kind}` as target",
                             "Choose another method: `lamina list methods`.")
        self.spec, self.config, self.split, self.tile = spec, config, split, 0
        words = {name: getattr(config, name) for name in ("epochs", "batch", "loss", "label_smoothing", "class_weights")}
        self.taught = supervised.Supervised(spec, supervised.Config(**words), split)

    @staticmethod
    def wrap(net: nn.Module, spec: Spec) -> nn.Module:
        """The network behind the scale of its input."""
        return Scaled(net, spec)

    def prepare(self, model: nn.Module) -> None:
        """Learn the scale of the pictures from the training split."""
        self.taught.prepare(model)
        assert isinstance(self.spec.input, Image), "masks are of pictures"
        self.tile, self.taught.epochs = of_windows(model, self.spec.input, self.split, self.config.batch)

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        """Less from stage to stage of the backbone downwards."""
        return fine_tuning.rates(model, self.config.decay)

    def pace(self) -> Pace:
        return self.taught.pace()

    def next_batch(self, learner: Learning, step: int) -> Batch:
        batch = self.taught.epochs.rows(learner.seed, step)
        moved(batch, self.config, (learner.seed, step), step / learner.steps, tile=self.tile)
        return batch

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        fine_tuning.hold(learner.model, self.config)
        return self.taught.update(learner, batch)

    def counters(self, step: int) -> dict[str, float]:
        return self.taught.counters(step)

    def state(self) -> dict[str, Any]:
        return self.taught.state()

    def load_state(self, state: dict[str, Any]) -> None:
        self.taught.load_state(state)
