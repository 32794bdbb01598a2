"""A series and how it goes on, as SVG: what was, what is forecast, and where it is known what came."""

from collections.abc import Sequence
from html import escape

WIDE, HIGH, LEFT, EDGE = 640, 240, 64, 24  # pixels
PAST, SAID, CAME = "#555", "#1f5fa8", "#c0561a"
STYLE = 'font-family="system-ui, sans-serif" font-size="12" fill="#222"'


def series_svg(past: Sequence[float], said: Sequence[float], came: Sequence[float], name: str) -> str:
    """The picture of `past` and the numbers `said` to follow it, with those that `came`, either of them [] where there are none."""
    values = [*past, *said, *came]
    low, high = min(values), max(values)
    steps, spread = max(1, len(past) + max(len(said), len(came)) - 1), (high - low) or 1.0

    def line(numbers: Sequence[float], first: int, ink: str, dash: str = "") -> str:
        xs = [LEFT + (first + i) / steps * (WIDE - LEFT - EDGE) for i in range(len(numbers))]
        ys = [HIGH - EDGE - (value - low) / spread * (HIGH - 2 * EDGE) for value in numbers]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
        return f'<polyline points="{points}" fill="none" stroke="{ink}" stroke-width="2"{dash}/>'

    last = list(past[-1:])
    lines = [line(past, 0, PAST), line([*last, *came], len(past) - 1, CAME) if came else "",
             line([*last, *said], len(past) - 1, SAID, ' stroke-dasharray="6 3"') if said else ""]
    head = f'<rect width="100%" height="100%" fill="#fff"/>{"".join(lines)}{_words(name, low, high, bool(said), bool(came))}'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDE}" height="{HIGH}" viewBox="0 0 {WIDE} {HIGH}" role="img" {STYLE}>'
            f"{head}</svg>\n")  # fmt: skip


def _words(name: str, low: float, high: float, said: bool, came: bool) -> str:
    inks = [(PAST, "what was"), *([(SAID, "forecast")] if said else []), *([(CAME, "what came")] if came else [])]
    legend = "   ".join(f'<tspan fill="{ink}">{word}</tspan>' for ink, word in inks)
    ends = ((EDGE + 6, high), (HIGH - EDGE, low))
    return f'<text x="{LEFT}" y="16" xml:space="preserve">{escape(name)}   {legend}</text>' + "".join(
        f'<text x="{LEFT - 6}" y="{y}" text-anchor="end">{value:.4g}</text>' for y, value in ends)
