"""Games whose moves are drawn: what a game is like before anything is learned of it.

    B  games    T  moves of a game
"""

from dataclasses import dataclass

import numpy as np

from lamina.core import rng
from lamina.envs.games.game import GOING, Game
from lamina.envs.games.side_by_side import SideBySide

LONGEST = 1000  # moves after which a random game is left


@dataclass(frozen=True)
class Played:
    """What random games showed: outcome (`GOING` where it was left) and moves of each; the largest piece; how many moves were legal."""

    outcomes: tuple[int, ...]
    moves: tuple[tuple[int, ...], ...]
    pieces: int
    choices: float

    @property
    def ended(self) -> np.ndarray:
        """Whether each game ended."""
        return np.array(self.outcomes) != GOING

    @property
    def lengths(self) -> np.ndarray:
        """The moves of each game that ended."""
        return np.array([len(moves) for moves, ended in zip(self.moves, self.ended, strict=True) if ended] or [0])

    def share(self, outcome: int) -> float:
        """The share of games that ended so."""
        return float((np.array(self.outcomes) == outcome).mean())


def random_games(game: Game, count: int, seed: int, longest: int = LONGEST) -> Played:
    """`count` games side by side; every legal move is as likely as another."""
    random = np.random.default_rng(rng.key(seed, 0, "random games"))
    table = SideBySide(game, count)
    pieces, choices = int(np.abs(table.boards).max()), []
    while len(table.going) and len(table.moves[table.going[0]]) < longest:
        choices.append(table.allowed.sum(1).mean())
        boards = table.boards  # those of games that end with this move too
        table.move((random.random(table.allowed.shape) * table.allowed).argmax(1))
        pieces = max(pieces, int(np.abs(boards).max()))
    return Played(tuple(map(int, table.outcomes)), tuple(map(tuple, table.moves)), pieces, float(np.mean(choices)))
