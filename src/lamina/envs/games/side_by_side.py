"""Games that are played side by side, all of them at the same ply; those that end leave.

    B  games that go on    G  games in all    A  moves
"""

import numpy as np

from lamina.envs.games.game import GOING, Game


class SideBySide:
    """`count` games from their start. Of those that go on: `boards` (B, H, W), `allowed` (B, A), whose number `going` (B,) is; who is to
    move in all of them, `player`. Of all: `outcomes` (G,) and `moves`."""

    def __init__(self, game: Game, count: int) -> None:
        self.game, self.player = game, 1
        self.boards, self.going = game.initial(count), np.arange(count)
        self.allowed = np.repeat(game.allowed(self.boards[0], 1)[None], count, 0)
        self.outcomes, self.moves = np.full(count, GOING), [list[int]() for _ in range(count)]

    def move(self, chosen: np.ndarray) -> None:
        """Make one move (B,) in each."""
        for i, move in zip(self.going, chosen, strict=True):
            self.moves[i].append(int(move))
        allowed, outcome = self.game.step(self.boards, chosen, np.full(len(self.boards), self.player))
        self.outcomes[self.going] = outcome
        on = outcome == GOING
        self.boards, self.allowed, self.going, self.player = self.boards[on], allowed[on], self.going[on], -self.player
