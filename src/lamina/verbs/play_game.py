"""play a board game in the terminal: against a run, or, where a game is named, against tree search without a network."""

from typing import Any

import numpy as np

from lamina.baselines.plain_search import PlainSearch
from lamina.core import rng
from lamina.core.errors import UsageError
from lamina.envs.games.arena import Mover, searching
from lamina.envs.games.game import GOING, Game
from lamina.envs.games.opening import load
from lamina.envs.games.position import move_of
from lamina.envs.games.search import Search
from lamina.methods.board_judge import judge_of
from lamina.tasks.game import Match
from lamina.verbs.play import Table
from lamina.verbs.predict import told_how
from lamina.verbs.trained import open_run

LEAVE = ("q", "quit", "exit")
PLAYOUTS = 1000  # of plain tree search, where there is no run


def play_game(table: Table) -> dict[str, Any]:
    """A game of the user against the machine, line by line."""
    game, mover, who = _opponent(table)
    table.say(f"{game.name}: you are {_sign(-1 if table.second else 1)}, {who} is {_sign(1 if table.second else -1)}. "
              f"Moves: {' '.join(game.names)}; `q` leaves.")
    board, player, me, moves = game.initial(), 1, -1 if table.second else 1, list[str]()
    allowed, outcome = game.allowed(board[0], 1), GOING
    while outcome == GOING:
        if player == me:
            table.say(game.text(board[0]))
            move = _asked(game, allowed, table)
            if move is None:
                return {"game": game.name, "result": "left", "moves": moves}
        else:
            move = int(mover(board, np.array([player]), allowed[None], rng.key(table.seed, len(moves), "play"))[0])
            table.say(f"{who} plays {game.names[move]}")
        moves.append(game.names[move])
        (allowed,), (outcome,) = game.step(board, np.array([move]), np.array([player]))
        player = -player
    table.say(game.text(board[0]))
    result = {me: "you won", -me: "you lost", 0: "a draw"}[int(outcome)]
    table.say(f"{result}, after {len(moves)} moves: {' '.join(moves)}")
    return {"game": game.name, "result": result, "moves": moves}


def _opponent(table: Table) -> tuple[Game, Mover, str]:
    if table.run is not None:
        trained, rest = told_how(open_run(table.run, device=table.device), table.words)
        if rest or not isinstance(trained.task, Match):
            raise UsageError("a run of a game, and knobs such as `simulations=100`", f"`{' '.join(rest)}`", "Leave it out.")
        game, task = trained.task.game_of(trained.spec), trained.task
        search = Search(game, judge_of(trained.predictor))
        return game, searching(search, task.config.simulations or game.simulations), f"the network of {table.run}"
    if table.words:
        raise UsageError(f"`lamina play {table.word}` alone", f"`{' '.join(table.words)}`",
                         "Knobs are for runs: `lamina play RUN simulations=100`.")
    game = load(table.word)
    return game, PlainSearch(game, PLAYOUTS), f"tree search with {PLAYOUTS} random playouts"


def _asked(game: Game, allowed: np.ndarray, table: Table) -> int | None:
    """The user's next move; what is none is said, and asked again. None where the user leaves."""
    while True:
        line = table.hear("your move: ")
        if line is None or line.strip().lower() in LEAVE:
            return None
        try:
            return move_of(game, line.strip(), allowed, "your move")
        except UsageError as error:
            table.say(str(error))


def _sign(player: int) -> str:
    return "X" if player == 1 else "O"
