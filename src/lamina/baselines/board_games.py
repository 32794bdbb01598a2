"""How well a player of a board game plays, and the rivals: random moves, search without a network, and an untrained network.

A player is judged on positions that are solved, where a solver knows the game, by the share of its moves that keep what the position is
worth; and by games against plain tree search, of which it begins half.
"""

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from lamina.baselines.perfect import Perfect
from lamina.baselines.plain_search import PlainSearch
from lamina.core.data import Data
from lamina.core.task import Evaluation
from lamina.envs.games.arena import Mover, Points, at_random, match, searching
from lamina.envs.games.game import Game
from lamina.envs.games.game_split import GameSplit
from lamina.envs.games.search import Search, uniform
from lamina.envs.games.solved import Solved
from lamina.metrics.intervals import wilson

PLAYOUTS, GAMES = 1000, 200  # of plain tree search, and against it
SLOW_PLAYOUTS, SLOW_GAMES = 100, 20  # where a game's functions are not compiled
FIGURE = {1.0: "wins", 0.5: "draws", 0.0: "losses"}


@dataclass(frozen=True)
class Opponent:
    """Plain tree search with so many playouts a move, met in so many games."""

    game: Game
    playouts: int
    games: int

    @staticmethod
    def of(game: Game) -> "Opponent":
        """As strong as the game's speed allows."""
        return Opponent(game, SLOW_PLAYOUTS, SLOW_GAMES) if game.refused else Opponent(game, PLAYOUTS, GAMES)

    def meet(self, player: Mover, key: int) -> Points:
        """What the player made of the games."""
        return match(self.game, player, PlainSearch(self.game, self.playouts), self.games, key)


def rated(player: Mover, split: GameSplit, key: int) -> Evaluation:
    """All figures of a player: on the solved positions where there are any, and against plain tree search. It is compared with others by
    the positions of a game that is solved whole, else by its games."""
    metrics, intervals, details, scores = dict[str, float](), dict[str, tuple[float, float]](), dict[str, Any](), None
    if split.meets or split.solved is None:
        opponent = Opponent.of(split.game)
        met = opponent.meet(player, key)
        metrics, intervals = of_points(met)
        details = {"playouts": opponent.playouts, "points_first": met.points[met.began].tolist(),
                   "points_second": met.points[~met.began].tolist()}
        scores = met.points
    if split.solved is not None:
        right = split.solved.right(player(split.solved.boards, split.solved.players, split.solved.allowed, key))
        metrics = _shares(split.solved, right) | metrics
        intervals = {"optimal_moves": wilson(int(right.sum()), len(right))} | intervals
        if split.whole or scores is None:  # else games say more than positions
            metrics.pop("points", None)
            scores = right
    return Evaluation(metrics, intervals, details, None if scores is None else torch.from_numpy(scores).float())


def of_points(met: Points) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Points, and shares of games won, drawn and lost, with their intervals."""
    total = len(met.points)
    shares = {name: met.count(points) / total for points, name in FIGURE.items()}
    bounds = {name: wilson(met.count(points), total) for points, name in FIGURE.items()}
    return {"points": float(met.points.mean())} | shares, bounds


def losses_to_perfect(player: Mover, game: Game, solved: Solved, key: int) -> tuple[int, int]:
    """How many games are lost to the perfect player, of how many: half of them begun by each."""
    met = match(game, player, Perfect(solved), GAMES, key)
    return met.count(0.0), len(met.points)


def rivals(data: Data, untrained: Mover, simulations: int, key: int) -> dict[str, Evaluation]:
    """Random moves, the search without any network, the same with an untrained one, and plain tree search itself."""
    split = data.test
    assert isinstance(split, GameSplit), "games are played by their rules"
    bare = searching(Search(split.game, uniform(split.game.size)), simulations)
    players: dict[str, Mover] = {"random": at_random, "bare search": bare, "untrained network": untrained,
                                 "plain tree search": PlainSearch(split.game, Opponent.of(split.game).playouts)}
    found, quietly = {}, replace(split, meets=False)  # where positions tell enough, who knows as little or is the opponent meets nobody
    for name, player in players.items():
        start = time.perf_counter()
        figures = rated(player, quietly if name in ("bare search", "plain tree search") else split, key)
        if name == "plain tree search" and not split.whole:
            figures = _even(figures, Opponent.of(split.game).games)
        if name == "random" and split.solved is not None:
            figures = _by_chance(figures, split)
        found[name] = replace(figures, seconds=time.perf_counter() - start)
    return found


def _even(figures: Evaluation, games: int) -> Evaluation:
    """Whoever meets itself makes half of the points."""
    return replace(figures, metrics=figures.metrics | {"points": 0.5}, scores=torch.full((games,), 0.5))


def _by_chance(figures: Evaluation, split: GameSplit) -> Evaluation:
    """Random moves are judged by their chances on the solved positions, not by one draw."""
    assert split.solved is not None, "asked for only where there are any"
    shares = split.solved.optimal.sum(1) / split.solved.allowed.sum(1)
    intervals = {name: bounds for name, bounds in figures.intervals.items() if name != "optimal_moves"}
    scores = torch.from_numpy(shares).float() if split.whole else figures.scores
    return replace(figures, metrics=figures.metrics | {"optimal_moves": float(shares.mean())}, intervals=intervals, scores=scores)


def network_figures(search: Search, solved: Solved, simulations: int) -> dict[str, float]:
    """Of a network on solved positions: optimal moves with search and of its policy alone, and the mean -log of the chance that its policy
    gives to all optimal moves."""
    right = solved.right(searching(search, simulations)(solved.boards, solved.players, solved.allowed, 0))
    priors = search.priors(solved.boards, solved.players, solved.allowed)
    mass = np.where(solved.optimal, priors, 0).sum(1)
    return _shares(solved, right) | {"optimal_raw": float(solved.right(priors.argmax(1)).mean()),
                                     "loss": float(-np.log(np.maximum(mass, 1e-12)).mean())}


def _shares(solved: Solved, right: np.ndarray) -> dict[str, float]:
    """The share of optimal moves, of all positions and of those in which some legal move is not."""
    decisive = solved.optimal.sum(1) < solved.allowed.sum(1)
    return {"optimal_moves": float(right.mean()), "optimal_decisive": float(right[decisive].mean()) if decisive.any() else 1.0}
