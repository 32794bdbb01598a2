"""Which places of a photo speak for an object or a region: by how much each answer falls while one place after another is hidden.

Occlusion (Zeiler & Fergus 2014, section 2.3), for all objects of a photo at once; D-RISE (Petsiuk et al. 2021) hides at random instead.

    s(object) = max over answers of its class of IoU(box, its box) * score
    s(region) = mean over its pixels of the probability of its class
    lost      = max(0, 1 - s while a place is hidden / s)

A place is hidden by the photo's mean colour, softly, so that no edge is made. Only answers are asked for: any network will do. What two
places say together is not seen.

    C  colours    h, w  sides of what the network sees    M  answers    K  classes    G  places    N  objects or regions
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from lamina.core.predictor import Predictor
from lamina.data.mask_split import pixels
from lamina.nn.boxes import iou

FEWEST, MOST_PLACES = 14, 28  # places along the longer side
OF_AN_OBJECT = 0.5  # of the shorter side of half of the objects, that a place is long
MOST = 20  # objects or regions that are explained: the surest, the largest
LEAST_SHARE = 0.005  # of the pixels, of a region that is explained
AT_ONCE = 16  # photos with a hidden place


@dataclass(frozen=True)
class Evidence:
    """What speaks for one answer. `own` (h, w) bool: its box or its pixels; `lost` (h, w): the share of the answer that is lost where a
    place is hidden; `inside`: the share of all that is lost in or right beside its own, NaN where nothing is."""

    place: int
    score: float
    own: torch.Tensor
    lost: torch.Tensor
    inside: float


def of_objects(predictor: Predictor, x: torch.Tensor) -> list[Evidence]:
    """For the objects in a photo (C, h, w) that are sure enough, the surest first."""
    said = predictor(x[None])[0].cpu()
    found = said[said[:, 4] >= max(predictor.threshold, 1e-6)][:MOST]
    if not len(found):
        return []
    sides = (found[:, 2:4] - found[:, :2]).amin(1)
    grid = _Grid((x.shape[1], x.shape[2]), OF_AN_OBJECT * float(sides.median()))
    now = torch.stack([_held(found, one) for one in grid.answers(predictor, x)])  # (G, N)
    lost = grid.map((1 - now / found[:, 4]).clamp(min=0))
    own = [grid.inside_box(box) for box in found[:, :4]]
    return [Evidence(int(row[5]), float(row[4]), mine, map_, _share(map_, grid.beside(mine)))
            for row, mine, map_ in zip(found, own, lost, strict=True)]


def _held(found: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
    """s of each of the objects (N, 6), among answers (M, 6): (N,)."""
    alike = iou(found[:, :4], said[:, :4]).nan_to_num() * said[:, 4] * (found[:, 5:] == said[:, 5])
    return alike.amax(1)


def of_regions(predictor: Predictor, x: torch.Tensor) -> list[Evidence]:
    """For the classes that a photo (C, h, w) is said to hold, the largest first."""
    said = predictor(x[None])[0].cpu().softmax(0)
    classes = said.argmax(0)
    counts = pixels(classes, len(said))
    order = [k for k in counts.argsort(descending=True).tolist() if counts[k] >= LEAST_SHARE * classes.numel()][:MOST]
    own = torch.stack([classes == k for k in order])
    of_own, size = own.float(), counts[order]
    grid = _Grid((x.shape[1], x.shape[2]), 0.0)
    now = torch.stack([(of_own * one.softmax(0)[order]).flatten(1).sum(1) / size for one in grid.answers(predictor, x)])
    before = (of_own * said[order]).flatten(1).sum(1) / size
    lost = grid.map((1 - now / before).clamp(min=0))
    return [Evidence(k, float(score), mine, map_, _share(map_, grid.beside(mine)))
            for k, score, mine, map_ in zip(order, before, own, lost, strict=True)]


def _share(lost: torch.Tensor, near: torch.Tensor) -> float:
    return float((lost * near).sum() / lost.sum())


class _Grid:
    """Places of a picture, each hidden in turn; they fade into one another over half their length on each side."""

    def __init__(self, sides: tuple[int, int], wanted: float) -> None:
        longest = max(sides)
        self.sides, self.length = sides, min(max(wanted, longest / MOST_PLACES), longest / FEWEST)
        self.down, self.across = (self._along(side) for side in sides)

    def _along(self, side: int) -> torch.Tensor:
        """(places, side): how far each place is hidden."""
        places = max(1, round(side / self.length))
        middles = (torch.arange(places) + 0.5) * (side / places)
        away = (torch.arange(side) + 0.5 - middles[:, None]).abs() / self.length
        return (1.5 - away).clamp(0, 1)

    def answers(self, predictor: Predictor, x: torch.Tensor) -> Iterator[torch.Tensor]:
        """What is answered while each place of (C, h, w) is hidden."""
        fill = x.float().mean((1, 2), keepdim=True)
        every = [(i, j) for i in range(len(self.down)) for j in range(len(self.across))]
        for start in range(0, len(every), AT_ONCE):
            hidden = torch.stack([torch.outer(self.down[i], self.across[j]) for i, j in every[start : start + AT_ONCE]])[:, None]
            yield from predictor((x + hidden * (fill - x)).round().to(x.dtype)).cpu()

    def map(self, lost: torch.Tensor) -> torch.Tensor:
        """What is lost by each place (G, N), as pictures (N, h, w): the mean over the places that hide a pixel."""
        shaped = lost.T.reshape(-1, len(self.down), len(self.across))
        return (self.down.T @ shaped @ self.across) / torch.outer(self.down.sum(0), self.across.sum(0))

    def inside_box(self, box: torch.Tensor) -> torch.Tensor:
        """(h, w): the pixels in a box (4,)."""
        y, x = (torch.arange(side) + 0.5 for side in self.sides)
        return ((y >= box[1]) & (y < box[3]))[:, None] & ((x >= box[0]) & (x < box[2]))

    def beside(self, own: torch.Tensor) -> torch.Tensor:
        """Pixels (h, w) with those that are within one place of them."""
        reach = 2 * round(self.length) + 1
        return torch.nn.functional.max_pool2d(own[None, None].float(), reach, 1, reach // 2)[0, 0] > 0
