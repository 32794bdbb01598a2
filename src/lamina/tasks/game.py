"""How is a board game won? A network that plays by searching, judged on solved positions and by games against plain tree search."""

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import torch

from lamina.baselines.board_games import Opponent, losses_to_perfect, network_figures, of_points, rated, rivals
from lamina.baselines.plain_search import PlainSearch
from lamina.core import config as knobs
from lamina.core import device as machine
from lamina.core import rng
from lamina.core.board_move import BoardMove, GameDrawn
from lamina.core.config import knob
from lamina.core.data import Data, Split
from lamina.core.errors import UsageError
from lamina.core.predictions import Drawable, Prediction
from lamina.core.predictor import Predictor
from lamina.core.spec import Board, Moves, Spec
from lamina.core.task import Choice, Evaluation, Predicting, Quality, Takes
from lamina.envs.games import GAMES as BUILT_IN
from lamina.envs.games.arena import match, searching
from lamina.envs.games.game import Game
from lamina.envs.games.game_split import GameSplit
from lamina.envs.games.opening import load
from lamina.envs.games.position import position
from lamina.envs.games.search import Search
from lamina.methods.board_judge import judge_of
from lamina.metrics.intervals import wilson
from lamina.models.board_resnet import BoardResNet
from lamina.models.board_resnet import Config as NetConfig

WATCHED = 400  # solved positions of a validation while training
WATCHED_GAMES, WATCHED_PLAYOUTS = 40, 100  # where none are solved
SMALL = 16  # cells of a board on which a small network is enough


class Config(knobs.Config):
    """How moves are found."""

    simulations: int = knob(0, "simulations of the search for a move; 0 takes the game's own", low=0)
    game: str = knob("", "the file of the game, where it is your own")


class Match:
    """How is the game won? Judged by solved positions where a solver knows the game, and by games against plain tree search."""

    name: ClassVar[str] = "game"
    monitor: ClassVar[str] = "points"

    def __init__(self, config: Config = Config()) -> None:
        self.config = config

    def suits(self, spec: Spec) -> bool:
        return isinstance(spec.target, Moves)

    def takes(self, spec: Spec) -> Takes:
        return "words"

    def choose(self, data: Data, quality: Quality) -> Choice:
        assert isinstance(data.test, GameSplit), "games are learned from their rules"
        solved, cells = data.test.solved, data.test.game.cells.shape[1]
        words: dict[str, Any] = {} if solved is None else {"monitor": "optimal_moves"}
        if cells <= SMALL:
            words |= {"iterations": 250, "channels": 32, "blocks": 2, "simulations": 32, "opening": 5, "ema": 0.99, "half_life": 4.0}
            return Choice("board_resnet", "alphazero", words, until={} if solved is None else {"optimal_moves": 1.0, "optimal_raw": 0.99})
        words |= {"iterations": 500, "games": 256, "simulations": 32, "cheap": 0.5, "cheap_simulations": 8, "opening": 10}
        words |= {"temperature": 0.5, "passes": 3.0, "ema": 0.99}
        quick = machine.native_bf16(machine.pick("auto"))
        return Choice("board_resnet", "alphazero", words | {"precision": "bf16" if quick else "f32"})

    # -- judging ----------------------------------------------------------------------------------

    def evaluate(self, predictor: Predicting, split: Split, seed: int, brief: bool = False) -> Evaluation:
        """On the solved positions and against plain tree search; while training on one of them, the positions where there are any."""
        assert isinstance(split, GameSplit), "games are judged by their rules"
        search, simulations = self._search(predictor, split.game), self._simulations(split.game)
        if brief and split.solved is not None:
            return Evaluation(network_figures(search, _some(split), simulations))
        player = searching(search, simulations)
        if brief:
            return Evaluation(of_points(Opponent(split.game, WATCHED_PLAYOUTS, WATCHED_GAMES).meet(player, seed))[0])
        found = rated(player, split, seed)
        if split.solved is None:
            return found
        figures = network_figures(search, split.solved, simulations)
        count = len(split.solved)
        intervals = {"optimal_raw": wilson(round(figures["optimal_raw"] * count), count)}
        if split.whole:
            lost, games = losses_to_perfect(player, split.game, split.solved, rng.key(seed, 0, "perfect"))
            figures["lost_to_perfect"], intervals["lost_to_perfect"] = lost / games, wilson(lost, games)
        return Evaluation(figures | found.metrics, found.intervals | intervals, found.details, found.scores)

    def baselines(self, data: Data) -> dict[str, Evaluation]:
        """Random moves, the search alone, an untrained network with the same search, plain tree search."""
        assert isinstance(data.test, GameSplit), "games are judged by their rules"
        game = data.test.game
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = BoardResNet(data.spec, NetConfig())
        untrained = searching(Search(game, judge_of(Predictor(net, torch.device("cpu")))), self._simulations(game))
        return rivals(data, untrained, self._simulations(game), rng.key(0, 0, "rivals"))

    def _simulations(self, game: Game) -> int:
        return self.config.simulations or game.simulations

    def _search(self, predictor: Predicting, game: Game) -> Search:
        return Search(game, judge_of(predictor))

    # -- answering --------------------------------------------------------------------------------

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        return None

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        """A game that it begins against plain tree search."""
        assert isinstance(data.test, GameSplit), "games are judged by their rules"
        game, search = data.test.game, self._search(predictor, data.test.game)
        player = searching(search, self._simulations(game))
        moves = match(game, player, PlainSearch(game, Opponent.of(game).playouts), 1, seed).moves[0]
        return {"game.svg": _drawn(game, search, moves)}

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        """The move to make after each of the lines of moves, written as `4 4 3`, or in the position `start`."""
        game = self.game_of(spec)
        search, found = self._search(predictor, game), list[Prediction]()
        for line in inputs:
            board, player, allowed = position(game, str(line))
            one = search(board[None], np.array([player]), allowed[None], self._simulations(game))
            shares = {name: float(share) for name, share in zip(game.names, one.shares[0], strict=True) if share > 0}
            move, worth = game.names[int(one.moves[0])], float(one.values[0])
            found.append(BoardMove(move, worth, bool(one.proven[0]), shares, board, game.text(board)))
        return found

    def game_of(self, spec: Spec) -> Game:
        """The game of a run: ours, or the user's file, which is only opened where it is named."""
        assert isinstance(spec.input, Board), "a game is played on a board"
        if self.config.game:
            return load(self.config.game)
        if spec.input.game not in BUILT_IN:
            raise UsageError(f"the file of the game `{spec.input.game}`, as code of yours runs only where you name it", "none",
                             "Name it first: lamina predict RUN my_game.py \"1 2 3\".")
        return load(spec.input.game)


def _some(split: GameSplit) -> Any:
    """Some of the positions, evenly from among them; all of a game that is small."""
    assert split.solved is not None, "asked for only where there are any"
    every = 1 if split.whole else max(1, len(split.solved) // WATCHED)
    return split.solved.some(np.arange(0, len(split.solved), every))


def _drawn(game: Game, search: Search, moves: list[int]) -> GameDrawn:
    """A game from its moves, with what the network alone thought of each position that it went through."""
    board, placed, worth, outcome = game.initial(), np.zeros(game.shape, np.int64), [], 0
    for ply, move in enumerate(moves):
        before, player = board.copy(), 1 if ply % 2 == 0 else -1
        _, ended = game.step(board, np.array([move]), np.array([player]))
        placed[before[0] != board[0]] = ply + 1
        outcome = int(ended[0])
        worth.append(float(outcome if outcome in (1, 0, -1) else -player * search.worth(board, np.array([-player]))[0]))
    words = {1: "it won", -1: "it lost", 0: "a draw"}.get(outcome, "not ended")
    return GameDrawn(board[0], placed, worth, f"the network (orange) began against plain tree search: {words}")
