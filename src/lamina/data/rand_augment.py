"""RandAugment (Cubuk, Zoph, Shlens & Le 2019): operations drawn at random for each picture, all of one strength.

Each picture of the batch draws `COUNT` of the operations of table 6 of the paper, one after the other; the pictures
that drew the same one are changed together. Where we depart from it: the edge is repeated outside a moved picture
instead of grey, and equalize is left out, as its histograms cannot be taken of a whole batch at once.

Pictures (B, C, H, W) with levels 0..255; `m` is the strength, 0..1 (the paper's magnitude / 30), and `s` (B,) is m
with a sign of its own for each picture.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from lamina.data.augment import grey, sample

COUNT = 2
MOST = 0.9  # change of brightness, contrast, saturation and sharpness at full strength
MOST_SHEAR, MOST_MOVE, MOST_TURN = 0.3, 0.45, 0.52  # slope; share of the side; radians (30 degrees)
FEWEST_LEVELS = 16  # of posterize at full strength: 4 bits


def rand_augment(x: torch.Tensor, m: float, random: torch.Generator) -> torch.Tensor:
    """Change every picture by `COUNT` operations of strength `m`; returns float32."""
    x = x.to(torch.float32, copy=True)
    for _ in range(COUNT):
        drawn = torch.randint(0, len(OPERATIONS), (len(x),), generator=random)
        signs = torch.randint(0, 2, (len(x),), generator=random) * 2.0 - 1
        for number, operation in enumerate(OPERATIONS):
            chosen = (drawn == number).nonzero()[:, 0]
            if len(chosen):
                s = (m * signs[chosen]).to(x.device)
                chosen = chosen.to(x.device)
                x[chosen] = operation(x[chosen], s).clamp(0, 255)
    return x


def identity(x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    return x


def brightness(x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    return x * _factor(s)


def contrast(x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    return torch.lerp(x.mean((1, 2, 3), keepdim=True), x, _factor(s))


def saturation(x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    return torch.lerp(grey(x), x, _factor(s)) if x.shape[1] == 3 else x


def sharpness(x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    """Away from, or towards, the mean over 3x3 places."""
    smooth = F.avg_pool2d(F.pad(x, (1,) * 4, mode="replicate"), 3, 1)
    return torch.lerp(smooth, x, _factor(s))


def autocontrast(x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    """The darkest level of each channel becomes 0, the lightest 255; a plain channel stays."""
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    return torch.where(high > low, (x - low) * 255 / (high - low).clamp(min=1e-6), x)


def posterize(x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    """Fewer levels: 256 at no strength, `FEWEST_LEVELS` at full."""
    step = 256 / (256 * (FEWEST_LEVELS / 256) ** s.abs())[:, None, None, None]
    return (x / step).floor() * step


def solarize(x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    """Levels above a threshold, which falls with the strength, are turned into their negative."""
    return torch.where(x > 255 * (1 - s.abs())[:, None, None, None], 255 - x, x)


def shear_x(x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    return _linear(x, s, [[0, MOST_SHEAR], [0, 0]])


def shear_y(x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    return _linear(x, s, [[0, 0], [MOST_SHEAR, 0]])


def move_x(x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    return sample(x, torch.eye(2).expand(len(x), 2, 2), 2 * MOST_MOVE * s.cpu()[:, None] * torch.tensor([1.0, 0.0]))


def move_y(x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    return sample(x, torch.eye(2).expand(len(x), 2, 2), 2 * MOST_MOVE * s.cpu()[:, None] * torch.tensor([0.0, 1.0]))


def turn(x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    angle, tall = s.cpu() * MOST_TURN, x.shape[2] / x.shape[3]
    rows = torch.stack([angle.cos(), angle.sin() * tall, -angle.sin() / tall, angle.cos()], 1)
    return sample(x, rows.view(-1, 2, 2))


Operation = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
OPERATIONS: tuple[Operation, ...] = (
    identity, brightness, contrast, saturation, sharpness, autocontrast, posterize, solarize, shear_x, shear_y, move_x, move_y, turn,
)  # fmt: skip


def _factor(s: torch.Tensor) -> torch.Tensor:
    return 1 + MOST * s[:, None, None, None]


def _linear(x: torch.Tensor, s: torch.Tensor, most: list[list[float]]) -> torch.Tensor:
    return sample(x, torch.eye(2) + s.cpu()[:, None, None] * torch.tensor(most))
