"""A series and how it goes on, as SVG: what was, what is forecast, and where it is known what came."""

from collections.abc import Sequence

WIDE, HIGH, LEFT, EDGE = 640, 240, 64, 24  # pixels
PAST, SAID, CAME = "#555", "#1f5fa8", "#c0561a"


def series_svg(past: Sequence[float], said: Sequence[float], came: Sequence[float], name: str) -> str:
    """The picture of `past` and the numbers `said` to follow it, with those that `came`, [] where nobody knows yet."""
    from html import escape

    values = [*past, *said, *came]
    low, high = min(values), max(values)
    spread = (high - low) or 1.0
    steps = max(1, len(past) + max(len(said), len(came)) - 1)

    def line(numbers: Sequence[float], first: int, ink: str, dash: str = "") -> str:
        points = " ".join(f"{LEFT + (first + i) / steps * (WIDE - LEFT - EDGE):.1f},{HIGH - EDGE - (v - low) / spread * (HIGH - 2 * EDGE):.1f}"
                          for i, v in enumerate(numbers))
        return f'<polyline points="{points}" fill="none" stroke="{ink}" stroke-width="2"{dash}/>'

    joined = [past[-1]] if past else []
    lines = [line(past, 0, PAST), line([*joined, *came], len(past) - 1, CAME) if came else "",
             line([*joined, *said], len(past) - 1, SAID, ' stroke-dasharray="6 3"')]
    legend = f'<tspan fill="{PAST}">what was</tspan> <tspan fill="{SAID}">forecast</tspan>' + (
        f' <tspan fill="{CAME}">what came</tspan>' if came else "")
    words = (f'<text x="{LEFT}" y="16">{escape(name)}   {legend}</text><text x="{LEFT - 6}" y="{EDGE + 6}" text-anchor="end">{high:.4g}</text>'
             f'<text x="{LEFT - 6}" y="{HIGH - EDGE}" text-anchor="end">{low:.4g}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDE}" height="{HIGH}" viewBox="0 0 {WIDE} {HIGH}" role="img" '
            f'font-family="system-ui, sans-serif" font-size="12" fill="#222"><rect width="100%" height="100%" fill="#fff"/>'
            f'{"".join(lines)}{words}</svg>\n')
