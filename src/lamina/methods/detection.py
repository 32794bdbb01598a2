"""Learning to find objects: the losses of a detector on moved pictures, with a backbone that learned from other pictures before.

What of the backbone moves is in fine_tuning.py. A batch without any object is learned from as well.
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.data import Split, batches
from lamina.core.detector import Detector, Truth
from lamina.core.errors import UsageError
from lamina.core.method import Learning, Pace
from lamina.core.spec import Boxes, Image, Spec
from lamina.data.scenes import moved
from lamina.methods import fine_tuning
from lamina.methods.epochs import Epochs, of_windows
from lamina.methods.fine_tuning import FineTuning
from lamina.nn.scale import InputScale, rows_that_tell
from lamina.nn.scaled import Scaled


class Config(FineTuning):
    """How often pictures are shown; how they vary and what of the backbone moves is said in scenes.py and fine_tuning.py."""

    epochs: float = knob(30, "times the training data are gone through", low=0, search="log")
    batch: int = knob(8, "pictures in a mini-batch", low=1, search="log")


class Detection:
    """Mini-batches of pictures with boxes, moved, and a detector's own losses."""

    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 1e-3, "schedule": "one_cycle", "weight_decay": 0.01, "clip": 10.0}
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: Spec, config: Config, split: Split) -> None:
        if not isinstance(spec.input, Image) or not isinstance(spec.target, Boxes):
            raise UsageError("pictures with boxes for `detection`", f"`{spec.input.kind}` and `{spec.target.kind}`",
                             "Choose another method: `lamina list methods`.")
        self.spec, self.config, self.split = spec, config, split
        self.tile, self.epochs = 0, Epochs(split, config.batch)

    @staticmethod
    def wrap(net: nn.Module, spec: Spec) -> nn.Module:
        """The network behind the scale of its input; it must be able to find objects."""
        if not isinstance(net, Detector):
            raise UsageError("a network that finds objects for `detection`, as `ssd`", f"`{type(net).__name__}`",
                             "Choose another model, or leave `--model` out.")
        return Scaled(net, spec)

    def prepare(self, model: nn.Module) -> None:
        """Learn the scale of the pictures from the training split, and from its boxes the shapes of default boxes."""
        assert isinstance(model, Scaled), "the model was wrapped"
        assert isinstance(model.input, InputScale), "pictures are scaled"
        assert isinstance(self.spec.input, Image), "asked before"
        model.input.learn(self.split.batch(rows_that_tell(len(self.split), math.prod(self.spec.input.shape)))["x"])
        self.tile, self.epochs = of_windows(model, self.spec.input, self.split, self.config.batch)
        fit: Any = getattr(model.net, "fit_anchors", None)
        if fit is not None:
            fit(all_boxes(self.split))

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        """Less from stage to stage of the backbone downwards."""
        return fine_tuning.rates(model, self.config.decay)

    def pace(self) -> Pace:
        return self.epochs.pace(self.config.epochs)

    def next_batch(self, learner: Learning, step: int) -> Batch:
        batch = self.epochs.rows(learner.seed, step)
        moved(batch, self.config, (learner.seed, step), step / learner.steps, tile=self.tile)
        return batch

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        model: Any = learner.model
        fine_tuning.hold(model, self.config)
        with learner.autocast():
            parts = model.net.losses(model.laid_out(batch["x"]), Truth.of(batch))
        loss = torch.stack(list(parts.values())).sum()
        learner.step(loss)
        return {"loss": loss.detach(), **{name: part.detach() for name, part in parts.items()}}

    def counters(self, step: int) -> dict[str, float]:
        return self.epochs.counters(step)

    def state(self) -> dict[str, Any]:
        return {}  # the order and every draw are functions of (seed, step)

    def load_state(self, state: dict[str, Any]) -> None:
        self.epochs.forget()


def all_boxes(split: Split) -> torch.Tensor:
    """The boxes (N, 4) of all pictures, without those to be ignored."""
    labels: Any = getattr(split, "labels", None)  # of a split that needs not read its pictures for it
    found = [labels()] if labels is not None else [Batch(boxes=b["boxes"], box_weight=b["box_weight"]) for b in batches(split)]
    return torch.cat([one["boxes"][one["box_weight"] > 0] for one in found])
