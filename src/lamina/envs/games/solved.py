"""Positions of which it is known what every move is worth: by playing everything through where a game is small, else from a file that a
solver wrote.

    N  positions    A  moves
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lamina.envs.games.game import GOING, Game

MOST_POSITIONS = 20_000  # of a game that is played through


@dataclass(frozen=True)
class Solved:
    """Positions with a move to make: boards (N, H, W) int8, players (N,), legal moves (N, A) bool, and whether each keeps what the position
    is worth, won, drawn or lost (N, A) bool; that worth to who is to move (N,)."""

    boards: np.ndarray
    players: np.ndarray
    allowed: np.ndarray
    optimal: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.boards)

    def some(self, rows: np.ndarray) -> "Solved":
        """These of them."""
        return Solved(self.boards[rows], self.players[rows], self.allowed[rows], self.optimal[rows], self.values[rows])

    def right(self, moves: np.ndarray) -> np.ndarray:
        """Whether moves (N,) are optimal."""
        return np.take_along_axis(self.optimal, moves[:, None], 1)[:, 0]

    def by_chance(self) -> float:
        """The share of optimal moves of a player who draws them."""
        return float((self.optimal.sum(1) / self.allowed.sum(1)).mean())


def solve(game: Game, most: int = MOST_POSITIONS) -> Solved | None:
    """Every position that can be reached, by going through all of them; None where there are more than `most`."""
    levels: list[tuple[np.ndarray, np.ndarray]] = []  # of each ply: boards, legal moves
    links: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []  # of each move: position, move, place or worth, ended
    boards, allowed, player, count = game.initial(), game.allowed(game.initial()[0], 1)[None], 1, 0
    while len(boards):
        count += len(boards)
        if count > most:
            return None
        levels.append((boards, allowed))
        at, move = np.nonzero(allowed)
        after = boards[at]
        allowed, outcome = game.step(after, move, np.full(len(after), player))
        on = outcome == GOING
        _, first, place = np.unique(after[on].reshape(-1, game.cells.shape[1]), axis=0, return_index=True, return_inverse=True)
        target = outcome.astype(np.int64) * player
        target[on] = place.reshape(-1)
        links.append((at, move, target, ~on))
        boards, allowed, player = after[on][first], allowed[on][first], -player
    return _backwards(levels, links)


def _backwards(levels: list[tuple[np.ndarray, np.ndarray]], links: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]) -> Solved:
    """From the last ply to the first: a position is worth its best move, a move what it leaves the other, turned about."""
    later, found = np.zeros(0, np.int64), []
    for ply in range(len(levels) - 1, -1, -1):
        boards, allowed = levels[ply]
        at, move, target, ended = links[ply]
        q = np.full(allowed.shape, -2)
        q[at[ended], move[ended]] = target[ended]
        q[at[~ended], move[~ended]] = -later[target[~ended]]
        later = q.max(1)
        found.append(Solved(boards, np.full(len(boards), 1 if ply % 2 == 0 else -1), allowed, q == later[:, None], later))
    found.reverse()
    parts = ("boards", "players", "allowed", "optimal", "values")
    return Solved(*(np.concatenate([getattr(one, name) for one in found]) for name in parts))


def from_file(game: Game, file: Path) -> Solved:
    """Positions of a file: a line has the moves that lead to one, what it is worth, and the moves that are optimal, by their names."""
    rows = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    place = {name: i for i, name in enumerate(game.names)}
    boards, optimal = game.initial(len(rows)), np.zeros((len(rows), game.size), np.bool_)
    for i, (_, _, best) in enumerate(rows):
        optimal[i, [place[name] for name in best]] = True
    lengths = np.array([len(moves) for moves, _, _ in rows])
    for ply in range(lengths.max()):
        on = np.flatnonzero(lengths > ply)
        after = boards[on]
        game.step(after, np.array([place[rows[i][0][ply]] for i in on]), np.full(len(on), 1 if ply % 2 == 0 else -1))
        boards[on] = after
    players = np.where(lengths % 2 == 0, 1, -1)
    allowed = np.stack([game.allowed(board, int(player)) for board, player in zip(boards, players, strict=True)])
    return Solved(boards, players, allowed, optimal, np.array([int(worth) for _, worth, _ in rows]))
