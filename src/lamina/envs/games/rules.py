"""What a game is: five functions in a file of its own. Copy `tictactoe.py` and change them; `lamina train my_game.py` learns it.

Two players move in turn until `winner` says who won. A board is an array (H, W) of small whole numbers, int8: 0 is an empty place,
positive numbers are the first player's pieces, the same numbers negative the second's. `player` is 1 for the first and -1 for the second.
A move is a whole number from 0 on. Nothing may be kept outside of the board.

The functions here are only what the loops over many games are written against (`Game.built` puts those of a game in their place).
A game may also have `NAMES`, what its moves are called; `SIMULATIONS`, how many are searched for a move when it is played; `text(board)`, a
drawing in letters.
"""

from typing import Any

Board = Any  # (H, W) int8


def initial() -> Board:
    """The board at the start."""
    raise NotImplementedError


def legal(board: Board, player: int) -> Any:
    """Whether each move is allowed to `player`, who is to move: (A,) bool."""
    raise NotImplementedError


def play(board: Board, move: int, player: int) -> Board:
    """The board after `player` made a legal move; the given one stays as it is."""
    raise NotImplementedError


def winner(board: Board) -> int | None:
    """1 where the first player has won, -1 where the second has, 0 for a draw, None while the game goes on."""
    raise NotImplementedError


def symmetries(board: Board, moves: Any) -> list[tuple[Board, Any]]:
    """Boards that are the same game, each beside `moves` (A,) in the order that they have there; the first is the board itself.

    Cells may change places, but not what stands on them: the function is called with the places of the cells in place of pieces.
    """
    raise NotImplementedError
