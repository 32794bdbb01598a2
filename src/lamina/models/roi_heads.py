"""What is in a region, and where exactly: the second half of Faster R-CNN (Girshick 2015, Fast R-CNN; Ren et al. 2015).

Regions are cut out of the maps by RoIAlign (He et al. 2017). Parts carry torchvision's names.

    B  pictures    k  regions of a picture    R  of all pictures    K  classes    D  channels    F  hidden units
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy, relu

from lamina.core.detector import Truth
from lamina.models.rpn import BETA, Size
from lamina.nn.answers import Selection, selected
from lamina.nn.box_losses import assigned, smooth_l1
from lamina.nn.boxes import decode, encode, precise
from lamina.nn.matching import Rule, sample
from lamina.nn.roi_align import Grid, pyramid_align

WEIGHTS = (10.0, 10.0, 5.0, 5.0)  # of the codes, as the authors published
RULE = Rule(0.5, 0.5)
GRID = Grid(7, 2, aligned=False)


@dataclass(frozen=True)
class Looking:
    """How regions are cut out, and how many are shown while training, at most a `share` of them with objects (Girshick 2015, 2.3)."""

    strides: tuple[int, ...]
    grid: Grid = GRID
    shown: int = 512
    share: float = 0.25


@dataclass(frozen=True)
class Shown:
    """Regions (R, 4) of all pictures with the picture (R,) of each; while training, labels (R,) and objects' boxes (R, 4) beside them."""

    regions: torch.Tensor
    image: torch.Tensor
    labels: torch.Tensor
    objects: torch.Tensor


class BoxHead(nn.Module):
    """Two hidden layers: (R, D, P, P) -> (R, F)."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.fc6, self.fc7 = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return relu(self.fc7(relu(self.fc6(x.flatten(1)))))


class Predictor(nn.Module):
    """Logits (R, 1 + K), the first for no object, and codes (R, 1 + K, 4) of each class: (R, F)."""

    def __init__(self, hidden: int, classes: int) -> None:
        super().__init__()
        self.cls_score, self.bbox_pred = nn.Linear(hidden, 1 + classes), nn.Linear(hidden, 4 * (1 + classes))

    def forward(self, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.cls_score(h), self.bbox_pred(h).view(len(h), -1, 4)


class RoIHeads(nn.Module):
    """Maps and regions -> answers, or losses. A map is looked at where its stride is among `looking.strides`."""

    def __init__(self, width: int, hidden: int, classes: int, looking: Looking, selection: Selection) -> None:
        super().__init__()
        self.box_head = BoxHead(width * looking.grid.size**2, hidden)
        self.box_predictor = Predictor(hidden, classes)
        self.looking, self.selection = looking, selection

    def forward(self, maps: Sequence[torch.Tensor], regions: list[torch.Tensor], picture: Size) -> torch.Tensor:
        """The answers (B, M, 6)."""
        image = torch.cat([torch.full((len(one),), n, device=one.device) for n, one in enumerate(regions)])
        logits, codes = self._seen(maps, torch.cat(regions), image)
        boxes = decode(codes, torch.cat(regions)[:, None], WEIGHTS)[:, 1:]  # (R, K, 4)
        scores = logits.softmax(1)[:, 1:]
        counts = [len(one) for one in regions]
        rows = zip(boxes.split(counts), scores.split(counts), strict=True)
        return torch.stack([selected(*row, picture, self.selection) for row in rows])

    def losses(self, maps: Sequence[torch.Tensor], regions: list[torch.Tensor], truth: Truth) -> dict[str, torch.Tensor]:
        """Of classes and of boxes, a mean over the regions that are shown (Girshick 2015, eq. (1))."""
        shown = self._shown(regions, truth)
        logits, codes = self._seen(maps, shown.regions, shown.image)
        has = shown.labels > 0
        count = max(1, len(shown.labels))
        wanted = encode(shown.objects[has], shown.regions[has], WEIGHTS)
        own = codes[has, shown.labels[has]]  # of the right class
        right = cross_entropy(logits, shown.labels, reduction="sum")
        return {"class_loss": right / count, "box_loss": smooth_l1(own, wanted, BETA) / count}

    def _seen(self, maps: Sequence[torch.Tensor], regions: torch.Tensor, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        some = list(maps[: len(self.looking.strides)])
        logits, codes = self.box_predictor(self.box_head(pyramid_align(some, self.looking.strides, regions, image, self.looking.grid)))
        return precise(logits), precise(codes)

    def _shown(self, regions: list[torch.Tensor], truth: Truth) -> Shown:
        """Some regions of each picture, its objects among them."""
        rows = [self._shown_of(one, truth.of_picture(n), n) for n, one in enumerate(regions)]
        return Shown(*(torch.cat([getattr(row, name) for row in rows]) for name in ("regions", "image", "labels", "objects")))

    def _shown_of(self, regions: torch.Tensor, truth: Truth, place: int) -> Shown:
        regions = torch.cat([regions, truth.boxes[truth.weight > 0].to(regions.dtype)])
        labels, objects = assigned(truth, regions, RULE)
        chosen = torch.cat(sample(labels, self.looking.shown, self.looking.share)).sort().values
        return Shown(regions[chosen], torch.full_like(chosen, place), labels[chosen], objects[chosen])
