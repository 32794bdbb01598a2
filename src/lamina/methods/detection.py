"""Learning to find objects: the losses of a detector on moved pictures, with a backbone that learned from other pictures before.

Fine-tuning as for R-CNN (Girshick et al. 2014, section 2.3); normalization keeps its averages because batches are small (Ren et al. 2017,
on networks of feature maps), and lower stages move less (Howard & Ruder 2018). A batch without any object is learned from as well.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from lamina.core.backbone import Backbone
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.data import Split, batches
from lamina.core.detector import Detector, Truth
from lamina.core.errors import UsageError
from lamina.core.method import Learning, Pace
from lamina.core.spec import Boxes, Image, Spec
from lamina.data.scenes import Scenes, moved
from lamina.methods.epochs import Epochs
from lamina.nn.scale import ROWS, InputScale
from lamina.nn.scaled import Scaled

# what to choose beside the defaults where the backbone has weights that were learned from other pictures
FROM_PUBLISHED: Mapping[str, Any] = {"averages": False, "depthwise": False, "still": 1, "decay": 0.8}


class Config(Scenes):
    """How pictures are shown and what of the backbone moves."""

    epochs: float = knob(30, "times the training data are gone through", low=0, search="log")
    batch: int = knob(8, "pictures in a mini-batch", low=1, search="log")
    decay: float = knob(1.0, "learning rate of a stage of the backbone as a share of that above it", low=0.01, high=1, search="linear")
    still: int = knob(0, "stages of the backbone, from the first, that keep their weights", low=0, search="linear")
    depthwise: bool = knob(True, "train the backbone's depthwise kernels too: few weights, and half of the time on processors")
    averages: bool = knob(True, "let the backbone's batch normalization follow the new pictures; else it keeps its averages")


class Detection:
    """Mini-batches of pictures with boxes, moved, and a detector's own losses."""

    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 1e-3, "schedule": "one_cycle", "weight_decay": 0.01, "clip": 10.0}
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: Spec, config: Config, split: Split) -> None:
        if not isinstance(spec.input, Image) or not isinstance(spec.target, Boxes):
            raise UsageError("pictures with boxes for `detection`", f"`{spec.input.kind}` and `{spec.target.kind}`",
                             "Choose another method: `lamina list methods`.")
        self.config, self.split = config, split
        self.epochs = Epochs(split, config.batch)

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
        step = max(1, len(self.split) // ROWS)
        model.input.learn(self.split.batch(torch.arange(0, len(self.split), step))["x"])
        fit: Any = getattr(model.net, "fit_anchors", None)
        if fit is not None:
            fit(all_boxes(self.split))

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        """Less from stage to stage of the backbone downwards."""
        stages = [stage for _, stage in reversed(_stages(model)) if list(stage.parameters())]
        return {p: self.config.decay**depth for depth, stage in enumerate(stages, 1) for p in stage.parameters()}

    def pace(self) -> Pace:
        return self.epochs.pace(self.config.epochs)

    def next_batch(self, learner: Learning, step: int) -> Batch:
        batch = self.epochs.rows(learner.seed, step)
        moved(batch, self.config, (learner.seed, step), step / learner.steps)
        return batch

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        model: Any = learner.model
        hold(model, self.config)
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


def hold(model: nn.Module, config: Config) -> None:
    """Put what is to keep its weights or its averages into that state; the learner puts all into training again after a validation."""
    for place, (_, stage) in enumerate(_stages(model)):
        if place < config.still:
            stage.eval()
        for layer in stage.modules():
            depthwise = isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels > 1
            moves = place >= config.still and (config.depthwise or not depthwise)
            for p in layer.parameters(recurse=False):
                p.requires_grad_(moves)
            if isinstance(layer, _BatchNorm) and not config.averages:
                layer.eval()


def _stages(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Those of the detector's backbone from the first on, where it has one."""
    backbone = getattr(getattr(model, "net", None), "backbone", None)
    return backbone.stages() if isinstance(backbone, Backbone) else []
