"""The region proposal network: where there may be an object, whatever it is (Ren, He, Girshick & Sun 2015, Faster R-CNN, section 3.1).

On the maps of a pyramid (Lin et al. 2017, section 4.1). Parts carry torchvision's names.

    B  pictures    L  maps    A  anchors at a place    M  anchors in all    k  regions of a picture    D  channels of the maps
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, relu

from lamina.core.detector import Truth
from lamina.models.multibox import by_box
from lamina.nn.box_losses import assigned_everywhere, smooth_l1
from lamina.nn.boxes import clip, decode, encode
from lamina.nn.matching import Rule, sample
from lamina.nn.nms import batched_nms

SMALLEST = 1e-3  # px, a side of a region
BETA = 1 / 9  # of smooth L1, in this network and the next
RULE = Rule(0.7, 0.3, "ties")
Size = tuple[int, int]


@dataclass(frozen=True)
class Proposing:
    """How regions are chosen, section 3.3: of each map the `before` best, of all the `after` best that do not overlap by more than
    `overlap`; and learned: `shown` anchors a picture, at most `share` with objects. Pairs are for training and for evaluation."""

    before: Size = (2000, 1000)
    after: Size = (2000, 1000)
    overlap: float = 0.7
    shown: int = 256
    share: float = 0.5


@dataclass(frozen=True)
class Raw:
    """What the network says: objectness (B, M) and codes (B, M, 4) beside anchors (M, 4); `counts` of them on each map."""

    objectness: torch.Tensor
    codes: torch.Tensor
    anchors: torch.Tensor
    counts: list[int]


class RPNHead(nn.Module):
    """Each of L maps (B, D, h, w) -> objectness (B, A, h, w) and codes (B, 4 A, h, w), by the same three convolutions."""

    def __init__(self, width: int, shapes: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Sequential(nn.Conv2d(width, width, 3, padding=1)))
        self.cls_logits, self.bbox_pred = nn.Conv2d(width, shapes, 1), nn.Conv2d(width, 4 * shapes, 1)
        for name, p in self.named_parameters():
            nn.init.normal_(p, 0, 0.01 if name.endswith("weight") else 0)

    def forward(self, one: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = relu(self.conv(one))
        return self.cls_logits(h), self.bbox_pred(h)


class RPN(nn.Module):
    """Maps -> what there may be. anchors: (h, w) of each map and (H, W) -> (M, 4), as in default_boxes.py."""

    def __init__(self, head: RPNHead, anchors: nn.Module, proposing: Proposing) -> None:
        super().__init__()
        self.head, self.proposing = head, proposing
        self.anchors: Any = anchors

    def forward(self, maps: Sequence[torch.Tensor], picture: Size) -> Raw:
        found = [self.head(one) for one in maps]
        objectness = [by_box(logits, 1).squeeze(2) for logits, _ in found]
        codes = [by_box(one, 4) for _, one in found]
        anchors = self.anchors([(one.shape[2], one.shape[3]) for one in maps], picture)
        return Raw(torch.cat(objectness, 1), torch.cat(codes, 1), anchors, [one.shape[1] for one in objectness])

    @torch.no_grad()
    def regions(self, raw: Raw, picture: Size) -> list[torch.Tensor]:
        """The best regions (k, 4) of each picture; they are given, and not learned through."""
        before, after = (pair[not self.training] for pair in (self.proposing.before, self.proposing.after))
        top = [level.topk(min(before, level.shape[1]), 1) for level in raw.objectness.split(raw.counts, 1)]
        starts = [sum(raw.counts[:n]) for n in range(len(top))]
        places = torch.cat([found.indices + start for found, start in zip(top, starts, strict=True)], 1)
        scores = torch.cat([found.values for found in top], 1).sigmoid()
        levels = torch.cat([torch.full_like(found.indices[0], n) for n, found in enumerate(top)])
        found = []
        for n in range(len(places)):
            boxes = clip(decode(raw.codes[n, places[n]], raw.anchors[places[n]]), *picture)
            large = (boxes[:, 2:] - boxes[:, :2] >= SMALLEST).all(1)
            boxes = boxes[large]
            found.append(boxes[batched_nms(boxes, scores[n, large], levels[large], self.proposing.overlap)[:after]])
        return found

    def losses(self, raw: Raw, truth: Truth) -> dict[str, torch.Tensor]:
        """Of objectness and of boxes, a mean over the anchors that are shown: eq. (1)."""
        labels, objects = assigned_everywhere(truth, len(raw.codes), raw.anchors, RULE)
        with_object, without = self._shown(labels)
        shown = torch.cat([with_object, without])
        count = max(1, len(shown))
        wanted = encode(objects.view(-1, 4)[with_object], raw.anchors.repeat(len(labels), 1)[with_object])
        logits = raw.objectness.flatten()[shown]
        right = binary_cross_entropy_with_logits(logits, (labels.flatten()[shown] > 0).to(logits.dtype), reduction="sum")
        return {"objectness_loss": right / count, "region_loss": smooth_l1(raw.codes.view(-1, 4)[with_object], wanted, BETA) / count}

    def _shown(self, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Places among the anchors of all pictures: with objects, without."""
        rows = [sample(row, self.proposing.shown, self.proposing.share) for row in labels]
        with_object, without = ([side + n * labels.shape[1] for n, side in enumerate(sides)] for sides in zip(*rows, strict=True))
        return torch.cat(with_object), torch.cat(without)
