"""Large pictures by tiles that overlap: small objects are seen at their own scale, and memory stays what a tile needs.

Sliced inference (Akyon, Altinuc & Temizel 2022, SAHI). Tiles cover the picture to its edges. Of two tiles that overlap each answers for
its half of what both see, and a little beyond; of boxes that both then have, one is left by suppression, and a box that ends where its
tile ends gives way to one that holds it whole. So every object is answered once if it is no larger than the overlap, and larger ones
may come in parts. Scores of masks are averages, in which a tile counts
less towards its inner edges.

    B  pictures    H, W  sides in pixels    D  answers of a tile    K  classes    h, w  sides of a tile
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import torch
from torch.nn.functional import pad

from lamina.nn.boxes import area, overlap
from lamina.nn.nms import batched_nms

LARGE, SIDE = 640, 416  # pixels: pictures with a longer side are seen by tiles of the second, unless told otherwise
BEYOND = 0.25  # of the overlap, that a tile answers for beyond its half
EDGE = 2.0  # pixels from an inner edge of its tile, within which a box may be the part of an object
PART = 0.5  # of its area inside a whole box of its class, from which on such a box is taken for a part of the same object
TWICE = 0.5  # IoU from which on two boxes of one class are one
MOST = 2000  # boxes of a picture

Answer = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Tiles:
    """Tiles of `side` pixels, of which neighbours share at least `lap` of a side. A side of 0 leaves pictures whole."""

    side: int = 0
    lap: float = 0.25

    def needed(self, picture: tuple[int, int]) -> bool:
        """Whether a picture (H, W) is larger than one tile."""
        return 0 < self.side < max(picture)

    def starts(self, length: int) -> list[int]:
        """Where tiles begin along a side, the last at its end.

        >>> Tiles(400, 0.25).starts(1000), Tiles(400).starts(300)
        ([0, 300, 600], [0])
        """
        rest = length - self.side
        if rest <= 0 or not self.side:
            return [0]
        steps = ceil(rest / max(1.0, self.side * (1 - self.lap)))
        return [round(rest * n / steps) for n in range(steps + 1)]

    def count(self, picture: tuple[int, int]) -> int:
        """Tiles of a picture (H, W).

        >>> Tiles(400).count((1000, 300)), Tiles().count((1000, 300))
        (3, 1)
        """
        return len(self.starts(picture[0])) * len(self.starts(picture[1]))


def usual(picture: tuple[int, int]) -> Tiles:
    """How a picture (H, W) is seen unless told otherwise: a large one by tiles."""
    return Tiles(SIDE) if max(picture) > LARGE else Tiles()


def by_tiles(answer: Answer, x: torch.Tensor, tiles: Tiles) -> torch.Tensor:
    """What `answer` says of pictures (B, C, H, W), asked tile by tile: boxes (B, D, 6), or scores (B, K, H, W)."""
    picture = x.shape[2], x.shape[3]
    spans = [[(start, min(start + tiles.side, length)) for start in tiles.starts(length)] for length in picture]
    found = [(top, left, answer(x[:, :, top[0] : top[1], left[0] : left[1]])) for top in spans[0] for left in spans[1]]
    return _masks(found, picture) if found[0][2].ndim == 4 else _boxes(found, spans)


Span = tuple[int, int]
Found = list[tuple[Span, Span, torch.Tensor]]


def _masks(found: Found, picture: tuple[int, int]) -> torch.Tensor:
    first = found[0][2]
    total, weights = first.new_zeros(*first.shape[:2], *picture), first.new_zeros(picture)
    for (top, bottom), (left, right), scores in found:
        weight = torch.outer(_falling(top, bottom, picture[0]), _falling(left, right, picture[1])).to(first)
        total[:, :, top:bottom, left:right] += weight * scores
        weights[top:bottom, left:right] += weight
    return total / weights


def _falling(first: int, last: int, length: int) -> torch.Tensor:
    """(last - first,): 1 in the middle of a tile and at the picture's edge, less towards inner edges, never 0."""
    away = torch.arange(1.0, last - first + 1)
    before = away if first else torch.full_like(away, torch.inf)
    after = away.flip(0) if last < length else torch.full_like(away, torch.inf)
    return (torch.minimum(before, after) / ((last - first) / 2)).clamp(max=1)


def _boxes(found: Found, spans: list[list[Span]]) -> torch.Tensor:
    rows, columns = (_own(side) for side in spans)
    height, width = (side[-1][1] for side in spans)
    answers, parts = [], []
    for (top, bottom), (left, right), said in found:
        moved = said.clone()
        moved[..., 0:4:2] += left
        moved[..., 1:4:2] += top
        across, down = (moved[..., 0] + moved[..., 2]) / 2, (moved[..., 1] + moved[..., 3]) / 2
        mine = (across >= columns[left][0]) & (across < columns[left][1]) & (down >= rows[top][0]) & (down < rows[top][1])
        moved[..., 4] *= mine
        answers.append(moved)
        edges = [(moved[..., 0] < left + EDGE) & (left > 0), (moved[..., 1] < top + EDGE) & (top > 0),
                 (moved[..., 2] > right - EDGE) & (right < width), (moved[..., 3] > bottom - EDGE) & (bottom < height)]  # fmt: skip
        parts.append(torch.stack(edges).any(0))
    joined = [_once(one, part) for one, part in zip(torch.cat(answers, 1), torch.cat(parts, 1), strict=True)]
    most = max(len(one) for one in joined)
    return torch.stack([pad(one, (0, 0, 0, most - len(one))) for one in joined])


def _own(spans: list[Span]) -> dict[int, tuple[float, float]]:
    """Of each tile along a side, by its start: from where to where middles of boxes are its own."""
    found = {}
    for n, (first, last) in enumerate(spans):
        low, high = -torch.inf, torch.inf
        if n:
            shared = spans[n - 1][1] - first
            low = first + shared * (0.5 - BEYOND)
        if n + 1 < len(spans):
            shared = last - spans[n + 1][0]
            high = last - shared * (0.5 - BEYOND)
        found[first] = (low, high)
    return found


def _once(answers: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
    """The answers (D, 6) of one picture with a score, the best first, none twice; `part` (D,) may be parts of others."""
    said = answers[:, 4] > 0
    answers, part = answers[said], part[said]
    answers = torch.cat([answers[~part], _of_no_other(answers[part], answers[~part])])
    return answers[batched_nms(answers[:, :4], answers[:, 4], answers[:, 5].long(), TWICE)[:MOST]]


def _of_no_other(parts: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """Those of `parts` (P, 6) that do not lie in a box of `whole` (D, 6) of their class."""
    shared = overlap(parts[:, :4], whole[:, :4]) / area(parts[:, :4]).clamp(min=1e-6)[:, None]
    return parts[~((shared >= PART) & (parts[:, None, 5] == whole[:, 5])).any(1)]
