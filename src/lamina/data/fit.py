"""Bringing a picture to another shape: the one place for training, evaluation and prediction, so that all see the same."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F

Fit = Literal["crop", "squash", "pad", "keep"]


@dataclass(frozen=True)
class Placement:
    """Where a picture lies after `fitted`: a place (x, y) of it is at (x * across + left, y * down + top)."""

    across: float
    down: float
    left: float
    top: float

    def placed(self, boxes: torch.Tensor) -> torch.Tensor:
        """Boxes (N, 4) of the picture as boxes of what the network sees."""
        return boxes * self._factors() + self._offset()

    def back(self, boxes: torch.Tensor) -> torch.Tensor:
        """Boxes (N, 4) of what the network sees as boxes of the picture."""
        return (boxes - self._offset()) / self._factors()

    def _factors(self) -> torch.Tensor:
        return torch.tensor([self.across, self.down, self.across, self.down])

    def _offset(self) -> torch.Tensor:
        return torch.tensor([self.left, self.top, self.left, self.top], dtype=torch.float32)


def placement(shape: tuple[int, int], height: int, width: int, fit: Fit) -> Placement:
    """Where a picture of `shape` (H, W) comes to lie when it is brought to (height, width) by `fitted`."""
    if fit == "squash":
        return Placement(width / shape[1], height / shape[0], 0, 0)
    if fit == "crop":
        keep_high, keep_wide, top, left = _window(shape, height / width)
        down, across = height / keep_high, width / keep_wide
        return Placement(across, down, -left * across, -top * down)
    inner_high, inner_wide, top, left = _inner(shape, height, width, fit)
    return Placement(inner_wide / shape[1], inner_high / shape[0], left, top)


def fitted(picture: torch.Tensor, height: int, width: int, fit: Fit) -> torch.Tensor:
    """(C, H, W) uint8 as (C, height, width): `crop` cuts the longer side's ends off, `squash` presses it together, `pad`
    fills up the shorter side with the picture's mean colour, and `keep` both, where the picture is smaller: it is not enlarged."""
    if fit == "crop":
        return resized(_cropped(picture, height / width), height, width)
    if fit == "squash":
        return resized(picture, height, width)
    inner_high, inner_wide, top, left = _inner((picture.shape[1], picture.shape[2]), height, width, fit)
    inner = resized(picture, inner_high, inner_wide)
    full = inner.flatten(1).float().mean(1).round().byte()[:, None, None].repeat(1, height, width)
    full[:, top : top + inner.shape[1], left : left + inner.shape[2]] = inner
    return full


def resized(picture: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """(C, H, W) uint8 as (C, height, width), bilinear and antialiased; torch's kernel for bytes takes channels last."""
    if tuple(picture.shape[1:]) == (height, width):
        return picture
    return F.interpolate(picture[None], (height, width), mode="bilinear", antialias=True)[0]


def _cropped(picture: torch.Tensor, tall: float) -> torch.Tensor:
    """The largest middle piece whose height is `tall` times its width."""
    keep_high, keep_wide, top, left = _window((picture.shape[1], picture.shape[2]), tall)
    return picture[:, top : top + keep_high, left : left + keep_wide]


def _window(shape: tuple[int, int], tall: float) -> tuple[int, int, int, int]:
    """Height, width, top and left of the middle piece."""
    height, width = shape
    keep_high, keep_wide = min(height, max(1, round(width * tall))), min(width, max(1, round(height / tall)))
    return keep_high, keep_wide, (height - keep_high) // 2, (width - keep_wide) // 2


def _inner(shape: tuple[int, int], height: int, width: int, fit: Fit) -> tuple[int, int, int, int]:
    """Height, width, top and left of a whole picture inside (height, width)."""
    scale = min(height / shape[0], width / shape[1], 1.0 if fit == "keep" else math.inf)
    inner_high, inner_wide = (max(1, round(n * scale)) for n in shape)
    return inner_high, inner_wide, (height - inner_high) // 2, (width - inner_wide) // 2
