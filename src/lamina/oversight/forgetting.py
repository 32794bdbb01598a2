"""What a recurrent layer forgets: how long the gradient is that comes back from the last place to each place before it.

The vanishing gradient (Hochreiter 1991; Bengio, Simard & Frasconi 1994): where it is as good as nothing, nothing at that place can be
learned from an error at the end.

    B  rows    L  places    D  numbers of a place    H  hidden units
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from lamina.core.data import Split
from lamina.core.spec import FILL
from lamina.nn.recurrent import Recurrent
from lamina.nn.scaled import behind_scale

ROWS, PLACES = 64, 200  # of the data that are looked at
FLOOR = 1e-8  # below which a gradient is drawn as nothing
WIDE, HIGH, LEFT, EDGE = 640, 260, 64, 32  # pixels
INKS = ("#1f5fa8", "#c0561a", "#2d8a4e", "#7a4fa3")


@dataclass(frozen=True)
class Memory:
    """For each kind of cell the length of the gradient that comes back so many places from the last, as a share of that at the last."""

    ending: ClassVar[str] = ".svg"
    back: Mapping[str, Sequence[float]] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        return {name: list(values) for name, values in self.back.items()}

    def save(self, path: Path) -> None:
        """Write the picture: places back from the last across, the gradient upwards by powers of ten."""
        path.write_text(_svg(self.back), encoding="utf-8")


def gradients_through_time(cells: Any, x: torch.Tensor) -> torch.Tensor:
    """(L,) the mean length of d sum(h_L) / d x_t for each place t of x (B, L, D); cells: (B, L, D) -> (B, L, H)."""
    leaf = x.detach().clone().requires_grad_()
    cells(leaf)[:, -1].sum().backward()
    assert leaf.grad is not None, "the last place hangs on the others"
    return leaf.grad.norm(dim=2).mean(0)


def shares_back(cells: Any, x: torch.Tensor) -> list[float]:
    """The same from the last place backwards, as shares of the last."""
    found = gradients_through_time(cells, x).flip(0)
    return [float(share) for share in found / found[0].clamp_min(1e-30)]


def of_model(model: nn.Module, split: Split) -> Memory | None:
    """What a trained network forgets, on rows of a split; None where it has no recurrent layer that reads rows from their beginning."""
    x = split.batch(torch.arange(min(ROWS, len(split))))["x"]
    device = next(model.parameters()).device
    net, x = behind_scale(model.eval(), x.to(device))
    cells, seen = getattr(net, "cells", None), getattr(net, "seen", None)
    if not isinstance(cells, Recurrent) or seen is None:
        return None
    read = seen(x if x.is_floating_point() else _whole_rows(x))[:, -PLACES:].detach().float()

    def forwards(e: torch.Tensor) -> torch.Tensor:
        """The layers in the direction of the rows."""
        lengths = torch.full((len(e),), e.shape[1], device=e.device)
        return cells(e, lengths)[..., : cells.hidden]

    with torch.enable_grad():
        return Memory({cells.kind: shares_back(forwards, read)}) if read.shape[1] > 1 else None


def _whole_rows(x: torch.Tensor) -> torch.Tensor:
    """Of rows (B, L) that are filled up those at least as long as the middle one, cut to its length."""
    lengths = (x != FILL).sum(1)
    middle = max(1, int(lengths.median()))
    return x[lengths >= middle][:, :middle]


def _svg(back: Mapping[str, Sequence[float]]) -> str:
    places = max(2, *map(len, back.values()))
    low = math.log10(max(FLOOR, min(min(values) for values in back.values())))
    low = min(math.floor(low), -1)
    high = max(0.0, math.ceil(math.log10(max(max(values) for values in back.values()))))

    def at(place: int, value: float) -> str:
        across = LEFT + place / (places - 1) * (WIDE - LEFT - EDGE)
        up = HIGH - EDGE - (math.log10(max(value, FLOOR)) - low) / (high - low) * (HIGH - 2 * EDGE)
        return f"{across:.1f},{min(up, HIGH - EDGE):.1f}"

    lines = [f'<polyline points="{" ".join(at(n, value) for n, value in enumerate(values))}" fill="none" stroke="{ink}" stroke-width="2"/>'
             for values, ink in zip(back.values(), INKS, strict=False)]  # fmt: skip
    words = [f'<tspan fill="{ink}">{escape(name)}</tspan>' for name, ink in zip(back, INKS, strict=False)]
    ends = "".join(f'<text x="{LEFT - 6}" y="{at(0, 10.0**power).split(",")[1]}" text-anchor="end">1e{power}</text>'
                   for power in (int(low), int(high)))  # fmt: skip
    legend = f'<text x="{LEFT}" y="18" xml:space="preserve">how much of the gradient comes back   {"   ".join(words)}</text>'
    foot = f'<text x="{WIDE - EDGE}" y="{HIGH - 10}" text-anchor="end">places back from the last: {places - 1}</text>'
    frame = f'<path d="M{LEFT},{EDGE} V{HIGH - EDGE} H{WIDE - EDGE}" fill="none" stroke="#999"/>'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDE}" height="{HIGH}" viewBox="0 0 {WIDE} {HIGH}" role="img" '
            f'font-family="system-ui, sans-serif" font-size="12" fill="#222"><rect width="100%" height="100%" fill="#fff"/>'
            f'{frame}{"".join(lines)}{legend}{ends}{foot}</svg>\n')  # fmt: skip
