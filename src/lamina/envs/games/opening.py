"""Opening a game: ours by its name, a user's own by its file, whose functions are checked at the door.

A user's file is executed here and only here; that it is a game is told from its text alone.
"""

import ast
import hashlib
import importlib.util
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lamina.core.errors import DataError, quoted
from lamina.envs.games import GAMES
from lamina.envs.games.game import Game, named
from lamina.envs.games.random_games import LONGEST, random_games

FUNCTIONS = ("initial", "legal", "play", "winner")
GAMES_TRIED = 32  # at random, before anything is believed


def looks_like_game(word: str) -> bool:
    """Whether a word names a game of ours, or a Python file that defines the functions of one; nothing is executed."""
    return word in GAMES or (word.endswith(".py") and Path(word).is_file() and len(_defined(Path(word)) & set(FUNCTIONS)) > 1)


def load(word: str) -> Game:
    """A game of ours by its name, or a user's own by its file, which is executed."""
    if word in GAMES:
        rules = import_module(GAMES[word])
        assert rules.__file__, "ours are files"
        return _opened(word, rules, Path(rules.__file__), own=False)
    path = Path(word).resolve()
    missing = [name for name in FUNCTIONS if name not in _defined(path)]
    if missing:
        raise DataError(f"the functions {quoted(FUNCTIONS)} in `{word}`", f"none called {quoted(missing)}",
                        "Add them: lamina/envs/games/rules.py says what each does, tictactoe.py is an example.")
    return _opened(path.stem, _executed(path), path, own=True)


def _defined(path: Path) -> set[str]:
    """The functions that a file defines, read without executing it."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        raise DataError("a file of Python", f"`{path}`: {error}", "Mend it.") from error
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def _executed(path: Path) -> Any:
    described = importlib.util.spec_from_file_location(path.stem, path)
    assert described and described.loader, "a file of Python can be loaded"
    rules = importlib.util.module_from_spec(described)
    try:
        described.loader.exec_module(rules)
    except Exception as error:
        raise DataError("a file that Python can execute", f"`{path}`: `{type(error).__name__}: {error}`", "Mend it.") from error
    return rules


def _opened(name: str, rules: Any, path: Path, own: bool) -> Game:
    version = hashlib.sha256(path.read_bytes()).hexdigest()
    with named(str(path) if own else ""):
        board, first = np.asarray(rules.initial()), np.asarray(rules.legal(np.asarray(rules.initial()), 1))
    _check_start(path, board, first)
    names = tuple(map(str, getattr(rules, "NAMES", range(1, len(first) + 1))))
    if len(names) != len(first):
        raise DataError(f"a name for each of the {len(first)} moves in `{path}`", f"{len(names)} in `NAMES`", "Mend the one or the other.")
    cells, moves = _symmetries(path, rules, board.shape, len(first))
    game = Game(name=name, rules=rules, shape=board.shape, names=names, pieces=1, simulations=int(getattr(rules, "SIMULATIONS", 100)),
                file=str(path) if own else "", version=version, refused="as it is tried", cells=cells, moves=moves)
    return _tried(game) if own else replace(game, pieces=getattr(rules, "PIECES", 1), refused=_without_numba())


def _tried(game: Game) -> Game:
    """A user's game with what a few random games show of it; DataError where none of them ends. Compiled functions must play alike."""
    played = random_games(game, GAMES_TRIED, 0)
    if not played.ended.any():
        raise DataError(f"a game that ends, in `{game.file}`", f"{GAMES_TRIED} random games of {LONGEST} moves, none of which has a winner",
                        "Let `winner` give 1, -1, or 0 for a draw once a game is over.")
    pieces = int(getattr(game.rules, "PIECES", max(1, played.pieces)))
    return replace(game, pieces=pieces, refused=_without_numba() or _refusal(replace(game, refused=""), played))


def _without_numba() -> str:
    return "" if find_spec("numba") is not None else "numba is not installed: pip install 'lamina[rl]'"


def _refusal(game: Game, plain: Any) -> str:
    """Why a user's functions are not compiled, "" where they are."""
    from numba.core.errors import NumbaError

    try:
        compiled = random_games(game, GAMES_TRIED, 0)
    except Exception as error:
        cause = error.__cause__
        if not isinstance(cause, NumbaError):
            raise
        return f"numba does not take them: {str(cause).strip().splitlines()[-1].strip()}"
    return "" if compiled == plain else "compiled by numba they play otherwise"


def _check_start(path: Path, board: np.ndarray, first: np.ndarray) -> None:
    if board.ndim != 2 or board.dtype.kind != "i":
        raise DataError(f"`initial` of `{path}` to give a board (H, W) of whole numbers", f"{board.dtype} of shape {board.shape}",
                        "Return np.zeros((H, W), np.int8), for example.")
    if first.ndim != 1 or first.dtype != np.bool_:
        raise DataError(f"`legal` of `{path}` to give yes or no for each move, (A,) bool", f"{first.dtype} of shape {first.shape}",
                        "Return an array such as `board.reshape(-1) == 0`.")
    if not first.any():
        raise DataError(f"a legal move at the start of `{path}`", "none", "Let `legal` allow what the first player may do.")


def _symmetries(path: Path, rules: Any, shape: tuple[int, ...], size: int) -> tuple[np.ndarray, np.ndarray]:
    """What `symmetries` does with the places of cells and moves: how they are to be exchanged. Without the function there are none."""
    own, named = np.arange(shape[0] * shape[1]), np.arange(size)
    if not hasattr(rules, "symmetries"):
        return own[None], named[None]
    found = [(np.asarray(board).reshape(-1), np.asarray(moves).reshape(-1)) for board, moves in rules.symmetries(own.reshape(shape), named)]
    for board, moves in found:
        if not (np.array_equal(np.sort(board), own) and np.array_equal(np.sort(moves), named)):
            raise DataError(f"`symmetries` of `{path}` to put cells and moves in another order", "some twice, or some not at all",
                            "Turn or mirror the board, and the moves with it.")
    return np.stack([board for board, _ in found]), np.stack([moves for _, moves in found])
