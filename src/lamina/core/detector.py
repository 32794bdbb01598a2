"""What a model that finds objects offers: losses while training, and answers of a fixed shape.

    B  pictures    N  true boxes of the batch    M  answers a picture, at most    K  classes
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from lamina.core.batch import Batch

ANSWER = 6  # numbers of an answer: x0, y0, x1, y1, score, class


@dataclass(frozen=True)
class Truth:
    """The true objects of a batch. `boxes` (N, 4) x0, y0, x1, y1 in pixels; `image` (N,) the picture of the batch that each is
    in; `classes` (N,) int64; `weight` (N,) 0 where a box is to be ignored (crowds, difficult ones), else 1."""

    boxes: torch.Tensor
    image: torch.Tensor
    classes: torch.Tensor
    weight: torch.Tensor

    @staticmethod
    def of(batch: Batch) -> "Truth":
        """The objects of a batch."""
        return Truth(batch["boxes"], batch["box_image"], batch["box_class"], batch["box_weight"])

    def of_picture(self, place: int) -> "Truth":
        """The objects of one picture."""
        mine = self.image == place
        return Truth(self.boxes[mine], self.image[mine], self.classes[mine], self.weight[mine])


@runtime_checkable
class Detector(Protocol):
    """A network of pictures whose answers are boxes. In evaluation `forward` answers; `losses` is for training."""

    def losses(self, x: torch.Tensor, truth: Truth) -> dict[str, torch.Tensor]:
        """The parts of what is minimised, by name, each a mean over the batch: scaled pictures (B, C, H, W)."""
        ...

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, M, 6): x0, y0, x1, y1 in pixels, score 0 to 1, class; the best first, rows of score 0 fill up."""
        ...
