"""A position as a person writes it: the moves that lead to it, by their names."""

import numpy as np

from lamina.core.errors import UsageError, quoted
from lamina.envs.games.game import GOING, Game

START = "start"


def position(game: Game, line: str) -> tuple[np.ndarray, int, np.ndarray]:
    """The board (H, W) after the moves of a line such as `4 4 3` (or `443`, where names have one letter), who is to move, and the
    moves that are allowed (A,)."""
    words = [] if line.strip() == START else line.replace(",", " ").split()
    if len(words) == 1 and all(len(name) == 1 for name in game.names):
        words = list(words[0])
    boards, player, allowed = game.initial(), 1, game.allowed(game.initial()[0], 1)
    for place, word in enumerate(words):
        move = move_of(game, word, allowed, f"move {place + 1} of `{line}`")
        found, outcome = game.step(boards, np.array([move]), np.array([player]))
        if outcome[0] != GOING:
            raise UsageError("a position in which the game goes on", f"`{line}`, where it ends with move {place + 1}",
                             "Leave the last moves out.")
        allowed, player = found[0], -player
    return boards[0], player, allowed


def move_of(game: Game, word: str, allowed: np.ndarray, where: str) -> int:
    """The move that a word names; UsageError for one that there is none of, or that is not allowed."""
    if word not in game.names:
        raise UsageError(f"a move of `{game.name}`: {quoted(game.names)}", f"`{word}` as {where}",
                         "Write moves by these names.")
    move = game.names.index(word)
    if not allowed[move]:
        legal = [name for name, can in zip(game.names, allowed, strict=True) if can]
        raise UsageError(f"a legal move: {quoted(legal)}", f"`{word}` as {where}, which is not allowed there", "Choose one of these.")
    return move
