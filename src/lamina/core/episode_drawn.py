"""An episode step by step, as SVG: what it earned and how far its goal was, what the network expected to come, and what was done."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, ClassVar

WIDE, HIGH, LEFT, EDGE = 720, 150, 96, 26  # pixels; HIGH of each panel
EARNED, GOAL, EXPECTED, DONE = "#1f5fa8", "#c0561a", "#2c7a4b", "#555"
STYLE = 'font-family="system-ui, sans-serif" font-size="12" fill="#222"'
ROW, MOST_NAMED = 18, 20  # pixels of an action's row; actions that have rows
MOST_STEPS = 1_500


@dataclass(frozen=True)
class EpisodeSteps:
    """Of each of T steps: the reward; how far the goal was reached, empty where none is told; what the network expected before it, empty
    where it expects nothing; and the action, an index into `names` or numbers of -1 to 1 by these names."""

    ending: ClassVar[str] = ".svg"
    rewards: Sequence[float]
    goals: Sequence[float]
    expected: Sequence[float]
    actions: Sequence[Any]
    names: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        return {"return": sum(self.rewards), "length": len(self.rewards)}

    def save(self, path: Path) -> None:
        """Write the picture."""
        path.write_text(steps_svg(self), encoding="utf-8")


def steps_svg(steps: EpisodeSteps) -> str:
    """The picture: panels above one another, with the same steps below each; of a long episode every few steps."""
    every, count = max(1, len(steps.rewards) // MOST_STEPS), len(steps.rewards)
    earned = [0.0]
    for reward in steps.rewards:
        earned.append(earned[-1] + reward)
    goals, expected = steps.goals[::every], steps.expected[::every]
    panels = [_lines("earned so far", [(earned[::every], EARNED)])]
    panels += [_lines("how far the true goal is reached", [([0.0, *goals], GOAL)], (0.0, 1.0))] if goals else []
    panels += [_lines("what it expected to come, as it learned it", [(expected, EXPECTED)])] if expected else []
    panels.append(_done(steps.actions[::every], steps.names))
    top, body = 0, []
    for drawn, high in panels:
        body.append(f'<g transform="translate(0 {top})">{drawn}</g>')
        top += high
    last = f'<text x="{WIDE - EDGE}" y="{top + 12}" text-anchor="end">step {count}</text>'
    high = top + 20
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDE}" height="{high}" viewBox="0 0 {WIDE} {high}" role="img" {STYLE}>'
            f'<rect width="100%" height="100%" fill="#fff"/>{"".join(body)}{last}</svg>\n')  # fmt: skip


def _lines(title: str, lines: Sequence[tuple[Sequence[float], str]], span: tuple[float, float] | None = None) -> tuple[str, int]:
    """A panel of lines over the steps, and its height."""
    values = [value for line, _ in lines for value in line]
    low, high = span or (min(values), max(values))
    steps = max(1, *(len(line) - 1 for line, _ in lines))

    def at(i: int, value: float) -> str:
        return f"{LEFT + i / steps * (WIDE - LEFT - EDGE):.1f},{HIGH - 12 - (value - low) / ((high - low) or 1) * (HIGH - EDGE - 12):.1f}"

    drawn = "".join(f'<polyline points="{" ".join(at(i, value) for i, value in enumerate(line))}" fill="none" stroke="{ink}" '
                    'stroke-width="1.5"/>' for line, ink in lines)  # fmt: skip
    ends = "".join(f'<text x="{LEFT - 6}" y="{y}" text-anchor="end">{value:.4g}</text>' for y, value in ((30, high), (HIGH - 12, low)))
    return f'<text x="{LEFT}" y="16" font-weight="bold">{escape(title)}</text>{ends}{drawn}', HIGH


def _done(actions: Sequence[Any], names: Sequence[str]) -> tuple[str, int]:
    """What was done: a row for each action with a mark at each step of it, or a line for each number that was set."""
    if actions and not isinstance(actions[0], int):
        inks = [DONE, EARNED, GOAL, EXPECTED]
        lines = [([float(action[k]) for action in actions], inks[k % len(inks)]) for k in range(len(names))]
        return _lines(f"what was set, -1 to 1: {', '.join(names)}", lines, (-1.0, 1.0))
    shown, width = names[:MOST_NAMED], (WIDE - LEFT - EDGE) / max(1, len(actions))
    rows = "".join(f'<text x="{LEFT - 6}" y="{EDGE + ROW * k + 13}" text-anchor="end">{escape(name[:13])}</text>'
                   for k, name in enumerate(shown))  # fmt: skip
    marks = "".join(f'<rect x="{LEFT + i * width:.1f}" y="{EDGE + ROW * action + 3}" width="{max(width, 1):.1f}" height="{ROW - 6}" '
                    f'fill="{DONE}"/>' for i, action in enumerate(actions) if action < MOST_NAMED)  # fmt: skip
    return f'<text x="{LEFT}" y="16" font-weight="bold">what was done</text>{rows}{marks}', EDGE + ROW * len(shown) + 8
