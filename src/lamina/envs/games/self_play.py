"""Games that a network plays against itself, all side by side, each from its start to its end.

    G  games    B  games of which a move is searched    P  positions that are learned from    C  cells    A  moves
"""

from dataclasses import dataclass, field, replace

import numpy as np

from lamina.envs.games.search import Found, Noise, Search
from lamina.envs.games.side_by_side import SideBySide

MOST_MOVES = 512  # a longer game is a draw


@dataclass(frozen=True)
class Style:
    """How games are played. `simulations` a move; in a share `cheap` of the plies all games get `cheap_simulations` only, and nothing
    is learned of these (playout cap randomization: Wu 2019, Accelerating self-play learning in Go; there each game draws for itself, here
    all together, so that the network judges as many at once); `opening`: most moves at the start of a game that are
    drawn at random, each game has its own number."""

    simulations: int = 64
    cheap: float = 0.0
    cheap_simulations: int = 16
    noise: float = 0.25  # share of the prior at the root that is noise
    alpha: float = 1.0  # of the Dirichlet distribution
    temperature: float = 1.0  # of the choice among the moves at first
    half_life: float = 10.0  # moves after which it is half as much
    coldest: float = 0.25
    opening: int = 0
    target: str = "values"  # what the policy learns: `improved` by the values that were found, or the shares of the `visits`
    mix: float = 0.5  # share of what the search thought in what a position is said to be worth; the rest is how the game ended


@dataclass(frozen=True)
class Positions:
    """What is learned from: boards (P, C) int8, players (P,) int8, legal moves (P, A) bool, how the search shared itself among them (P, A),
    and what the position is worth to who is to move (P,)."""

    boards: np.ndarray
    players: np.ndarray
    allowed: np.ndarray
    shares: np.ndarray
    worth: np.ndarray

    def __len__(self) -> int:
        return len(self.boards)


@dataclass(frozen=True)
class Games:
    """Games that were played: the positions, each game's moves, and its outcome; `unended`: how many were too long."""

    positions: Positions
    moves: list[list[int]] = field(repr=False)
    outcomes: np.ndarray
    unended: int

    @property
    def alike(self) -> float:
        """The share of games that repeat another one."""
        return 1 - len(set(map(tuple, self.moves))) / len(self.moves)


@dataclass(frozen=True)
class _Searched:
    """Positions of one ply that are learned from: the games that they are of (P,), the board and all that was found of it."""

    games: np.ndarray
    boards: np.ndarray
    player: int
    allowed: np.ndarray
    found: Found


def self_play(search: Search, count: int, style: Style, key: int) -> Games:
    """`count` games of `search` against itself. Every draw follows from `key`."""
    game, random = search.game, np.random.default_rng(key)
    table = SideBySide(game, count)
    opening = random.integers(0, style.opening + 1, count)
    kept: list[_Searched] = []
    for ply in range(MOST_MOVES):
        chosen = (random.random(table.allowed.shape) * table.allowed).argmax(1)
        rows = np.flatnonzero(opening[table.going] <= ply)
        fully = random.random() >= style.cheap or not (kept or 2 * len(table.going) > count)
        if len(rows):
            at = (table.boards[rows], np.full(len(rows), table.player), table.allowed[rows])
            chosen[rows], found = _searched(search, at, ply, (style, fully), random)
            if fully:
                kept.append(_Searched(table.going[rows], at[0], table.player, at[2], found))
        table.move(chosen)
        if not len(table.going):
            break
    table.outcomes[table.going] = 0
    if not kept:
        return self_play(search, count, replace(style, cheap=0.0), key)
    return Games(_joined(kept, table.outcomes, style), table.moves, table.outcomes, len(table.going))


def _searched(search: Search, at: tuple[np.ndarray, np.ndarray, np.ndarray], ply: int, how: tuple[Style, bool],
              random: np.random.Generator) -> tuple[np.ndarray, Found]:
    """The moves (B,) of one ply, searched fully or not, and what was found."""
    (boards, players, allowed), (style, fully) = at, how
    count = len(boards)
    noise = (random.gamma(style.alpha, size=allowed.shape) + 1e-9) * allowed
    noisy = Noise(noise / noise.sum(1, keepdims=True), np.full((count, 1), style.noise))
    found = search(boards, players, allowed, style.simulations if fully else style.cheap_simulations, noisy if fully else None)
    temperature = max(style.coldest, style.temperature * 0.5 ** (ply / style.half_life))
    return drawn(found.counts, temperature, random.random(count)), found


def drawn(counts: np.ndarray, temperature: float, draws: np.ndarray) -> np.ndarray:
    """A move (B,) for each row of counts (B, A), with chances counts ** (1 / temperature), by numbers (B,) drawn from 0 to 1."""
    sums = ((counts / counts.max(1, keepdims=True)) ** (1 / temperature)).cumsum(1)
    return (sums <= draws[:, None] * sums[:, -1:]).sum(1).clip(0, counts.shape[1] - 1)


def _joined(kept: list[_Searched], outcomes: np.ndarray, style: Style) -> Positions:
    """All positions; each is worth what is proven of it, else the mean of how its game ended and what the search thought."""
    ended = [outcomes[one.games] * one.player for one in kept]
    worth = [np.where(one.found.proven, one.found.values, (1 - style.mix) * z + style.mix * one.found.values)
             for one, z in zip(kept, ended, strict=True)]
    return Positions(
        np.concatenate([one.boards.reshape(len(one.boards), -1) for one in kept]),
        np.concatenate([np.full(len(one.boards), one.player, np.int8) for one in kept]),
        np.concatenate([one.allowed for one in kept]),
        np.concatenate([one.found.improved if style.target == "values" else one.found.shares for one in kept]),
        np.concatenate(worth).astype(np.float32),
    )  # fmt: skip
