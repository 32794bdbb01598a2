"""How runs learned that differ by their seed: a thin line for each, the mean and its 95 % interval where all of them have a figure."""

from collections.abc import Mapping, Sequence
from html import escape

from lamina.metrics.over_seeds import over_seeds

WIDE, HIGH, LEFT, EDGE = 720, 380, 64, 40  # pixels
INKS = ("#1f5fa8", "#c0561a", "#2c7a4b", "#7a3d8f", "#8a6d00", "#555555")
STYLE = 'font-family="system-ui, sans-serif" font-size="13" fill="#222"'

Line = Sequence[tuple[float, float]]  # a figure at each of some steps


def seeds_svg(groups: Mapping[str, Sequence[Line]], figure: str, across: str) -> str:
    """The picture of some groups by name, each of the lines of its runs; `figure` is upwards, `across` what steps are."""
    points = [point for lines in groups.values() for line in lines for point in line]
    low, high = min(y for _, y in points), max(y for _, y in points)
    last, spread = max(x for x, _ in points) or 1.0, (high - low) or 1.0

    def at(x: float, y: float) -> str:
        upwards = (min(max(y, low), high) - low) / spread
        return f"{LEFT + x / last * (WIDE - LEFT - EDGE):.1f},{HIGH - EDGE - upwards * (HIGH - 2 * EDGE):.1f}"

    def path(line: Line, ink: str, width: float, opacity: float) -> str:
        drawn = " ".join(at(x, y) for x, y in line)
        return f'<polyline points="{drawn}" fill="none" stroke="{ink}" stroke-width="{width}" stroke-opacity="{opacity}"/>'

    body = []
    for place, (name, lines) in enumerate(groups.items()):
        ink = INKS[place % len(INKS)]
        body += [path(line, ink, 1, 0.4) for line in lines]
        if len(lines) > 1:
            mean, band = _middle(lines)
            outline = " ".join(at(x, y) for x, y in band)
            body.append(f'<polygon points="{outline}" fill="{ink}" fill-opacity="0.15"/>{path(mean, ink, 2.5, 1)}')
        count = f", {len(lines)} seeds" if len(lines) > 1 else ""
        body.append(f'<text x="{LEFT + 10}" y="{EDGE + 16 + 18 * place}" fill="{ink}">{escape(name)}{count}</text>')
    frame = f'<path d="M{LEFT},{EDGE} V{HIGH - EDGE} H{WIDE - EDGE}" fill="none" stroke="#222"/>'
    words = (f'<text x="{LEFT}" y="24" font-weight="bold">{escape(figure)}</text>'
             f'<text x="{LEFT - 6}" y="{EDGE + 5}" text-anchor="end">{high:.4g}</text>'
             f'<text x="{LEFT - 6}" y="{HIGH - EDGE}" text-anchor="end">{low:.4g}</text>'
             f'<text x="{WIDE - EDGE}" y="{HIGH - EDGE + 20}" text-anchor="end">{escape(across)} {last:,.0f}</text>')  # fmt: skip
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDE}" height="{HIGH}" viewBox="0 0 {WIDE} {HIGH}" role="img" {STYLE}>'
            f'<rect width="100%" height="100%" fill="#fff"/>{frame}{words}{"".join(body)}</svg>\n')  # fmt: skip


def _middle(lines: Sequence[Line]) -> tuple[Line, Line]:
    """The mean and the outline of its interval, at the steps that all lines have."""
    at = [dict(line) for line in lines]
    steps = [x for x in at[0] if all(x in line for line in at)]
    found = [(x, *over_seeds([line[x] for line in at])) for x in steps]
    upper, lower = [(x, up) for x, _, _, up in found], [(x, down) for x, _, down, _ in found]
    return [(x, mean) for x, mean, _, _ in found], [*upper, *reversed(lower)]
