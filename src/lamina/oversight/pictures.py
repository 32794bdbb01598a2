"""Training curves and a confusion matrix as SVG in the run folder: drawn by hand, readable without any program."""

from collections.abc import Sequence
from html import escape

from lamina.core import events
from lamina.core.run import Run, replace
from lamina.core.spec import Classes, Spec
from lamina.core.task import Evaluation

WIDTH, HEIGHT, EDGE = 720, 300, 56
COLOURS = {"train": "#c2662d", "valid": "#1f5fa8"}
INK, PAPER, FAINT = "#222", "#fff", "#ddd"
MOST_CLASSES = 30
BESIDE = ("optimal_raw",)  # figures that are told in validation alone and drawn all the same

Points = list[tuple[float, float]]


def draw_run(run: Run, monitor: str, test: Evaluation, spec: Spec) -> None:
    """Write `curves.svg`, and `confusion.svg` for classes."""
    replace(run.folder / "curves.svg", curves(run, monitor))
    if "confusion" in test.details and isinstance(spec.target, Classes) and spec.target.size <= MOST_CLASSES:
        replace(run.folder / "confusion.svg", confusion(test.details["confusion"], spec.target.names))


def curves(run: Run, monitor: str) -> str:
    """The monitored figure of the validation split, and every figure that training and validation share."""
    told = list(events.read(run.events_file))
    names = [monitor] + [n for n in _figures(told, "train") if n in _figures(told, "valid") and n != monitor]
    names += [n for n in BESIDE if n in _figures(told, "valid") and n not in names]
    if len(names) == 1:
        names += [n for n in _figures(told, "train") if n.endswith("loss") or n == "return"][:2]
    panels = [_panel(name, {kind: _line(told, kind, name) for kind in COLOURS}, i) for i, name in enumerate(names)]
    return _svg(WIDTH, HEIGHT * len(names), "".join(panels))


def confusion(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """Rows are the true classes, columns what was said; a cell's shade is its share of the row."""
    cell, left = 44, 120
    parts = [f'<text x="{left}" y="20">test split: rows are true, columns were said</text>']
    for i, (row, name) in enumerate(zip(matrix, names, strict=True)):
        y = 60 + i * cell
        parts.append(f'<text x="{left - 8}" y="{y + 27}" text-anchor="end">{escape(name[:14])}</text>')
        parts.append(f'<text x="{left + i * cell + 22}" y="48" text-anchor="middle">{escape(name[:5])}</text>')
        parts += [_cell(left + j * cell, y, cell, n, n / max(sum(row), 1), i == j) for j, n in enumerate(row)]
    return _svg(left + len(names) * cell + 20, 80 + len(names) * cell, "".join(parts))


def _cell(x: int, y: int, size: int, count: int, share: float, right: bool) -> str:
    colour = COLOURS["valid"] if right else COLOURS["train"]
    opacity = 0 if count == 0 else max(share, 0.12)
    ink = PAPER if opacity > 0.6 else INK
    text = f'<text x="{x + size // 2}" y="{y + 27}" text-anchor="middle" fill="{ink}">{count}</text>' if count else ""
    return (f'<rect x="{x}" y="{y}" width="{size}" height="{size}" fill="{colour}" fill-opacity="{opacity:.2f}" stroke="{FAINT}"/>{text}')


def _figures(told: Sequence[events.Event], kind: str) -> list[str]:
    return list(dict.fromkeys(n for e in told if e.kind == kind for n, v in e.values.items() if not isinstance(v, list)))


def _line(told: Sequence[events.Event], kind: str, name: str) -> Points:
    return [(e.step, float(e.values[name])) for e in told if e.kind == kind and name in e.values]


def _panel(name: str, lines: dict[str, Points], place: int) -> str:
    """One figure against the step, with its range at the left and the steps below."""
    points = [p for line in lines.values() for p in line]
    if not points:
        return ""
    low, high = min(y for _, y in points), max(y for _, y in points)
    last, spread, top = max(x for x, _ in points), (high - low) or 1.0, place * HEIGHT
    right, bottom = WIDTH - EDGE, top + HEIGHT - EDGE

    def at(x: float, y: float) -> str:
        return f"{EDGE + (right - EDGE) * x / last:.1f},{bottom - (HEIGHT - 2 * EDGE) * (y - low) / spread:.1f}"

    drawn = "".join(_path(kind, [at(x, y) for x, y in line], i) for i, (kind, line) in enumerate(lines.items()) if line)
    present = [kind for kind, line in lines.items() if line]
    keys = "".join(f'<text x="{right - 130 + 70 * i}" y="{top + 24}" fill="{COLOURS[k]}">{k}</text>' for i, k in enumerate(present))
    frame = f'<path d="M{EDGE},{top + EDGE} V{bottom} H{right}" fill="none" stroke="{INK}"/>'
    labels = f'<text x="4" y="{top + EDGE + 5}">{high:.4g}</text><text x="4" y="{bottom}">{low:.4g}</text>'
    axis = f'<text x="{right}" y="{bottom + 20}" text-anchor="end">step {last:.0f}</text>'
    return f'<text x="{EDGE}" y="{top + 24}" font-weight="bold">{escape(name)}</text>{keys}{frame}{labels}{axis}{drawn}'


def _path(kind: str, points: list[str], place: int) -> str:
    line = f'<polyline points="{" ".join(points)}" fill="none" stroke="{COLOURS[kind]}" stroke-width="{1.5 + place}"/>'
    if len(points) > 60:
        return line
    dots = (p.split(",") for p in points)
    return line + "".join(f'<circle cx="{x}" cy="{y}" r="3" fill="{COLOURS[kind]}"/>' for x, y in dots)


def _svg(width: int, height: int, body: str) -> str:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    font = f'font-family="system-ui, sans-serif" font-size="13" fill="{INK}"'
    paper = f'<rect width="100%" height="100%" fill="{PAPER}"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>{paper}{body}</svg>\n'
