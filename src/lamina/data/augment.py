"""Augmentation of a whole batch of pictures at once, drawn from a keyed generator.

Pictures are (B, C, H, W) with levels 0..255, uint8 or float32; none of these changes the batch that it is given.
"""

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
    return sample(x, rows.view(b, 2, 2))


def sample(x: torch.Tensor, matrix: torch.Tensor, offset: torch.Tensor | None = None) -> torch.Tensor:
    """Each picture seen through its own map of places, p -> matrix p + offset, (B, 2, 2) and (B, 2); returns float32.

    Places (x, y) run from -1 to 1 on either side; bilinear, the edge repeated outside.
    """
    b, _, height, width = x.shape
    ys, xs = (torch.linspace(-1 + 1 / n, 1 - 1 / n, n, device=x.device) for n in (height, width))
    places = torch.stack([xs.expand(height, width), ys[:, None].expand(height, width)]).flatten(1)  # (2, H * W)
    grid = matrix.to(x.device) @ places  # (B, 2, H * W)
    if offset is not None:
        grid = grid + offset[:, :, None].to(x.device)
    grid = grid.view(b, 2, height, width).permute(0, 2, 3, 1)
    return F.grid_sample(x.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)


def crop(x: torch.Tensor, least: float, random: torch.Generator) -> torch.Tensor:
    """A window of each picture at full size (Szegedy et al. 2014): a share of its area from `least` to 1, a side up to 4/3
    of the other (in shares of the picture's own); returns float32."""
    b = len(x)
    area = least + (1 - least) * torch.rand(b, generator=random)
    ratio = (math.log(4 / 3) * (2 * torch.rand(b, generator=random) - 1)).exp()
    sides = torch.stack([(area * ratio).sqrt(), (area / ratio).sqrt()], 1).clamp(max=1)  # (B, 2): width, height
    offset = (1 - sides) * (2 * torch.rand(b, 2, generator=random) - 1)
    return sample(x, torch.diag_embed(sides), offset)


def erase(x: torch.Tensor, share: float, random: torch.Generator) -> torch.Tensor:
    """Hide a rectangle of each picture, up to `share` of its area, under the mean of the picture (DeVries & Taylor 2017,
    Zhong et al. 2017); its centre may lie anywhere, so that part of it may fall outside."""
    hidden = rectangle(x, share * torch.rand(len(x), generator=random), random)
    mean = x.float().mean((2, 3), keepdim=True).to(x.dtype)
    return torch.where(hidden[:, None], mean, x)


def rectangle(x: torch.Tensor, area: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """(B, H, W) bool: a rectangle of the share `area` (B,) of each picture, up to twice as long as broad, centred anywhere."""
    b, _, height, width = x.shape
    ratio = (math.log(2) * (2 * torch.rand(b, generator=random) - 1)).exp()
    centres = torch.rand(b, 2, generator=random)
    inside = []
    for size, middle, side in ((height, centres[:, 0], (area * ratio).sqrt()), (width, centres[:, 1], (area / ratio).sqrt())):
        places = (torch.arange(size) + 0.5) / size
        inside.append((places - middle[:, None]).abs() < side[:, None] / 2)  # (B, size)
    return (inside[0][:, :, None] & inside[1][:, None, :]).to(x.device)


def colour(x: torch.Tensor, strength: float, random: torch.Generator) -> torch.Tensor:
    """Brightness, contrast and, of three channels, saturation by factors of 1 - `strength` to 1 + `strength`; float32."""
    factors = 1 + strength * (2 * torch.rand(3, len(x), generator=random) - 1)
    brightness, contrast, saturation = factors.view(3, -1, 1, 1, 1).to(x.device)
    x = x.float() * brightness
    x = torch.lerp(x.mean((1, 2, 3), keepdim=True), x, contrast)
    if x.shape[1] == 3:
        x = torch.lerp(grey(x), x, saturation)
    return x.clamp_(0, 255)


def grey(x: torch.Tensor) -> torch.Tensor:
    """The brightness of three channels (B, 3, H, W) as the eye weighs them (ITU-R BT.601): (B, 1, H, W)."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=x.device).view(3, 1, 1)
    return (x.float() * weights).sum(1, keepdim=True)


def resize(x: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Every picture of (B, C, H, W) at another size, without aliasing; float32."""
    return F.interpolate(x.float(), (height, width), mode="bilinear", antialias=True, align_corners=False)
