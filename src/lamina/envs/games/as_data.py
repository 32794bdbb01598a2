"""A game as data: rules in place of rows, and the positions that its players are judged on."""

from pathlib import Path

import numpy as np

from lamina.core.data import Data
from lamina.core.spec import Board, Moves, Spec
from lamina.envs.games.game import Game
from lamina.envs.games.game_split import GameSplit
from lamina.envs.games.opening import load
from lamina.envs.games.solved import Solved, from_file, solve


def data_of(word: str, seed: int) -> Data:
    """The game that a word names, ours or a user's own file, which is executed."""
    game = load(word)
    every, (valid, test) = _known(game)
    spec = Spec(input=Board(game=game.name, height=game.shape[0], width=game.shape[1], pieces=game.pieces), target=Moves(names=game.names))
    own = {"own": {"name": game.name, "file": game.file, "sha256": game.version}} if game.file else {}
    return Data(
        game.name, spec, GameSplit(game), GameSplit(game, valid, every, meets=False), GameSplit(game, test, every),
        sheet=_sheet(game), meaning=_meaning(game, every, test),
        origin={"name": game.file or game.name, "knobs": {}, "seed": seed, **own}, fingerprint=game.version if game.file else "",
    )  # fmt: skip


def _known(game: Game) -> tuple[bool, tuple[Solved | None, Solved | None]]:
    """Solved positions to validate and to test with, from the file beside a game of ours, or every position of a small game."""
    file = Path(__file__).parent / f"{game.name}.positions"
    if not game.file and file.exists():
        found = from_file(game, file)
        half = np.arange(len(found)) % 3 == 0
        return False, (found.some(np.flatnonzero(half)), found.some(np.flatnonzero(~half)))
    every = solve(game)
    return every is not None, (every, every)


def _sheet(game: Game) -> str:
    return (f"{game.name}: a game of two players on a board of {game.shape[0]} x {game.shape[1]}, {game.size} moves, "
            f"{len(game.cells)} symmetries" + (", your own" if game.file else ""))


def _meaning(game: Game, every: bool, test: Solved | None) -> tuple[str, ...]:
    """How it will be judged, and how fast its functions run."""
    judged = "by games against plain tree search, as no solver knows it: too many positions can be reached"
    if test is not None:
        judged = f"by all {len(test):,} positions that can be reached" if every else f"by {len(test):,} positions"
        judged += ", each of them solved"
    how = [f"its functions run as they are, many times slower than compiled: {game.refused}"] if game.refused else []
    return (f"who learns it is judged {judged}", *how)
