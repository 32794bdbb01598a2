"""Write the solved positions of Connect Four that players are judged on.

    python benchmarks/connect4_positions.py 1500 0 > src/lamina/envs/games/connect4.positions

Positions of games between players who win where they can with the next move, prevent it where they must, and else draw their move:
each after 12 to 35 moves, all as likely, no two the same or mirrored. Words: how many, and the seed.
"""

import sys

import numpy as np

from lamina.envs.games.connect4_solver import COLUMNS, BOTTOM, Solver, bits, not_losing, threats
from lamina.envs.games.opening import load

FIRST, LAST = 12, 35  # moves before a position


def sensible(board: np.ndarray, player: int, allowed: np.ndarray) -> np.ndarray:
    """The moves (7,) among which such a player draws: those that win, else those that do not lose at once, else any."""
    position, mask = bits(board, player)
    cells = (mask + BOTTOM) & COLUMNS
    winning, safe = allowed & (threats(position, mask) & cells != 0), allowed & (not_losing(position, mask) & cells != 0)
    return winning if winning.any() else safe if safe.any() else allowed


def main() -> None:
    count, random = int(sys.argv[1]), np.random.default_rng(int(sys.argv[2]))
    game, solver, seen = load("connect4"), Solver(), set()
    print("# moves, what the position is worth to who is to move, and the moves that keep it: see benchmarks/connect4_positions.py")
    while len(seen) < 2 * count:
        length, line = int(random.integers(FIRST, LAST + 1)), ""
        board, player, allowed, ended = game.initial(), 1, game.allowed(game.initial()[0], 1), False
        while len(line) < length and not ended:
            can = sensible(board[0], player, allowed)
            move = int((random.random(7) * can).argmax())
            (allowed,), (outcome,) = game.step(board, np.array([move]), np.array([player]))
            line, player, ended = line + game.names[move], -player, outcome != 2
        if ended or board.tobytes() in seen:
            continue
        seen |= {board.tobytes(), np.ascontiguousarray(board[:, :, ::-1]).tobytes()}
        if board.tobytes() == np.ascontiguousarray(board[:, :, ::-1]).tobytes():
            seen.add(board.tobytes() + b"mirrored")
        best, worth = solver.optimal(board[0], player)
        print(line, worth, "".join(name for name, one in zip(game.names, best, strict=True) if one), flush=True)


if __name__ == "__main__":
    main()
