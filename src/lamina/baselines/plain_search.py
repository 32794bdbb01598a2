"""Plain Monte-Carlo tree search: every leaf is played to its end at random (Kocsis & Szepesvari 2006, Bandit based Monte-Carlo planning;
Coulom 2006). It knows the rules and nothing else: the classical rival of a game.

    A  moves    S  playouts, each of which adds a node    N(s, a) visits    W(s, a) wins, a draw counts half, of who is to move at s
"""

from typing import Any

import numpy as np

from lamina.core import rng
from lamina.envs.games.game import Game
from lamina.envs.games.machine_code import jit
from lamina.envs.games.rules import legal, play, winner

EXPLORATION = 2**0.5  # of UCB1, for wins counted from 0 to 1
LONGEST = 512  # moves of a playout, which is a draw then


class PlainSearch:
    """Plays `game` by `playouts` random games a move (`arena.Mover`)."""

    def __init__(self, game: Game, playouts: int = 1000) -> None:
        self.playouts, self._search = playouts, game.built(search)
        self.game = game

    def __call__(self, boards: np.ndarray, players: np.ndarray, allowed: np.ndarray, key: int) -> np.ndarray:
        """The moves (B,) that were tried most."""
        found = np.zeros(len(boards), np.int64)
        for i in range(len(boards)):
            draws = np.random.default_rng(rng.key(key, i, "playouts")).integers(0, 1 << 31, self.playouts)
            with self.game.watched(boards[i]):
                found[i] = self._search(boards[i], int(players[i]), allowed[i], draws, EXPLORATION)
        return found


@jit
def best(may: Any, visits: Any, wins: Any, c: float) -> int:
    """The legal move with the most UCB1 = W / N + c sqrt(log sum N / N); one that was never tried comes first."""
    total, chosen, most = visits.sum(), -1, -1.0
    for a in range(len(may)):
        if may[a] and visits[a] == 0:
            return a
        if may[a]:
            score = wins[a] / visits[a] + c * np.sqrt(np.log(total) / visits[a])
            if score > most:
                chosen, most = a, score
    return chosen


@jit
def drawn(can: Any, seed: int) -> int:
    """A legal move by a number."""
    left = seed % can.sum()
    for a in range(len(can)):
        if can[a]:
            if left == 0:
                return a
            left -= 1
    return -1


def search(board: Any, player: int, allowed: Any, draws: Any, c: float) -> int:
    """The move of most visits after len(draws) playouts; each draw (31 bits) is the seed of one."""
    S, A = len(draws), len(allowed)
    child, visits, wins = np.full((S + 1, A), -1), np.zeros((S + 1, A)), np.zeros((S + 1, A))
    may, nodes = np.zeros((S + 1, A), np.bool_), 1
    path, moves = np.zeros(S + 1, np.int64), np.zeros(S + 1, np.int64)
    may[0] = allowed
    for i in range(S):
        at, who, s, d, result, going = board.copy(), player, 0, 0, 0, True
        while going and s >= 0:  # down the tree, and one move out of it
            path[d], moves[d] = s, best(may[s], visits[s], wins[s], c)
            at = play(at, moves[d], who)
            who, d, said = -who, d + 1, winner(at)
            if said is not None:
                result, going = said, False
            elif child[s, moves[d - 1]] < 0:
                child[s, moves[d - 1]], may[nodes] = nodes, legal(at, who)
                nodes, s = nodes + 1, -1
            else:
                s = child[s, moves[d - 1]]
        seed, turn = draws[i], 0
        while going and turn < LONGEST:  # to the end at random
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF  # the generator of ANSI C
            at = play(at, drawn(legal(at, who), seed >> 8), who)
            who, turn, said = -who, turn + 1, winner(at)
            if said is not None:
                result, going = said, False
        side = player
        for k in range(d):
            visits[path[k], moves[k]] += 1
            wins[path[k], moves[k]] += (result * side + 1) / 2
            side = -side
    return int(visits[0].argmax())
