"""Drawings of a report as inline SVG, in the page's own colours: how far probabilities hold, and numbers said against true ones."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import torch

from lamina.oversight.page import Html

SIDE, EDGE = 320, 40
WIDE, HIGH = 640, 260
STYLE = 'font-family="system-ui, sans-serif" font-size="12" fill="var(--ink)"'
MOST_POINTS = 600


def reliability(bins: Sequence[Mapping[str, Any]]) -> Html:
    """How often answers were right against how sure they were: a dot a bin, its area the share of answers; the line is what should be."""
    total = sum(one["count"] for one in bins) or 1
    dots = "".join(_dot(one["confidence"], one["accuracy"], 3 + 14 * (one["count"] / total) ** 0.5) for one in bins if one["count"])
    return _square("how sure it was", "how often it was right", ("0", "1"), dots)


def said_against_true(said: torch.Tensor, y: torch.Tensor, name: str) -> Html:
    """A dot a row: the true number across, what was said upwards; (N,) each, in the target's units."""
    rows = torch.arange(min(MOST_POINTS, len(y))) * len(y) // min(MOST_POINTS, len(y))
    low, high = min(y.min().item(), said.min().item()), max(y.max().item(), said.max().item())
    spread = (high - low) or 1.0
    points = zip(((y[rows] - low) / spread).tolist(), ((said[rows] - low) / spread).tolist(), strict=True)
    return _square(f"true {name}", "said", (f"{low:.3g}", f"{high:.3g}"), "".join(_dot(a, b, 3) for a, b in points))


def reward_beside_goal(steps: Sequence[float], returns: Sequence[float], goals: Sequence[float], alarms: Sequence[int]) -> Html:
    """The mean return (its scale on the left) and how far the goal was reached (0 to 1, on the right) over the training, and each alarm."""
    high, wide, right = HIGH - EDGE, WIDE - EDGE, max(*steps, *alarms) or 1.0
    low, top = min(*returns, 0.0), max(*returns, 0.0)

    def line(values: Sequence[float], least: float, most: float, ink: str) -> str:
        points = " ".join(f"{EDGE + step / right * (wide - EDGE):.1f},{high - (value - least) / ((most - least) or 1) * (high - EDGE):.1f}"
                          for step, value in zip(steps, values, strict=True))  # fmt: skip
        return f'<polyline points="{points}" fill="none" stroke="var(--{ink})" stroke-width="2"/>'

    marks = "".join(f'<path d="M{EDGE + step / right * (wide - EDGE):.1f},{EDGE} V{high}" stroke="var(--ink)" stroke-dasharray="4 3"/>'
                    for step in sorted(set(alarms)))  # fmt: skip
    words = (
        f'<text x="{EDGE}" y="{EDGE - 12}" fill="var(--blue)">mean return</text>'
        f'<text x="{wide}" y="{EDGE - 12}" text-anchor="end" fill="var(--orange)">true goal, 0 to 1</text>'
        f'<text x="{EDGE - 4}" y="{EDGE + 4}" text-anchor="end">{top:.3g}</text>'
        f'<text x="{EDGE - 4}" y="{high}" text-anchor="end">{low:.3g}</text>'
        f'<text x="{wide + 4}" y="{EDGE + 4}">1</text><text x="{wide + 4}" y="{high}">0</text>'
        f'<text x="{wide}" y="{high + 16}" text-anchor="end">environment step {right:,.0f}</text>'
    )
    frame = f'<path d="M{EDGE},{EDGE} V{high} H{wide} V{EDGE}" fill="none" stroke="var(--quiet)"/>'
    body = f"{frame}{marks}{line(returns, low, top, 'blue')}{line(goals, 0.0, 1.0, 'orange')}{words}"
    return Html(f'<svg viewBox="0 0 {WIDE} {HIGH}" width="{WIDE}" height="{HIGH}" role="img" {STYLE}>{body}</svg>')


def _dot(x: float, y: float, radius: float) -> str:
    across, up = EDGE + x * (SIDE - 2 * EDGE), SIDE - EDGE - y * (SIDE - 2 * EDGE)
    return f'<circle cx="{across:.1f}" cy="{up:.1f}" r="{radius:.1f}" fill="var(--blue)" fill-opacity=".55"/>'


def _square(across: str, upwards: str, ends: tuple[str, str], dots: str) -> Html:
    """A square drawing with both axes from one end to the other, and the line on which they are equal."""
    first, last = EDGE, SIDE - EDGE
    frame = f'<path d="M{first},{first} V{last} H{last}" fill="none" stroke="var(--quiet)"/>'
    line = f'<path d="M{first},{last} L{last},{first}" stroke="var(--faint)" stroke-width="2"/>'
    words = (
        f'<text x="{first}" y="{first - 12}">{escape(upwards)}</text>'
        f'<text x="{last}" y="{last + 32}" text-anchor="end">{escape(across)}</text>'
        f'<text x="{first}" y="{last + 16}">{ends[0]}</text><text x="{last}" y="{last + 16}" text-anchor="end">{ends[1]}</text>'
    )
    return Html(f'<svg viewBox="0 0 {SIDE} {SIDE}" width="{SIDE}" height="{SIDE}" role="img" {STYLE}>{frame}{line}{dots}{words}</svg>')
