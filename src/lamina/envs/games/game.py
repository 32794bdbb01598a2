"""A game, opened: its rules checked at the door, and loops over many boards at once, compiled where numba takes them.

    B  boards    C  cells = H * W    A  moves    S  symmetries
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from types import FunctionType
from typing import Any

import numpy as np

from lamina.core.errors import TrainingError
from lamina.envs.games.rules import legal, play, winner

GOING = 2  # in place of an outcome: the game goes on
LOOPED = ("legal", "play", "winner")  # the functions that loops over many boards call
_COMPILED: dict[tuple[str, str], Callable[..., Any]] = {}  # by a loop's name and the version of a game's file


@dataclass(frozen=True)
class Game:
    """The rules of a game and what was found out of them. `file` and `version`: a user's own file and its sha256; `refused`: why its
    functions run uncompiled, "" where they are compiled."""

    name: str
    rules: Any = field(repr=False, compare=False)
    shape: tuple[int, int]
    names: tuple[str, ...]
    pieces: int
    simulations: int
    file: str
    version: str
    refused: str
    cells: np.ndarray = field(repr=False, compare=False)  # (S, C): the cell of the board that comes to stand at each cell
    moves: np.ndarray = field(repr=False, compare=False)  # (S, A): the same of moves

    @property
    def size(self) -> int:
        """How many moves there are."""
        return len(self.names)

    def initial(self, count: int = 1) -> np.ndarray:
        """Boards at the start, (B, H, W) int8."""
        return np.repeat(np.asarray(self.rules.initial(), np.int8)[None], count, 0)

    def step(self, boards: np.ndarray, moves: np.ndarray, players: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Move on every board (B, H, W), in place. Returns the moves allowed next (B, A), and the outcomes (B,) or `GOING`."""
        allowed, outcome = np.zeros((len(boards), self.size), np.bool_), np.full(len(boards), GOING, np.int8)
        with self.watched(boards[0]):
            self._step(boards, moves.astype(np.int64), players.astype(np.int8), allowed, outcome)
        stuck = (outcome == GOING) & ~allowed.any(1)
        if stuck.any():
            drawn = self.text(boards[stuck.argmax()])
            raise TrainingError("a legal move for who is to move, or a winner", f"neither in `{self.name}`:\n{drawn}\n",
                                "Let `winner` say who has won there, or 0 for a draw, or let `legal` allow a move that passes.")
        return allowed, outcome

    def allowed(self, board: np.ndarray, player: int) -> np.ndarray:
        """The moves allowed on one board, (A,) bool."""
        with self.watched(board):
            return np.asarray(self.rules.legal(board.copy(), player), np.bool_)

    def outcome(self, board: np.ndarray) -> int | None:
        """What `winner` says of one board."""
        with self.watched(board):
            found = self.rules.winner(board.copy())
        return None if found is None else int(found)

    def text(self, board: np.ndarray) -> str:
        """The board in letters."""
        if hasattr(self.rules, "text"):
            with named(self.file):
                return str(self.rules.text(board))
        signs = {0: ".", 1: "X", -1: "O"}
        return "\n".join("  " + " ".join(signs.get(int(cell), str(int(cell))) for cell in row) for row in board)

    def watched(self, board: np.ndarray) -> AbstractContextManager[None]:
        """Where a loop that was `built` works on a board."""
        return named(self.file, self.text(board) if self.file else "")

    def built(self, loop: Callable[..., Any]) -> Callable[..., Any]:
        """A loop that is written against `rules.py`, with this game's functions in it; compiled where they can be."""
        if self.refused:
            return with_rules(loop, {name: getattr(self.rules, name) for name in LOOPED})
        return compiled(loop, self.rules, self.version, bool(self.file))

    @cached_property
    def _step(self) -> Callable[..., Any]:
        return self.built(step)


@contextmanager
def named(file: str, drawn: str = "") -> Iterator[None]:
    """Where the functions of a game are called: what those of a user's `file` raise is said in three parts."""
    try:
        yield
    except Exception as error:
        if not file:
            raise
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        line = f" in line {where.tb_lineno} of `{where.tb_frame.f_code.co_name}`" if where is not None else ""
        near = f", at or near the board\n{drawn}\n" if drawn else ""
        raise TrainingError(f"functions in `{file}` that take every board and legal move", f"`{type(error).__name__}: {error}`{line}{near}",
                            "Mend the function.") from error


def step(boards: Any, moves: Any, players: Any, allowed: Any, outcome: Any) -> None:
    """Move on each board; then either the outcome or the moves that are allowed next."""
    for i in range(len(boards)):
        board = play(boards[i].copy(), moves[i], players[i])
        boards[i] = board
        result = winner(board)
        if result is None:
            allowed[i] = legal(board, -players[i])
        else:
            outcome[i] = result


def with_rules(loop: Any, functions: dict[str, Any], name: str = "") -> Any:
    """The loop with a game's functions in place of those of rules.py."""
    made = FunctionType(loop.__code__, {**loop.__globals__, **functions}, loop.__name__, loop.__defaults__)
    made.__qualname__ = f"{loop.__qualname__}{name}"
    return made


def compiled(loop: Callable[..., Any], rules: Any, version: str, own: bool) -> Callable[..., Any]:
    """numba keeps what it compiled by a function's file and name, and knows nothing of what stands behind the names in it: the version of
    the game's file is made a part of the loop's name. A user's file may import others, so that it is kept for this process alone."""
    from numba import njit

    name = f"_{version[:16]}"
    if (loop.__qualname__, name) not in _COMPILED:
        functions = {each: njit(getattr(rules, each), boundscheck=own) for each in LOOPED}
        _COMPILED[loop.__qualname__, name] = njit(boundscheck=own, cache=not own)(with_rules(loop, functions, name))
    return _COMPILED[loop.__qualname__, name]


def seen(boards: np.ndarray, players: np.ndarray) -> np.ndarray:
    """Boards (B, H, W) as who is to move sees them, and which of the two that is: (B, 2, H, W) int8."""
    own = boards * players.astype(np.int8)[:, None, None]
    return np.stack([own, np.broadcast_to(players.astype(np.int8)[:, None, None], own.shape)], 1)
