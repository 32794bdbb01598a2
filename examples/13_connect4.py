"""Connect Four from its rules alone: a network plays against itself and learns what its search finds.

A first taste of some twenty seconds. The same for an hour is lamina train connect4 --for 60m, then lamina play RUN; a game of your own
is lamina train my_game.py.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

import lamina as lm
from lamina.core.events import Event
from lamina.envs.games.arena import at_random, match, searching
from lamina.envs.games.search import Search
from lamina.methods.board_judge import judge_of
from lamina.verbs.request import Request
from lamina.verbs.train import Watcher, train

WORDS = {"iterations": 4, "valid_iterations": 4, "games": 24, "simulations": 16, "channels": 16, "blocks": 2}


def hear(event: Event) -> None:
    """Say what training says of the solved positions."""
    if event.kind == "valid":
        figures = event.values
        print(f"iteration {event.step}: right with search {figures['optimal_moves']:.1%}, without {figures['optimal_raw']:.1%}")


def few(split: Any) -> Any:
    """A hundred of the solved positions, and no games against tree search, which would take longer than all the rest."""
    return replace(split, solved=split.solved.some(np.arange(100)), meets=False)


def main() -> None:
    torch.set_num_threads(1)
    data = lm.load("connect4")
    print(data.sheet)
    valid, test = few(data.valid), few(data.test)
    outcome = train(Request(replace(data, valid=valid, test=test), words=WORDS), Watcher(event=hear))
    print(f"test: right with search {outcome.test.metrics['optimal_moves']:.1%}")
    game = test.game
    player = searching(Search(game, judge_of(outcome.predictor)), simulations=50)
    met = match(game, player, at_random, games=20, key=0)
    print(f"against random moves: {met.count(1.0)} of 20 games won")
    board = game.initial()
    for ply, move in enumerate(met.moves[0]):
        game.step(board, np.array([move]), np.array([1 - 2 * (ply % 2)]))
    print(game.text(board[0]))


if __name__ == "__main__":
    main()
