"""Weights of attention as SVG: a row a token said, a column a token heard; a browser has letters for every script."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

CELL, EDGE, LETTER = 22, 12, 7.5  # pixels of a place, around the picture, of a letter
INK, LINE = "#1f5fa8", "#ddd"
FAINTEST = 0.02  # weights that are drawn
SHOWN = {"\n": "⏎", "\t": "⇥", " ": "␣"}


def weights_svg(weights: np.ndarray[Any, Any], said: Sequence[str], heard: Sequence[str]) -> str:
    """The picture of weights (T, S)."""
    said, heard = [_shown(token) for token in said], [_shown(token) for token in heard]
    left, top = (EDGE + LETTER * max([2, *map(len, tokens)]) for tokens in (said, heard))
    width, height = left + CELL * len(heard) + EDGE, top + CELL * len(said) + EDGE
    parts = [f'<rect x="{left:.0f}" y="{top:.0f}" width="{CELL * len(heard)}" height="{CELL * len(said)}" fill="none" stroke="{LINE}"/>']
    for t, token in enumerate(said):
        parts.append(f'<text x="{left - 5:.0f}" y="{top + CELL * (t + 0.7):.0f}" text-anchor="end">{escape(token)}</text>')
    for s, token in enumerate(heard):
        x, y = left + CELL * (s + 0.65), top - 5
        parts.append(f'<text x="{x:.0f}" y="{y:.0f}" transform="rotate(-90 {x:.0f} {y:.0f})">{escape(token)}</text>')
    for t, s in np.argwhere(weights >= FAINTEST).tolist():
        x, y, weight = left + CELL * s + 1, top + CELL * t + 1, min(1.0, float(weights[t, s]))
        parts.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="{CELL - 2}" height="{CELL - 2}" fill="{INK}" fill-opacity="{weight:.2f}">'
                     f"<title>{weight:.2f}</title></rect>")
    style = "<style>text{font:12px ui-monospace,monospace;fill:#222}</style>"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">'
            f'{style}<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n')


def _shown(token: str) -> str:
    """A token that can be seen; a leading space is a new word and needs no sign where more follows."""
    return SHOWN.get(token, token.strip() or "␣")
