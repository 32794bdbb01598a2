"""Augmentation of a whole batch of pictures at once, drawn from a keyed generator."""

import torch
import torch.nn.functional as F


def shift(x: torch.Tensor, pixels: int, random: torch.Generator) -> torch.Tensor:
    """Move every picture of (B, C, H, W) by up to `pixels` each way, filling with zeros."""
    b, c, height, width = x.shape
    padded = F.pad(x, (pixels,) * 4)
    dy, dx = torch.randint(0, 2 * pixels + 1, (2, b), generator=random, device="cpu").to(x.device)
    rows = (dy[:, None] + torch.arange(height, device=x.device))[:, None, :, None]  # (B, 1, H, 1)
    columns = (dx[:, None] + torch.arange(width, device=x.device))[:, None, None, :]  # (B, 1, 1, W)
    sample = torch.arange(b, device=x.device)[:, None, None, None]
    channel = torch.arange(c, device=x.device)[None, :, None, None]
    return padded[sample, channel, rows, columns]


def flip(x: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Mirror half of the pictures of (B, C, H, W) left to right."""
    mirrored = torch.rand(len(x), generator=random).to(x.device) < 0.5
    return torch.where(mirrored[:, None, None, None], x.flip(3), x)
