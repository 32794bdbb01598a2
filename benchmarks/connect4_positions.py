"""Write the solved positions of Connect Four that players are judged on.

    for seed in $(seq 0 14); do python benchmarks/connect4_positions.py 100 $seed; done > src/lamina/envs/games/connect4.positions

Positions of games between players who win where they can with the next move, prevent it where they must, and else draw their move:
each after 12 to 35 moves, all as likely, no two of one seed the same or mirrored. Words: how many, and the seed.
"""

import sys

import numpy as np

from lamina.envs.games.connect4_solver import BOTTOM, COLUMNS, Solver, bits, not_losing, threats
from lamina.envs.games.game import GOING, Game
from lamina.envs.games.opening import load

FIRST, LAST = 12, 35  # moves before a position


def sensible(board: np.ndarray, player: int, allowed: np.ndarray) -> np.ndarray:
    """The moves (7,) among which such a player draws: those that win, else those that do not lose at once, else any."""
    position, mask = bits(board, player)
    cells = (mask + BOTTOM) & COLUMNS
    winning, safe = allowed & (threats(position, mask) & cells != 0), allowed & (not_losing(position, mask) & cells != 0)
    return winning if winning.any() else safe if safe.any() else allowed


def written(game: Game, solver: Solver, random: np.random.Generator) -> tuple[bytes, str]:
    """A position by its cells (mirrored or not, the lesser), and its line; nothing where the game ended before it was long enough."""
    length, line = int(random.integers(FIRST, LAST + 1)), ""
    board, player, allowed, outcome = game.initial(), 1, game.allowed(game.initial()[0], 1), GOING
    while len(line) < length:
        can = sensible(board[0], player, allowed)
        move = int((random.random(len(can)) * can).argmax())
        (allowed,), (outcome,) = game.step(board, np.array([move]), np.array([player]))
        line, player = line + game.names[move], -player
        if outcome != GOING:
            return b"", ""
    best, worth = solver.optimal(board[0], player)
    name = min(board.tobytes(), np.ascontiguousarray(board[:, :, ::-1]).tobytes())
    return name, f"{line} {worth} {''.join(name for name, one in zip(game.names, best, strict=True) if one)}"


def main() -> None:
    count, random = int(sys.argv[1]), np.random.default_rng(int(sys.argv[2]))
    game, solver, found = load("connect4"), Solver(), dict[bytes, str]()
    while len(found) < count:
        name, line = written(game, solver, random)
        if line:
            found.setdefault(name, line)
    print("# moves, what the position is worth to who is to move, and the moves that keep it: see benchmarks/connect4_positions.py")
    print("\n".join(found.values()))


if __name__ == "__main__":
    main()
