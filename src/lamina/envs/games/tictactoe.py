"""Tic-tac-toe: three in a row on a board of 3 x 3. Well played it is a draw.

    board   (3, 3) int8: 1 the first player's (X), -1 the second's (O), 0 empty
    moves   9: the cells, row by row; a cell must be empty
    end     three in a row, a column or a diagonal win; a full board is a draw
    size    5,478 positions can be reached, 4,520 of them with a move to make; 765 but for turning and mirroring
"""

from typing import Any

import numpy as np

NAMES = tuple("123456789")
SIMULATIONS = 50


def initial() -> Any:
    return np.zeros((3, 3), np.int8)


def legal(board: Any, player: int) -> Any:
    return board.reshape(-1) == 0


def play(board: Any, move: int, player: int) -> Any:
    after = board.copy()
    after[move // 3, move % 3] = player
    return after


def winner(board: Any) -> int | None:
    full, down, up = True, 0, 0
    for i in range(3):
        row = column = 0
        for j in range(3):
            row += board[i, j]
            column += board[j, i]
            full = full and board[i, j] != 0
        if abs(row) == 3:
            return 1 if row > 0 else -1
        if abs(column) == 3:
            return 1 if column > 0 else -1
        down += board[i, i]
        up += board[i, 2 - i]
    if abs(down) == 3 or abs(up) == 3:
        return 1 if board[1, 1] > 0 else -1
    return 0 if full else None


def symmetries(board: Any, moves: Any) -> list[tuple[Any, Any]]:
    found, moves = [], moves.reshape(3, 3)
    for _ in range(4):
        found += [(board, moves.reshape(-1)), (board.T, moves.T.reshape(-1))]
        board, moves = np.rot90(board), np.rot90(moves)
    return found
