"""Two players meet: many games side by side, each beginning half of them.

Pairs of games begin with the same random moves, with the sides exchanged, so that neither has the better start; where a player
draws its own moves there need be no such start.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lamina.core import rng
from lamina.envs.games.game import Game
from lamina.envs.games.search import Search
from lamina.envs.games.self_play import MOST_MOVES
from lamina.envs.games.side_by_side import SideBySide

Mover = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]  # boards (B, H, W), players (B,), legal (B, A), key -> moves (B,)


@dataclass(frozen=True)
class Points:
    """What the one player made of each game (G,): 1 won, 0.5 drawn, 0 lost; and whether it began (G,)."""

    points: np.ndarray
    began: np.ndarray
    moves: list[list[int]]

    def count(self, points: float) -> int:
        """How many games ended so."""
        return int((self.points == points).sum())


def match(game: Game, one: Mover, other: Mover, games: int, key: int, opening: int = 0) -> Points:
    """`games` games of `one` against `other`; `opening`: random moves at the start of each pair of games."""
    began, table = np.arange(games) % 2 == 0, SideBySide(game, games)
    for ply in range(MOST_MOVES):
        if ply < opening:
            draws = np.random.default_rng(rng.key(key, ply, "opening")).random(((games + 1) // 2, game.size))
            chosen = (np.repeat(draws, 2, 0)[table.going] * table.allowed).argmax(1)
        else:
            mine = began[table.going] == (table.player == 1)
            chosen = _chosen((one, other), mine, (table.boards, table.player, table.allowed), rng.key(key, ply, "match"))
        table.move(chosen)
        if not len(table.going):
            break
    table.outcomes[table.going] = 0
    return Points((table.outcomes * np.where(began, 1, -1) + 1) / 2, began, table.moves)


def _chosen(players: tuple[Mover, Mover], mine: np.ndarray, at: tuple[np.ndarray, int, np.ndarray], key: int) -> np.ndarray:
    """The moves (B,) of the games in which the one is to move (`mine`), and of the others."""
    boards, player, allowed = at
    chosen = np.zeros(len(boards), np.int64)
    for mover, rows in zip(players, (np.flatnonzero(mine), np.flatnonzero(~mine)), strict=True):
        if len(rows):
            chosen[rows] = mover(boards[rows], np.full(len(rows), player), allowed[rows], key)
    return chosen


def searching(search: Search, simulations: int) -> Mover:
    """Plays the move that was searched most."""
    return lambda boards, players, allowed, key: search(boards, players, allowed, simulations).moves


def at_random(boards: np.ndarray, players: np.ndarray, allowed: np.ndarray, key: int) -> np.ndarray:
    """Any legal move."""
    chosen: np.ndarray = (np.random.default_rng(key).random(allowed.shape) * allowed).argmax(1)
    return chosen
