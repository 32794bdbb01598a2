"""Two thumbnails laid over one another: how alike they are once the one is shifted and stretched to fit the other.

Lucas and Kanade 1981: the difference of two pictures is linear in a small shift; so the shift is least squares, repeated.
Here the warp is a shift and a stretch along each side (what a crop does), beside gain and bias of the brightness.

a, b: (K, n, n) thumbnails; places run from -1 to 1; warp (K, 4): stretch and shift along x, then along y.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

SIDE = 48  # of a thumbnail, in pixels
COARSE, FINE = (12, 24), (48, 48)  # sides at which the warp is found, one after another
ROUNDS = 3  # at each
HOPELESS = 0.5  # likeness at the last coarse side below which the fine ones are not tried
FARTHEST = 0.25  # most that a side is stretched or shifted, in half sides
OVERLAP = 0.7  # least share that must lie in both pictures
AT_ONCE = 512  # pairs


def likeness(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(K,) correlation, at most 1, of the gradients of `a`, warped onto `b`, with those of `b`; 0 if they do not overlap."""
    some = [_likeness(*two) for two in zip(a.split(AT_ONCE), b.split(AT_ONCE), strict=True)]
    return torch.cat(some) if some else torch.empty(0)


def _likeness(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    warp = _fit(a, b, torch.zeros(len(a), 4), COARSE)
    alike = _agreement(_smaller(a, COARSE[-1]), _smaller(b, COARSE[-1]), warp)
    hopeful = (alike >= HOPELESS).nonzero().flatten()
    a, b = a[hopeful], b[hopeful]
    return alike.index_put((hopeful,), _agreement(a, b, _fit(a, b, warp[hopeful], FINE)))


def _fit(a: torch.Tensor, b: torch.Tensor, warp: torch.Tensor, sides: Sequence[int]) -> torch.Tensor:
    """The warp (K, 4) that lays a over b, from a first guess."""
    for side in sides:
        small_a, small_b = _smaller(a, side), _smaller(b, side)
        for _ in range(ROUNDS):
            warp = (warp + _step(small_a, small_b, warp)).clamp(-FARTHEST, FARTHEST)
    return warp


def _agreement(a: torch.Tensor, b: torch.Tensor, warp: torch.Tensor) -> torch.Tensor:
    """(K,) the correlation of the gradients where both are, 0 where that is too little."""
    warped, inside = _warped(a, warp)
    inside[:, [0, -1]] = inside[:, :, [0, -1]] = 0  # gradients at the edge look outside
    (ax, ay), (bx, by) = _gradients(warped), _gradients(b)
    dot = ((ax * bx + ay * by) * inside).sum((1, 2))
    lengths = (((ax**2 + ay**2) * inside).sum((1, 2)) * ((bx**2 + by**2) * inside).sum((1, 2))).sqrt()
    return torch.where(inside.mean((1, 2)) >= OVERLAP, dot / lengths.clamp_min(1e-6), 0.0)


def _step(a: torch.Tensor, b: torch.Tensor, warp: torch.Tensor) -> torch.Tensor:
    """The change of the warp (K, 4) that least squares finds for a(warp) + J change = gain b + bias."""
    warped, inside = _warped(a, warp)
    dx, dy = _gradients(warped)
    x = _places(a.shape[-1])
    terms = torch.stack([dx * x, dx, dy * x[:, None], dy, -b, -torch.ones_like(b)], -1).flatten(1, 2)  # (K, n * n, 6)
    weighted = (terms * inside.flatten(1)[:, :, None]).mT
    ridge = 1e-3 * torch.eye(6) * (weighted @ terms).diagonal(dim1=1, dim2=2).mean(1)[:, None, None].clamp_min(1e-6)
    solved: torch.Tensor = torch.linalg.solve(weighted @ terms + ridge, -(weighted @ warped.flatten(1)[:, :, None]))
    return solved[:, :4, 0]


def _warped(a: torch.Tensor, warp: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """a at the warped places, and 1 where those lie inside it, else 0."""
    x = _places(a.shape[-1])
    along_x = x * (1 + warp[:, :1]) + warp[:, 1:2]  # (K, n)
    along_y = x * (1 + warp[:, 2:3]) + warp[:, 3:]
    grid = torch.stack([along_x[:, None].expand_as(a), along_y[:, :, None].expand_as(a)], -1)
    warped = F.grid_sample(a[:, None], grid, padding_mode="border", align_corners=False)[:, 0]
    return warped, (grid.abs().amax(-1) <= 1).float()


def _gradients(a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Along x and along y, per unit of place."""
    padded = F.pad(a[:, None], (1, 1, 1, 1), mode="replicate")[:, 0] * (a.shape[-1] / 4)
    return padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2], padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]


def _places(side: int) -> torch.Tensor:
    return torch.linspace(-1 + 1 / side, 1 - 1 / side, side)


def _smaller(a: torch.Tensor, side: int) -> torch.Tensor:
    return a if a.shape[-1] == side else F.interpolate(a[:, None], (side, side), mode="area")[:, 0]
