"""What the report of a game shows: the games against plain tree search by who began, and one of them drawn."""

from collections.abc import Mapping
from typing import Any

from lamina.core.run import Run
from lamina.oversight import page
from lamina.oversight.page import Html


def of_game(run: Run, details: Mapping[str, Any]) -> list[Html]:
    """The sections, where the run has what they need."""
    parts = []
    if "playouts" in details:
        rows = [(name, points.count(1.0), points.count(0.5), points.count(0.0))
                for name, points in (("it began", details["points_first"]), ("the other began", details["points_second"]))]
        table = page.table(("", "won", "drawn", "lost"), rows)
        parts.append(page.section(f"Against plain tree search with {details['playouts']:,} random playouts a move", table))
    drawn = run.folder / "game.svg"
    if drawn.exists():
        shown = page.figure(Html(drawn.read_text(encoding="utf-8")), "pieces bear the number of their move")
        parts.append(page.section("Such a game", shown))
    return parts
