"""Bringing a picture to another shape: the one place for training, evaluation and prediction, so that all see the same."""

from typing import Literal

import torch
import torch.nn.functional as F

Fit = Literal["crop", "squash", "pad"]


def fitted(picture: torch.Tensor, height: int, width: int, fit: Fit) -> torch.Tensor:
    """(C, H, W) uint8 as (C, height, width): `crop` cuts the longer side's ends off, `squash` presses it together, `pad`
    fills up the shorter side with the picture's mean colour."""
    if fit == "crop":
        return resized(_cropped(picture, height / width), height, width)
    if fit == "squash":
        return resized(picture, height, width)
    scale = min(height / picture.shape[1], width / picture.shape[2])
    inner = resized(picture, *(max(1, round(n * scale)) for n in picture.shape[1:]))
    full = inner.flatten(1).float().mean(1).round().byte()[:, None, None].repeat(1, height, width)
    top, left = (height - inner.shape[1]) // 2, (width - inner.shape[2]) // 2
    full[:, top : top + inner.shape[1], left : left + inner.shape[2]] = inner
    return full


def resized(picture: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """(C, H, W) uint8 as (C, height, width), bilinear and antialiased; torch's kernel for bytes takes channels last."""
    if tuple(picture.shape[1:]) == (height, width):
        return picture
    return F.interpolate(picture[None], (height, width), mode="bilinear", antialias=True)[0]


def _cropped(picture: torch.Tensor, tall: float) -> torch.Tensor:
    """The largest middle piece whose height is `tall` times its width."""
    height, width = picture.shape[1:]
    keep_high, keep_wide = min(height, max(1, round(width * tall))), min(width, max(1, round(height / tall)))
    top, left = (height - keep_high) // 2, (width - keep_wide) // 2
    return picture[:, top : top + keep_high, left : left + keep_wide]
