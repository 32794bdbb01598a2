"""Where in a sequence a place is: sines that are added to it (Vaswani et al. 2017), or angles by which questions and keys are turned
(Su et al. 2021, RoFormer), so that their product depends on how far apart they are.

    T  places    D  width    B  rows    A  heads    E  numbers of a head, even
"""

import math

import torch


def sines(places: torch.Tensor, width: int) -> torch.Tensor:
    """(T,) places -> (T, width): sin and cos, by wavelengths from 2 pi to 10,000 * 2 pi."""
    found = _angles(places, width)
    return torch.stack([found.sin(), found.cos()], -1).flatten(1)[:, :width]


def angles(places: torch.Tensor, width: int) -> torch.Tensor:
    """(T,) places -> (T, E / 2) complex numbers of length one."""
    found = _angles(places, width)
    return torch.polar(torch.ones_like(found), found)


def turned(x: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    """(B, A, T, E), each two neighbours of E turned by the angle of their place."""
    cos, sin = by.real, by.imag
    a, b = x[..., ::2].float(), x[..., 1::2].float()
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2).to(x.dtype)


def _angles(places: torch.Tensor, width: int) -> torch.Tensor:
    rates = torch.exp(torch.arange(0, width, 2, device=places.device) * (-math.log(10_000.0) / width))
    return places[:, None].float() * rates
