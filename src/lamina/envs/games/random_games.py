"""Games whose moves are drawn: what a game is like before anything is learned of it.

    B  games    T  moves of a game
"""

from dataclasses import dataclass

import numpy as np

from lamina.core import rng
from lamina.envs.games.game import GOING, Game

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
    boards, player = game.initial(count), 1
    allowed = np.repeat(game.allowed(boards[0], 1)[None], count, 0)
    outcomes, going = np.full(count, GOING), np.arange(count)
    moves: list[list[int]] = [[] for _ in range(count)]
    pieces, choices = int(np.abs(boards).max()), []
    while len(going) and len(moves[going[0]]) < longest:
        choices.append(allowed.sum(1).mean())
        drawn = (random.random(allowed.shape) * allowed).argmax(1)
        for i, move in zip(going, drawn, strict=True):
            moves[i].append(int(move))
        allowed, outcome = game.step(boards, drawn, np.full(len(boards), player))
        pieces, outcomes[going] = max(pieces, int(np.abs(boards).max())), outcome
        on = outcome == GOING
        boards, allowed, going, player = boards[on], allowed[on], going[on], -player
    return Played(tuple(map(int, outcomes)), tuple(map(tuple, moves)), pieces, float(np.mean(choices)))
