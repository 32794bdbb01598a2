"""An answer about a position of a game, and a board as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

CELL, EDGE, LETTER = 48, 28, 7  # pixels
WORTH = "what the network thought it worth to the first player, move by move"
INKS = {1: "#c2662d", -1: "#1f5fa8"}


@dataclass(frozen=True)
class BoardMove:
    """The move to make on a board, what the position is worth to who is to move (-1 lost .. 1 won), whether that is proven, and the share
    of the search that each move had. `drawn`: the board in letters."""

    ending: ClassVar[str] = ".svg"
    move: str
    worth: float
    proven: bool
    shares: dict[str, float] = field(repr=False)
    board: np.ndarray[Any, Any] = field(repr=False)
    drawn: str = field(repr=False, default="")

    def to_json(self) -> dict[str, Any]:
        return {"move": self.move, "worth": round(self.worth, 4), "proven": self.proven,
                "shares": {name: round(share, 4) for name, share in self.shares.items()}, "board": self.board.tolist()}

    def __str__(self) -> str:
        best = sorted(self.shares.items(), key=lambda one: -one[1])[:3]
        shown = ", ".join(f"{name} {100 * share:.0f} %" for name, share in best)
        return f"move {self.move}, worth {self.worth:+.2f}{' (proven)' if self.proven else ''}; searched most: {shown}\n{self.drawn}"

    def save(self, path: Path) -> None:
        """Write the board as SVG."""
        path.write_text(board_svg(self.board, f"to move: {self.move}, worth {self.worth:+.2f}"), encoding="utf-8")


@dataclass(frozen=True)
class GameDrawn:
    """A whole game as a picture: the last board, when each piece was placed, and what the network thought of it at each move."""

    ending: ClassVar[str] = ".svg"
    board: np.ndarray[Any, Any] = field(repr=False)
    placed: np.ndarray[Any, Any] = field(repr=False)  # (H, W): the number of the move after which each cell last changed
    worth: Sequence[float] = field(repr=False)  # to the first player, after each move
    title: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"board": self.board.tolist(), "worth": [round(one, 4) for one in self.worth]}

    def save(self, path: Path) -> None:
        """Write it as SVG."""
        path.write_text(board_svg(self.board, self.title, self.placed, self.worth), encoding="utf-8")


def board_svg(board: np.ndarray[Any, Any], title: str, placed: np.ndarray[Any, Any] | None = None, worth: Sequence[float] = ()) -> str:
    """A board (H, W) of signed pieces; beside it a line of what it was worth over the moves."""
    h, w = board.shape
    letters = max(len(title), len(WORTH) if worth else 0)
    wide, high = 2 * EDGE + max(w * CELL, LETTER * letters), h * CELL + 2 * EDGE + (120 if worth else 0)
    parts = [f'<text x="{EDGE}" y="18">{escape(title)}</text>']
    for i in range(h):
        for j in range(w):
            parts.append(_cell(EDGE + j * CELL, EDGE + i * CELL, int(board[i, j]), 0 if placed is None else int(placed[i, j])))
    if worth:
        parts.append(_line(worth, EDGE, h * CELL + 2 * EDGE, max(w * CELL, 280)))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
            f'font-family="system-ui, sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n')


def _cell(x: int, y: int, piece: int, number: int) -> str:
    frame = f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="none" stroke="#ddd"/>'
    if not piece:
        return frame
    middle = f'cx="{x + CELL // 2}" cy="{y + CELL // 2}"'
    text = str(number) if number else ("" if abs(piece) == 1 else str(abs(piece)))
    words = f'<text x="{x + CELL // 2}" y="{y + CELL // 2 + 5}" text-anchor="middle" fill="#fff">{text}</text>' if text else ""
    return f'{frame}<circle {middle} r="{CELL // 2 - 5}" fill="{INKS[1 if piece > 0 else -1]}"/>{words}'


def _line(worth: Sequence[float], left: int, top: int, width: int) -> str:
    """What the board was worth to the first player, after each move: 1 above, -1 below."""
    step = width / max(1, len(worth) - 1)
    points = " ".join(f"{left + i * step:.1f},{top + 45 - 40 * one:.1f}" for i, one in enumerate(worth))
    words = f'<text x="{left}" y="{top + 104}">{WORTH}</text>'
    line = f'<polyline points="{points}" fill="none" stroke="#222" stroke-width="2"/>'
    return f'<path d="M{left},{top + 45} h{width}" stroke="#ddd"/>{line}{words}'
