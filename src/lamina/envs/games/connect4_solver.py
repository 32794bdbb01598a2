"""A perfect player of Connect Four: alpha-beta on bitboards.

After John Tromp's Fhourstones and Pascal Pons' "Solving Connect 4: how to build a perfect AI" (2015-2019): negamax with a window, a
transposition table, moves that lose at once left out, moves tried by how many threats they make, and the exact score found by
searches with an empty window (MTD). The score counts how soon it ends: 1 wins with one's last piece, 2 with the one before, ...,
negative loses, 0 is a draw. Positions of 12 moves and more are solved in well under a second.

A board is 64 bits: column c has the bits 7 c .. 7 c + 6 from below, the topmost of them always empty.

    position  pieces of who is to move    mask  all pieces    threats  empty cells with which a line of four is made
    alpha  whether the score is above it is all that is asked (an empty window)
"""

from typing import Any, NamedTuple

import numpy as np

from lamina.envs.games.machine_code import jit, jit_anew

H, W = 6, 7
U = np.uint64
ONE, H1 = U(1), U(H + 1)
BOTTOM = U(sum(1 << ((H + 1) * c) for c in range(W)))
FULL = U(int(BOTTOM) * ((1 << H) - 1))
COLUMNS = np.array([((1 << H) - 1) << ((H + 1) * c) for c in range(W)], np.uint64)
ORDER = np.array([3, 2, 4, 1, 5, 0, 6])
TABLE = 8_388_593  # entries, a prime
LEAST, MOST = -18, 18  # scores: no line of four is made sooner than with the fourth piece
DIRECTIONS = np.array([1, H, H + 1, H + 2], np.uint64)  # up, falling, across, rising


class Table(NamedTuple):
    """A bound of the score of the position that was last put at each place; and rooms to sort moves in, one for each move of a game."""

    keys: Any  # (TABLE,) uint64
    bounds: Any  # (TABLE,) int8: 1 .. 37 at most so much, 38 .. 74 at least, 0 nothing
    cells: Any  # (H * W, W) uint64
    worths: Any  # (H * W, W) int64


class Solver:
    """Solves positions in which nobody has won; what it found out is kept for the next."""

    def __init__(self) -> None:
        sizes = (H * W, W)
        self.table = Table(np.zeros(TABLE, U), np.zeros(TABLE, np.int8), np.zeros(sizes, U), np.zeros(sizes, np.int64))

    def scores(self, board: np.ndarray, player: int) -> list[int | None]:
        """The exact score of each move to `player`, who is to move; None for a full column."""
        return self._of_moves(board, player, exact)

    def worths(self, board: np.ndarray, player: int) -> list[int | None]:
        """The same, but only won (1), drawn (0) or lost (-1), which is much sooner known."""
        return self._of_moves(board, player, worth)

    def optimal(self, board: np.ndarray, player: int) -> tuple[np.ndarray, int]:
        """Which moves (W,) bool keep what the position is worth, and that worth."""
        found = self.worths(board, player)
        best = max(one for one in found if one is not None)
        return np.array([one == best for one in found]), best

    def _of_moves(self, board: np.ndarray, player: int, of: Any) -> list[int | None]:
        position, mask = bits(board, player)
        found: list[int | None] = []
        for c in range(W):
            cell = (mask + BOTTOM) & COLUMNS[c]
            if cell == 0:
                found.append(None)
            elif threats(position, mask) & cell:
                found.append((H * W + 1 - count(mask)) // 2 if of is exact else 1)
            else:
                found.append(-int(of(position ^ mask, mask | cell, self.table)))
        return found


def bits(board: np.ndarray, player: int) -> tuple[Any, Any]:
    """A board (H, W) as (position, mask)."""
    position = mask = 0
    for c in range(W):
        for r in range(H):
            piece = int(board[H - 1 - r, c])
            mask |= (piece != 0) << (c * (H + 1) + r)
            position |= (piece == player) << (c * (H + 1) + r)
    return U(position), U(mask)


@jit
def count(cells: Any) -> int:
    """How many bits are set (Kernighan)."""
    found = 0
    while cells != U(0):
        cells &= cells - ONE
        found += 1
    return found


@jit
def threats(position: Any, mask: Any) -> Any:
    """Empty cells that make four in a line of the pieces in `position`."""
    found = (position << ONE) & (position << U(2)) & (position << U(3))  # upwards
    for d in DIRECTIONS[1:]:
        pair = (position << d) & (position << (U(2) * d))
        found |= pair & (position << (U(3) * d))
        found |= pair & (position >> d)
        pair = (position >> d) & (position >> (U(2) * d))
        found |= pair & (position << d)
        found |= pair & (position >> (U(3) * d))
    return found & (FULL ^ mask)


@jit
def not_losing(position: Any, mask: Any) -> Any:
    """Cells that may be played without losing at once, 0 where there are none; who is to move cannot win at once."""
    possible = (mask + BOTTOM) & FULL
    theirs = threats(position ^ mask, mask)
    forced = possible & theirs
    if forced != U(0):
        if forced & (forced - ONE) != U(0):
            return U(0)
        possible = forced
    return possible & ~(theirs >> ONE)  # nothing below a cell with which they win


@jit_anew
def negamax(position: Any, mask: Any, moves: int, alpha: int, table: Any) -> int:
    """A bound of the score of a position in which nobody wins with the next move, after `moves` moves: above `alpha` it is a lower
    bound, else an upper one."""
    possible = not_losing(position, mask)
    if possible == U(0):
        return -((H * W - moves) // 2)
    if moves >= H * W - 2:
        return 0
    least: int = -((H * W - 2 - moves) // 2)
    most: int = (H * W - 1 - moves) // 2
    key = position + mask
    place = np.int64(key % U(TABLE))
    if table.keys[place] == key:
        known: Any = np.int64(table.bounds[place])
        if known > MOST - LEAST + 1:
            least = max(least, known + 2 * LEAST - MOST - 2)
        elif known > 0:
            most = min(most, known + LEAST - 1)
    if least > alpha:
        return least
    if most <= alpha:
        return most
    n = _sorted(position, mask, possible, moves, table)
    for i in range(n):
        score = -negamax(position ^ mask, mask | table.cells[moves, i], moves + 1, -alpha - 1, table)
        if score > alpha:
            table.keys[place], table.bounds[place] = key, score + MOST - 2 * LEAST + 2
            return score
    table.keys[place], table.bounds[place] = key, alpha - LEAST + 1
    return alpha


@jit
def _sorted(position: Any, mask: Any, possible: Any, moves: int, table: Any) -> int:
    """Put the moves that are possible into the table's room, the one that makes the most threats first; how many they are."""
    cells, worths, n = table.cells[moves], table.worths[moves], 0
    for i in range(W):
        cell = possible & COLUMNS[ORDER[i]]
        if cell != U(0):
            found, j = count(threats(position | cell, mask)), n
            while j > 0 and worths[j - 1] < found:
                cells[j], worths[j] = cells[j - 1], worths[j - 1]
                j -= 1
            cells[j], worths[j] = cell, found
            n += 1
    return n


@jit_anew
def exact(position: Any, mask: Any, table: Any) -> int:
    """The score of a position, closed in on by bounds."""
    moves = count(mask)
    if moves == H * W:
        return 0
    if threats(position, mask) & ((mask + BOTTOM) & FULL) != U(0):
        return (H * W + 1 - moves) // 2
    least, most = -((H * W - moves) // 2), (H * W + 1 - moves) // 2
    while least < most:
        middle = least + (most - least) // 2
        if middle <= 0 and -(-least // 2) < middle:
            middle = -(-least // 2)  # near 0 more is known sooner
        elif middle >= 0 and most // 2 > middle:
            middle = most // 2
        bound = negamax(position, mask, moves, middle, table)
        if bound <= middle:
            most = bound
        else:
            least = bound
    return least


@jit_anew
def worth(position: Any, mask: Any, table: Any) -> int:
    """Won (1), drawn (0) or lost (-1)."""
    moves = count(mask)
    if moves == H * W:
        return 0
    if threats(position, mask) & ((mask + BOTTOM) & FULL) != U(0) or negamax(position, mask, moves, 0, table) > 0:
        return 1
    return 0 if negamax(position, mask, moves, -1, table) > -1 else -1
