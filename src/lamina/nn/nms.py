"""Non-maximum suppression: of boxes that overlap much, the best stays (Felzenszwalb, Girshick, McAllester & Ramanan 2010, section 5).

Greedy and exact, in two ways. On processors a loop that numba compiles; elsewhere, and without numba, tensors: whether a box
stays is the fixed point of "no better box that stays covers it", block by block, which is reached in as many rounds as the
longest chain of boxes that undo one another.

    N  boxes    n  boxes of a block
"""

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from lamina.nn.boxes import iou

BLOCK = 1024
Kernel = Callable[[Any, Any, float], Any]


def nms(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> torch.Tensor:
    """Places (k,) of the boxes (N, 4) that stay, the best first: those that no better one covers by an IoU above `threshold`.

    Boxes of one score stay in their order, so that the first of two equal ones stays.

    >>> nms(torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 5], [5, 5, 9, 9]]), torch.tensor([0.5, 0.9, 0.1]), 0.5).tolist()
    [1, 2]
    """
    return batched_nms(boxes, scores, torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device), threshold)


def batched_nms(boxes: torch.Tensor, scores: torch.Tensor, classes: torch.Tensor, threshold: float) -> torch.Tensor:
    """`nms` of each class (N,) int64 for itself, all in one order."""
    boxes, scores = boxes.detach().float(), scores.detach()
    order = scores.argsort(descending=True, stable=True)
    sorted_boxes, sorted_classes = boxes[order], classes[order]
    kernel = _compiled() if boxes.device.type == "cpu" else None
    if kernel is None:
        return order[_stays(sorted_boxes, sorted_classes, threshold)]
    return order[torch.from_numpy(kernel(sorted_boxes.contiguous().numpy(), sorted_classes.numpy(), threshold))]


@cache
def _compiled() -> Kernel | None:
    """The loop as machine code, kept on disk for the next process; None where numba is not installed."""
    if find_spec("numba") is None:
        return None
    from numba import njit

    compiled: Kernel = njit(cache=True, error_model="numpy")(greedy)
    return compiled


def greedy(boxes: Any, classes: Any, threshold: float) -> Any:
    """Whether each of the boxes (N, 4), the best first, stays: the definition, as numba takes it."""
    limit = np.float32(threshold)
    stays = np.ones(len(boxes), np.bool_)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for i in range(len(boxes)):
        if not stays[i]:
            continue
        x0, y0, x1, y1 = boxes[i]
        for j in range(i + 1, len(boxes)):
            if stays[j] and classes[i] == classes[j]:
                width = min(x1, boxes[j, 2]) - max(x0, boxes[j, 0])
                height = min(y1, boxes[j, 3]) - max(y0, boxes[j, 1])
                if width > 0 and height > 0:
                    both = width * height
                    stays[j] = not both / (areas[i] + areas[j] - both) > limit
    return stays


def _stays(boxes: torch.Tensor, classes: torch.Tensor, threshold: float) -> torch.Tensor:
    """The same in tensors: (N,) bool."""
    stays = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    for start in range(0, len(boxes), BLOCK):
        block = slice(start, start + BLOCK)
        for before in range(0, start, BLOCK):
            earlier = slice(before, before + BLOCK)
            covers = _covers(boxes[earlier], boxes[block], classes[earlier], classes[block], threshold)
            stays[block] &= ~(covers & stays[earlier, None]).any(0)
        stays[block] = _fixed_point(_covers(boxes[block], boxes[block], classes[block], classes[block], threshold).triu(1), stays[block])
    return stays


def _covers(boxes: torch.Tensor, others: torch.Tensor, classes: torch.Tensor, theirs: torch.Tensor, threshold: float) -> torch.Tensor:
    return (iou(boxes, others) > threshold) & (classes[:, None] == theirs)  # (n, m); of no area is NaN, which covers nothing


def _fixed_point(covers: torch.Tensor, can: torch.Tensor) -> torch.Tensor:
    """Those (n,) of the boxes that can stay which no box before them, that stays itself, covers."""
    stays = can
    while True:
        now = can & ~(covers & stays[:, None]).any(0)
        if torch.equal(now, stays):
            return now
        stays = now
