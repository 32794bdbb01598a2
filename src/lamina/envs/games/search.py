"""The search of many games at once: the leaves of all trees are judged by one call of the network.

Whoever plays sees a board as its own: `seen` turns the signs, so that 1 is always the piece of who is to move.

    G  games    A  moves    B  positions that are judged at once    H, W  of the board
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lamina.envs.games import tree
from lamina.envs.games.game import GOING, Game, seen
from lamina.envs.games.tree import UNKNOWN, Constants, Tree

Judge = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # what is seen (B, 2, H, W) int8 -> logits (B, A), values (B,), float32


@dataclass(frozen=True)
class Found:
    """Of each position: how often each move was tried (G, A), without those known to be worse; its worth to who is to move (G,); whether
    that is proven (G,)."""

    counts: np.ndarray
    values: np.ndarray
    proven: np.ndarray
    improved: np.ndarray  # the network's policy, better by what was found (G, A)
    sensible: np.ndarray  # which moves are not known to be worse than another (G, A)

    @property
    def moves(self) -> np.ndarray:
        """The best moves by all that was found (G,)."""
        chances = np.where(self.sensible, self.improved, 0)
        return np.where(chances.max(1) > 0, chances.argmax(1), self.counts.argmax(1))

    @property
    def shares(self) -> np.ndarray:
        """The share of each move (G, A)."""
        return self.counts / self.counts.sum(1, keepdims=True)


@dataclass(frozen=True)
class Noise:
    """Noise at the roots: `draws` (G, A) of the Dirichlet distribution over the legal moves, of which the prior takes `share` (G, 1)."""

    draws: np.ndarray
    share: np.ndarray


class Search:
    """Searches positions of `game`, judged by `judge`, whose answers are kept until `forget`."""

    def __init__(self, game: Game, judge: Judge, how: Constants = Constants()) -> None:
        self.game, self.judge, self.how = game, judge, how
        self._kept: dict[bytes, int] = {}
        self._priors, self._values = np.zeros((1024, game.size), np.float32), np.zeros(1024, np.float32)
        self.asked = self.judged = 0  # positions that were asked for, and those that the network was asked for

    def forget(self) -> None:
        """The network has changed: what it said no longer holds."""
        self._kept.clear()

    def __call__(self, boards: np.ndarray, players: np.ndarray, allowed: np.ndarray, simulations: np.ndarray | int,
                 noise: Noise | None = None) -> Found:
        """Search the positions boards (G, H, W), players (G,), with their legal moves (G, A), none of which has ended."""
        count, wanted = len(boards), np.broadcast_to(simulations, len(boards))
        trees = tree.planted(count, int(wanted.max()) + 1, self.game.size, boards[0].size)
        everyone = np.arange(count)
        tree.grow(trees, everyone, boards.reshape(count, -1), players.astype(np.int8), np.full(count, UNKNOWN, np.int8))
        self._judge(trees, everyone, boards, players, allowed)
        prior = trees.prior[:, 0].copy()
        if noise is not None:
            trees.prior[:, 0] = np.where(allowed, (1 - noise.share) * trees.prior[:, 0] + noise.share * noise.draws, -1)
        for done in range(int(wanted.max())):
            active = (done < wanted) & (trees.proven[:, 0] == UNKNOWN)
            if not active.any():
                break
            self._simulate(trees, active)
        proven = trees.proven[:, 0] != UNKNOWN
        return Found(tree.counts(trees), tree.values(trees), proven, tree.improved(trees, prior), tree.sensible(trees))

    def priors(self, boards: np.ndarray, players: np.ndarray, allowed: np.ndarray) -> np.ndarray:
        """What the network alone would do: the chance of each move (G, A), -1 for illegal ones."""
        return softmax(self._answers(boards, players)[0], allowed)

    def worth(self, boards: np.ndarray, players: np.ndarray) -> np.ndarray:
        """What the network alone thinks positions are worth to who is to move (G,)."""
        return self._answers(boards, players)[1]

    def _simulate(self, trees: Tree, active: np.ndarray) -> None:
        """One simulation in each active tree."""
        tree.descend(trees, active, self.how)
        g = np.flatnonzero(active)
        last = trees.depth[g] - 1
        s, a = trees.node[g, last], trees.move[g, last]
        new = trees.child[g, s, a] < 0
        g, s, a = g[new], s[new], a[new]
        if len(g):
            boards, players = trees.board[g, s].reshape(-1, *self.game.shape), trees.player[g, s]
            allowed, outcome = self.game.step(boards, a, players)
            proven = np.where(outcome == GOING, UNKNOWN, -outcome * players).astype(np.int8)
            tree.grow(trees, g, boards.reshape(len(g), -1), -players, proven)
            on = outcome == GOING
            self._judge(trees, g[on], boards[on], -players[on], allowed[on])
        tree.back_up(trees, active)

    def _judge(self, trees: Tree, games: np.ndarray, boards: np.ndarray, players: np.ndarray, allowed: np.ndarray) -> None:
        if len(games):
            logits, values = self._answers(boards, players)
            tree.judge(trees, games, softmax(logits / np.float32(self.how.softness), allowed), values)

    def _answers(self, boards: np.ndarray, players: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits (B, A) and values (B,): positions that were judged before are not judged again, nor the same one twice."""
        keys = _keys(boards, players)
        unknown = {key: i for i, key in enumerate(keys) if key not in self._kept}
        self.asked, self.judged = self.asked + len(keys), self.judged + len(unknown)
        if unknown:
            rows = list(unknown.values())
            logits, values = self.judge(seen(boards[rows], players[rows]))
            first = len(self._kept)
            self._make_room(first + len(rows))
            self._priors[first:first + len(rows)], self._values[first:first + len(rows)] = logits, values
            self._kept.update({key: first + i for i, key in enumerate(unknown)})
        places = [self._kept[key] for key in keys]
        return self._priors[places], self._values[places]

    def _make_room(self, wanted: int) -> None:
        while len(self._values) < wanted:
            self._priors, self._values = np.concatenate([self._priors] * 2), np.concatenate([self._values] * 2)


def softmax(logits: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Chances of the legal moves (B, A); -1 for illegal ones."""
    lifted = np.where(allowed, logits, -np.inf)
    powers = np.exp(lifted - lifted.max(1, keepdims=True))
    return np.where(allowed, powers / powers.sum(1, keepdims=True), -1).astype(np.float32)


def uniform(size: int) -> Judge:
    """A judge that knows nothing: every move alike, every position even."""
    return lambda x: (np.zeros((len(x), size), np.float32), np.zeros(len(x), np.float32))


def _keys(boards: np.ndarray, players: np.ndarray) -> list[bytes]:
    """A name for each position."""
    rows = np.concatenate([boards.reshape(len(boards), -1), players.astype(np.int8)[:, None]], 1)
    whole, length = rows.tobytes(), rows.shape[1]
    return [whole[i * length:(i + 1) * length] for i in range(len(rows))]
