"""What of a backbone moves while a network that stands on it learns from pictures with boxes or masks.

Fine-tuning as for R-CNN (Girshick et al. 2014, section 2.3); normalization keeps its averages because batches are small (Ren et al. 2017,
on networks of feature maps), and lower stages move less (Howard & Ruder 2018) or not at all: behind the last stage that is still
no gradient is asked for, and on processors those of depthwise layers with stride, which lie there, cost half of a step.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from lamina.core.backbone import Backbone
from lamina.core.config import knob
from lamina.data.scenes import Scenes

# what to choose beside the defaults where the backbone has weights that were learned from other pictures
FROM_PUBLISHED: Mapping[str, Any] = {"averages": False, "depthwise": False, "still": 3, "decay": 0.8}


class FineTuning(Scenes):
    """What of the backbone moves."""

    decay: float = knob(1.0, "learning rate of a stage of the backbone as a share of that above it", low=0.01, high=1, search="linear")
    still: int = knob(0, "stages of the backbone, from the first, that keep their weights", low=0, search="linear")
    depthwise: bool = knob(True, "train the backbone's depthwise kernels too: few weights, and half of the time on processors")
    averages: bool = knob(True, "let the backbone's batch normalization follow the new pictures; else it keeps its averages")


def rates(model: nn.Module, decay: float) -> dict[nn.Parameter, float]:
    """The share of the learning rate that each parameter of the backbone takes, less from stage to stage downwards."""
    stages = [stage for _, stage in reversed(_stages(model)) if list(stage.parameters())]
    return {p: decay**depth for depth, stage in enumerate(stages, 1) for p in stage.parameters()}


def hold(model: nn.Module, config: FineTuning) -> None:
    """Put what is to keep its weights or its averages into that state; the learner puts all into training again after a validation."""
    for place, (_, stage) in enumerate(_stages(model)):
        let_learn(stage, place >= config.still, config.depthwise, config.averages)


def let_learn(stage: nn.Module, learns: bool, depthwise: bool, averages: bool) -> None:
    """Train a stage, or put it into evaluation mode. In one that learns, depthwise kernels and the averages of normalization may stay."""
    stage.train(learns)
    for layer in stage.modules():
        held = not learns or (not depthwise and isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels > 1)
        for p in layer.parameters(recurse=False):
            p.requires_grad_(not held)
        if isinstance(layer, _BatchNorm) and not averages:
            layer.eval()


def _stages(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Those of the detector's backbone from the first on, where it has one."""
    backbone = getattr(getattr(model, "net", None), "backbone", None)
    return backbone.stages() if isinstance(backbone, Backbone) else []
