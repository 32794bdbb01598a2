"""What is marked in the pictures of a data set: all boxes as one table, or the share of each class in every mask.

    N  rows    M  boxes    K  classes
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from lamina.core.batch import Batch
from lamina.core.spec import IGNORED
from lamina.oversight.rows import Rows

AT_ONCE = 200  # pictures


@dataclass(frozen=True)
class Marked:
    """All boxes: corners (M, 4) in pixels that the network sees, and of each its row, class and weight, (M,)."""

    corners: np.ndarray
    row: np.ndarray
    classes: np.ndarray
    weight: np.ndarray

    @property
    def sides(self) -> np.ndarray:
        """(M, 2): width and height."""
        return self.corners[:, 2:] - self.corners[:, :2]


def boxes_of(rows: Rows) -> Marked:
    """The boxes of all rows."""
    names, found, first = ("boxes", "box_image", "box_class", "box_weight"), [], 0
    for batch in _batches(rows):
        found.append([batch["box_image"] + first if name == "box_image" else batch[name] for name in names])
        first += len(batch["scale"])
    return Marked(*(torch.cat(parts).numpy() for parts in zip(*found, strict=True)))


def shares_of(rows: Rows) -> np.ndarray:
    """(N, 256): the share of each value in every mask, that of pixels that are nobody's the last."""
    found = []
    for batch in _batches(rows):
        y = batch["y"].flatten(1).long()
        counts = torch.zeros(len(y), IGNORED + 1).scatter_add_(1, y, torch.ones(1, 1).expand_as(y))
        found.append(counts / y.shape[1])
    return torch.cat(found).numpy()


def _batches(rows: Rows) -> Iterator[Batch]:
    """All rows in their order; of boxes without the pictures, where the split has them apart."""
    for split in rows.splits:
        labels = getattr(split, "labels", None)
        if labels is not None:
            yield labels()
            continue
        for start in range(0, len(split), AT_ONCE):
            yield split.batch(torch.arange(start, min(start + AT_ONCE, len(split))))
