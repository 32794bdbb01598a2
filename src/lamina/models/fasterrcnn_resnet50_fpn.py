"""Faster R-CNN (Ren et al. 2015) on ResNet-50 with a feature pyramid (Lin et al. 2017), in the form that torchvision publishes.

Batch normalization is frozen, anchors are of fixed sizes, and the second half is wide. Weights load by name after `from_torchvision`.
"""

import re

import torch

from lamina.core.backbone import Published, State
from lamina.core.config import knob
from lamina.core.spec import Spec
from lamina.models.default_boxes import GridAnchors
from lamina.models.faster_rcnn import FasterRCNN, second_half
from lamina.models.finding import Finding, pictures_with_boxes
from lamina.models.maps import pyramid
from lamina.models.roi_heads import Looking, RoIHeads
from lamina.models.rpn import RPN, Proposing, RPNHead
from lamina.nn.frozen_norm import freeze
from lamina.nn.pyramid import FPN

STRIDES = (4, 8, 16, 32)
SIZES, RATIOS = (32, 64, 128, 256, 512), (0.5, 1.0, 2.0)  # px; height to width
WIDTH, HIDDEN = 256, 1024
RENAMED = (  # beginnings; the last two are of files from before torchvision 0.13
    (r"^backbone\.body\.", "pyramid.net."), (r"^backbone\.fpn\.", "fpn."),
    (r"^rpn\.head\.conv\.(weight|bias)$", r"rpn.head.conv.0.0.\1"), (r"^(fpn\.\w+_blocks\.\d)\.(weight|bias)$", r"\1.0.\2"),
)  # fmt: skip


class Config(Finding):
    """The sizes are the published."""

    score: float = knob(0.05, "least score of an answer; the task asks for more before it shows one", low=0, high=1)
    epsilon: float = knob(1e-5, "added to variances; torchvision's weights from COCO, of before 0.9, want 0", low=0, high=0.1)


def fasterrcnn_resnet50_fpn(spec: Spec, config: Config) -> FasterRCNN:
    """Faster R-CNN on ResNet-50 with a feature pyramid, as torchvision publishes it (Ren et al. 2015; Lin et al. 2017)."""
    pictures_with_boxes(spec, "fasterrcnn_resnet50_fpn")
    below = pyramid(spec, "resnet50", STRIDES)
    freeze(below, config.epsilon)
    fpn = FPN([below.channels[stride] for stride in STRIDES], WIDTH)
    rpn = RPN(RPNHead(WIDTH, len(RATIOS)), GridAnchors(SIZES, RATIOS), Proposing())
    heads = RoIHeads(WIDTH, HIDDEN, spec.target.size, Looking(STRIDES), second_half(config))
    published = Published("fasterrcnn_resnet50_fpn", "pyramid.net.conv1.weight", ("roi_heads.box_predictor.",), rename=from_torchvision)
    return FasterRCNN(below, fpn, rpn, heads, published)


def from_torchvision(state: State) -> dict[str, torch.Tensor]:
    """torchvision's names as ours.

    >>> list(from_torchvision({"backbone.fpn.inner_blocks.0.weight": torch.empty(0)}))
    ['fpn.inner_blocks.0.0.weight']
    """
    return {_renamed(name): tensor for name, tensor in state.items()}


def _renamed(name: str) -> str:
    for old, new in RENAMED:
        name = re.sub(old, new, name)
    return name
