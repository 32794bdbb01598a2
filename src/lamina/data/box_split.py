"""A split of pictures with boxes: any number of them a picture, fetched a whole batch at a time.

    P  pictures of the split    N  boxes of a batch    B  pictures of a batch
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from lamina.core import rng
from lamina.core.batch import Batch


@dataclass(frozen=True)
class Objects:
    """The boxes of pictures. `boxes` (M, 4) float32 in pixels that the network sees, `classes` (M,) int64 and `weight` (M,) float32 of all
    pictures one after another; a picture has `count` (P,) of them, from `first` (P,) on. `scale` (P,): pixels of the photo for one."""

    boxes: torch.Tensor
    classes: torch.Tensor
    weight: torch.Tensor
    first: torch.Tensor
    count: torch.Tensor
    scale: torch.Tensor

    def of(self, pictures: torch.Tensor) -> "Objects":
        """Those of some pictures; the boxes themselves are shared, not copied."""
        return Objects(self.boxes, self.classes, self.weight, self.first[pictures], self.count[pictures], self.scale[pictures])

    def places(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """For each box of `pictures` (B,): which of them it is in (N,), and its place in `boxes` (N,)."""
        count = self.count[pictures]
        image = torch.repeat_interleave(torch.arange(len(pictures)), count)
        before = count.cumsum(0) - count
        return image, torch.arange(len(image)) + (self.first[pictures] - before)[image]


class BoxSplit:
    """Pictures `x` (P or more, C, H, W) uint8, of which `rows` (P,) are the split's, with their objects.

    `y` (P,) int64 stands for a picture where rows are cut by class: the rarest class in it, so that rare ones reach every part.
    """

    def __init__(self, x: torch.Tensor, rows: torch.Tensor, objects: Objects, y: torch.Tensor, where: Sequence[str] = ()) -> None:
        self._x, self._rows, self.objects = x, rows, objects
        self.y, self.where = y, tuple(where)

    def __len__(self) -> int:
        return len(self._rows)

    def batch(self, indices: torch.Tensor) -> Batch:
        """The pictures at `indices` (B,), and their boxes one after another."""
        image, place = self.objects.places(indices)
        return Batch(
            x=self._x.index_select(0, self._rows.index_select(0, indices)), boxes=self.objects.boxes[place], box_image=image,
            box_class=self.objects.classes[place], box_weight=self.objects.weight[place], scale=self.objects.scale[indices],
        )  # fmt: skip

    def labels(self) -> Batch:
        """The boxes of all pictures, without the pictures."""
        image, place = self.objects.places(torch.arange(len(self)))
        return Batch(boxes=self.objects.boxes[place], box_image=image, box_class=self.objects.classes[place],
                     box_weight=self.objects.weight[place], scale=self.objects.scale)

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        """A fresh shuffle of all pictures for each epoch."""
        return torch.randperm(len(self), generator=rng.generator(seed, epoch, "order"))

    def part(self, indices: torch.Tensor) -> "BoxSplit":
        """The split that holds only the pictures at `indices`."""
        where = [self.where[i] for i in indices.tolist()] if self.where else ()
        return BoxSplit(self._x, self._rows[indices], self.objects.of(indices), self.y[indices], where)


def rarest(has: torch.Tensor) -> torch.Tensor:
    """(P,) int64: of the classes that each picture has (P, K) bool, the one that the fewest pictures have; K where it has none.

    >>> rarest(torch.tensor([[True, True], [True, False], [False, False]]))
    tensor([1, 0, 2])
    """
    has = torch.cat([has, ~has.any(1, keepdim=True)], 1)
    rank = has.sum(0).argsort(stable=True).argsort()  # 0 for the rarest
    return torch.where(has, rank, len(rank)).argmin(1)
