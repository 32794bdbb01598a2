"""Which anchor learns which object, and which anchors are shown in a step.

Faster R-CNN (Ren, He, Girshick & Sun 2015, section 3.1.2) and SSD (Liu et al. 2016, section 2.2: matching strategy).
Where a network sees thousands of anchors and a picture has thousands of objects, their overlaps are looked at in parts.

    N  objects of a picture    M  anchors
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from lamina.nn.boxes import area, iou, overlap

NOTHING, UNSURE = -1, -2  # of an anchor: there is no object, and it is not to be asked
MOST_PAIRS = 1 << 22  # overlaps that are held at once
COVERED = 0.5  # share of an anchor that lies in an ignored box, from which on it is not asked


@dataclass(frozen=True)
class Rule:
    """An anchor has the object that it overlaps most from an IoU of `high` on, nothing below `low`; between them it is unsure.

    each: what an object gets that no anchor overlaps enough. `ties`: the anchors that overlap it most learn the object that they
    overlap most, as in Faster R-CNN; `best`: the anchor that overlaps it most learns it, as in SSD; `none`: it is lost.
    """

    high: float = 0.5
    low: float = 0.5
    each: Literal["none", "ties", "best"] = "none"


def match(objects: torch.Tensor, anchors: torch.Tensor, rule: Rule) -> torch.Tensor:
    """The object (0 to N - 1) of each anchor, `NOTHING` or `UNSURE`: (N, 4), (M, 4) -> (M,) int64."""
    if len(objects) == 0:
        return anchors.new_full((len(anchors),), NOTHING, dtype=torch.int64)
    most, nearest = (torch.cat(found) for found in zip(*(part.max(0) for part in _parts(objects, anchors)), strict=True))
    matched = nearest.where(most >= rule.high, UNSURE).where(most >= rule.low, NOTHING)
    if rule.each == "ties":
        tops = _tops(objects, anchors).values
        tops = tops.where(tops > 0, torch.inf)  # what no anchor touches ties with all of them
        tied = torch.cat([(part == tops[:, None]).any(0) for part in _parts(objects, anchors)])
        return nearest.where(tied, matched)
    if rule.each == "best":  # of two objects with the same best anchor, the later one has it
        return _assigned(matched, _tops(objects, anchors).indices)
    return matched


def ignoring(matched: torch.Tensor, anchors: torch.Tensor, ignored: torch.Tensor) -> torch.Tensor:
    """The same, but anchors of nothing that lie in ignored boxes (K, 4) are unsure: who knows what is there."""
    if len(ignored) == 0:
        return matched
    share = torch.cat([overlap(part, ignored).amax(1) / area(part) for part in anchors.split(_rows(ignored))])
    return matched.masked_fill((matched == NOTHING) & (share > COVERED), UNSURE)


def sample(labels: torch.Tensor, count: int, share: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Places of at most `count` anchors, at most a `share` of them with objects: (P,) with, (Q,) without.

    labels: (M,) above 0 where there is an object, 0 where there is none, below where not to be asked. The draws are those of torch's
    default generator, on the processor, so that every device has the same.
    """
    positive, negative = (labels > 0).nonzero().flatten(), (labels == 0).nonzero().flatten()
    taken = min(len(positive), int(count * share))
    return _drawn(positive, taken), _drawn(negative, min(len(negative), count - taken))


def _drawn(places: torch.Tensor, count: int) -> torch.Tensor:
    return places[torch.randperm(len(places))[:count].to(places.device)]


def _rows(objects: torch.Tensor) -> int:
    return max(1, MOST_PAIRS // len(objects))


def _parts(objects: torch.Tensor, anchors: torch.Tensor) -> Iterator[torch.Tensor]:
    """Overlaps (N, m) with some of the anchors after others."""
    for some in anchors.split(_rows(objects)):
        yield iou(objects, some)


@dataclass(frozen=True)
class _Tops:
    values: torch.Tensor
    indices: torch.Tensor


def _tops(objects: torch.Tensor, anchors: torch.Tensor) -> _Tops:
    """How much the best anchor overlaps each object (N,), and the place of the first such anchor."""
    values, indices, start = objects.new_full((len(objects),), -1.0), torch.zeros(len(objects), dtype=torch.int64, device=objects.device), 0
    for part in _parts(objects, anchors):
        most, places = part.max(1)
        indices = (places + start).where(most > values, indices)
        values = most.maximum(values)
        start += part.shape[1]
    return _Tops(values, indices)


def _assigned(matched: torch.Tensor, best: torch.Tensor) -> torch.Tensor:
    """Each object to its best anchor; of several objects with one anchor, the last."""
    last = torch.full_like(matched, NOTHING).scatter_reduce(0, best, torch.arange(len(best), device=best.device), "amax")
    return last.where(last >= 0, matched)
