"""From scores and boxes at every anchor to the answers of a network that finds objects: the best of each class, none twice.

    M  anchors or regions    K  classes    D  answers a picture
"""

from dataclasses import dataclass

import torch

from lamina.core.detector import ANSWER
from lamina.nn.boxes import clip
from lamina.nn.nms import batched_nms


@dataclass(frozen=True)
class Selection:
    """What becomes an answer: scores above `score`, of each class no more than `candidates` before, and of all no more than `most`
    after suppression at IoU `overlap`; boxes with a side below `smallest` pixels do not."""

    score: float = 0.02
    overlap: float = 0.5
    most: int = 100
    candidates: int = 400
    smallest: float = 0.0


def selected(boxes: torch.Tensor, scores: torch.Tensor, picture: tuple[int, int], selection: Selection) -> torch.Tensor:
    """The answers of one picture (H, W): boxes (M, 4), or (M, K, 4) where each class has its own, and scores (M, K) -> (D, 6)."""
    top, places = scores.topk(min(selection.candidates, len(scores)), 0)  # (C, K) each
    classes = torch.arange(scores.shape[1], device=scores.device).expand_as(places)
    found = boxes[places] if boxes.ndim == 2 else boxes[places, classes]
    found = clip(found, *picture)
    kept = (top > selection.score) & (found[..., 2:] - found[..., :2] >= selection.smallest).all(-1)
    found, top, classes = found[kept], top[kept], classes[kept]
    best = batched_nms(found, top, classes, selection.overlap)[: selection.most]
    answers = found.new_zeros((selection.most, ANSWER))
    answers[: len(best)] = torch.cat([found[best], top[best, None].to(found.dtype), classes[best, None]], 1)
    return answers
