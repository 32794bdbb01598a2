"""Connect Four: pieces fall down one of seven columns; four in a line win. The first player wins, beginning in the middle
(Allis 1988, A knowledge-based approach of Connect-Four).

    board   (6, 7) int8, row 0 on top: 1 the first player's (X), -1 the second's (O), 0 empty
    moves   7: the columns from the left; a column must not be full
    end     four in a row, a column or a diagonal win; a full board is a draw
    size    4,531,985,219,092 positions can be reached (Edelkamp & Kissmann 2008)
"""

from typing import Any

import numpy as np

NAMES = tuple("1234567")
SIMULATIONS = 100
H, W, LINE = 6, 7, 4


def initial() -> Any:
    return np.zeros((H, W), np.int8)


def legal(board: Any, player: int) -> Any:
    return board[0] == 0


def play(board: Any, move: int, player: int) -> Any:
    after = board.copy()
    row = H - 1
    while after[row, move] != 0:
        row -= 1
    after[row, move] = player
    return after


def winner(board: Any) -> int | None:
    full = True
    for i in range(H):
        for j in range(W):
            piece = board[i, j]
            if piece == 0:
                full = False
                continue
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
                length, y, x = 1, i + down, j + right
                while length < LINE and y < H and 0 <= x < W and board[y, x] == piece:
                    length, y, x = length + 1, y + down, x + right
                if length == LINE:
                    return 1 if piece > 0 else -1
    return 0 if full else None


def symmetries(board: Any, moves: Any) -> list[tuple[Any, Any]]:
    return [(board, moves), (board[:, ::-1], moves[::-1])]
