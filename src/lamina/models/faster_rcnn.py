"""Faster R-CNN (Ren, He, Girshick & Sun 2015): regions that may hold an object, then what each holds, on the maps of one network.

With a feature pyramid (Lin et al. 2017). The light form has few channels, a small second half, and anchors that are fitted to the data;
`fasterrcnn_resnet50_fpn` is the form that torchvision publishes.
"""

import torch
from torch import nn

from lamina.core.backbone import Backbone, Published
from lamina.core.config import knob
from lamina.core.detector import Truth
from lamina.core.spec import Spec
from lamina.models.default_boxes import FittedBoxes
from lamina.models.finding import Finding, pictures_with_boxes
from lamina.models.maps import Strides, pyramid
from lamina.models.roi_heads import Looking, RoIHeads
from lamina.models.rpn import RPN, Proposing, RPNHead
from lamina.nn.answers import Selection
from lamina.nn.pyramid import FPN, Pyramid, coarser

SMALLEST = 1e-2  # px, a side of an answer
ALL = 1 << 30  # candidates: there are no more than regions


class Config(Finding):
    """What the network looks at."""

    backbone: str = knob("efficientnet_lite0", "the network of pictures below: see `lamina list models`", search="choice")
    strides: Strides = knob((8, 16, 32), "strides of the maps, each double the one before", search="choice")
    width: int = knob(128, "channels of the joined maps", low=8, search="log")
    hidden: int = knob(256, "units of the two layers that look into a region", low=8, search="log")
    shapes: int = knob(3, "anchors at a place", low=1, high=12, search="linear")
    regions: int = knob(300, "regions of a picture that are looked into, at most", low=1, search="log")
    shown: int = knob(128, "regions of a picture that are learned from", low=8, search="log")


class FasterRCNN(nn.Module):
    """Maps, regions, answers: (B, C, H, W) -> (B, M, 6). `published`: how whole published weights fit, where there are some."""

    def __init__(self, below: Pyramid, fpn: FPN, rpn: RPN, roi_heads: RoIHeads, published: Published | None = None) -> None:
        super().__init__()
        self.pyramid, self.fpn, self.rpn, self.roi_heads = below, fpn, rpn, roi_heads
        self.published = published
        self.coarser = rpn.anchors.levels - len(fpn.inner_blocks)  # maps of the RPN alone, made of the last

    @property
    def backbone(self) -> Backbone:
        """The network of pictures below."""
        return self.pyramid.net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        picture = x.shape[2], x.shape[3]
        maps = self._maps(x)
        regions = self.rpn.regions(self.rpn(maps, picture), picture)
        answers: torch.Tensor = self.roi_heads(maps, regions, picture)
        return answers

    def losses(self, x: torch.Tensor, truth: Truth) -> dict[str, torch.Tensor]:
        """The four of the paper: of objectness and regions, of classes and boxes."""
        picture = x.shape[2], x.shape[3]
        maps = self._maps(x)
        raw = self.rpn(maps, picture)
        regions = self.rpn.regions(raw, picture)
        return {**self.rpn.losses(raw, truth), **self.roi_heads.losses(maps, regions, truth)}

    def _maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        below = self.pyramid.maps_by_stride(x)
        joined: list[torch.Tensor] = self.fpn([below[stride] for stride in self.roi_heads.looking.strides])
        for _ in range(self.coarser):
            joined.append(coarser(joined[-1]))
        return joined

    def fit_anchors(self, boxes: torch.Tensor) -> None:
        """Take the shapes of the anchors from training boxes (N, 4), where the network leaves them open."""
        self.rpn.anchors.fit(boxes)

    @property
    def anchors_told(self) -> str:
        """The anchors in a line for a person."""
        return str(self.rpn.anchors.told)


def faster_rcnn(spec: Spec, config: Config) -> FasterRCNN:
    """Faster R-CNN on a small backbone with few channels (Ren et al. 2015)."""
    pictures_with_boxes(spec, "faster_rcnn")
    below = pyramid(spec, config.backbone, config.strides)
    fpn = FPN([below.channels[stride] for stride in config.strides], config.width)
    proposing = Proposing((1000, 500), (500, config.regions))
    rpn = RPN(RPNHead(config.width, config.shapes), FittedBoxes(config.strides, config.shapes), proposing)
    heads = RoIHeads(config.width, config.hidden, spec.target.size, Looking(config.strides, shown=config.shown), second_half(config))
    return FasterRCNN(below, fpn, rpn, heads)


def second_half(config: Finding) -> Selection:
    """Which regions are answers."""
    return Selection(config.score, config.overlap, config.most, ALL, SMALLEST)
