"""SSD's way of finding objects: at every place of several maps, scores and box codes beside default boxes, in one pass.

Liu, Anguelov, Erhan, Szegedy, Reed, Fu & Berg 2016, SSD: single shot multibox detector. `ssd` and `ssd300` differ in their maps,
their heads and the shapes of their default boxes; what is here they share. Departures: a picture without objects teaches that
nothing is there (in the paper it teaches nothing), and the loss may be the focal loss (Lin et al. 2017).

    B  pictures    M  default boxes    A  of them at a place    L  maps    K  classes    n  outputs a box: 1 + K, or K of the focal loss
"""

from typing import Any, Literal

import torch
from torch import nn

from lamina.core.backbone import Backbone, Published
from lamina.core.detector import Truth
from lamina.nn.answers import Selection, selected
from lamina.nn.box_losses import assigned_everywhere, focal, mined, smooth_l1
from lamina.nn.boxes import decode, encode, precise
from lamina.nn.matching import Rule

WEIGHTS = (10.0, 10.0, 5.0, 5.0)  # of the codes: 1 / 0.1 and 1 / 0.2, as the authors published
RULES = {"mining": Rule(0.5, 0.5, "best"), "focal": Rule(0.5, 0.4, "best")}  # section 2.2; Lin et al. 2017, section 4


class MultiBox(nn.Module):
    """Maps, heads, answers: (B, C, H, W) -> (B, D, 6).

    features: scaled pictures -> maps, from the backbone in its `pyramid`; head: maps -> scores (B, M, n), codes (B, M, 4);
    boxes: (h, w) of each map and (H, W) -> default boxes (M, 4), with `fit` and `told` as in default_boxes.py. beta: the distance of
    codes up to which the loss of boxes is a square.
    """

    published: Published | None = None

    def __init__(self, features: nn.Module, head: nn.Module, boxes: nn.Module, selection: Selection,
                 loss: Literal["focal", "mining"], beta: float = 1.0) -> None:
        super().__init__()
        self.features: Any = features
        self.head: Any = head
        self.boxes: Any = boxes
        self.selection, self.loss, self.beta = selection, loss, beta

    @property
    def backbone(self) -> Backbone:
        """The network of pictures below."""
        found: Backbone = self.features.pyramid.net
        return found

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits, codes, anchors = self._raw(x)
        scores = logits.sigmoid() if self.loss == "focal" else logits.softmax(2)[..., 1:]  # (B, M, K)
        boxes = decode(codes, anchors, WEIGHTS)
        picture = x.shape[2], x.shape[3]
        return torch.stack([selected(*one, picture, self.selection) for one in zip(boxes, scores, strict=True)])

    def losses(self, x: torch.Tensor, truth: Truth) -> dict[str, torch.Tensor]:
        """Of scores and of boxes, a mean over the default boxes with objects."""
        logits, codes, anchors = self._raw(x)
        labels, objects = assigned_everywhere(truth, len(x), anchors, RULES[self.loss])
        has = labels > 0
        count = has.sum().clamp(min=1)
        wanted = encode(objects[has], anchors.expand_as(objects)[has], WEIGHTS)
        right = focal(logits, labels) if self.loss == "focal" else mined(logits, labels)
        return {"class_loss": right / count, "box_loss": smooth_l1(codes[has], wanted, self.beta) / count}  # eq. (1)

    def _raw(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Scores (B, M, n), codes (B, M, 4) and default boxes (M, 4)."""
        maps = self.features(x)
        logits, codes = self.head(maps)
        anchors = self.boxes([(one.shape[2], one.shape[3]) for one in maps], (x.shape[2], x.shape[3]))
        return logits, codes, anchors

    def fit_anchors(self, boxes: torch.Tensor) -> None:
        """Take the shapes of the default boxes from training boxes (N, 4), where the network leaves them open."""
        self.boxes.fit(boxes)

    @property
    def anchors_told(self) -> str:
        """The default boxes in a line for a person."""
        return str(self.boxes.told)


def outputs(classes: int, loss: str) -> int:
    """Scores of a default box: one a class, and one for no object where they share a probability of one."""
    return classes + (loss == "mining")


def by_box(output: torch.Tensor, size: int) -> torch.Tensor:
    """A head's output (B, A size, h, w) as (B, h w A, size), in single precision at least."""
    return precise(output.permute(0, 2, 3, 1).reshape(len(output), -1, size))
