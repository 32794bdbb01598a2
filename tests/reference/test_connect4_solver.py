"""The perfect player of Connect Four against plain recursion over the game's own rules, and against scores that were published."""

from pathlib import Path

import numpy as np
import pytest

import lamina.envs.games as room
from lamina.envs.games.connect4_solver import H, Solver, W, bits, threats
from lamina.envs.games.game import GOING, Game
from lamina.envs.games.opening import load
from lamina.envs.games.position import position
from lamina.envs.games.solved import from_file

PUBLISHED = {  # of Pascal Pons, "Solving Connect 4", test set Test_L3_R1
    "2252576253462244111563365343671351441": -1, "7422341735647741166133573473242566": 1,
    "23163416124767223154467471272416755633": 0, "65214673556155731566316327373221417": -1,
}  # fmt: skip


@pytest.fixture(scope="module")
def solver() -> Solver:
    return Solver()


def brute(game: Game, board: np.ndarray, player: int, allowed: np.ndarray, left: int) -> int:
    """The score by going through everything; `left`: empty cells."""
    scores = []
    for move in np.flatnonzero(allowed):
        after = board[None].copy()
        (can,), (outcome,) = game.step(after, np.array([move]), np.array([player]))
        if outcome == GOING:
            scores.append(-brute(game, after[0], -player, can, left - 1))
        else:
            scores.append((left + 1) // 2 if outcome == player else 0)
    return max(scores)


def late_positions(count: int, moves: int) -> list[tuple[np.ndarray, int, np.ndarray]]:
    """Positions of random games after so many moves."""
    game, random, found = load("connect4"), np.random.default_rng(moves), list[tuple[np.ndarray, int, np.ndarray]]()
    while len(found) < count:
        board, player, allowed, outcome = game.initial(), 1, game.allowed(game.initial()[0], 1), GOING
        for _ in range(moves):
            if outcome == GOING:
                (allowed,), (outcome,) = game.step(board, np.array([(random.random(W) * allowed).argmax()]), np.array([player]))
                player = -player
        if outcome == GOING:
            found.append((board[0], player, allowed))
    return found


@pytest.mark.parametrize("moves", [35, 37, 39, 41])
def test_scores_are_those_of_brute_force(solver: Solver, moves: int) -> None:
    game = load("connect4")
    for board, player, allowed in late_positions(6, moves):
        scores = solver.scores(board, player)
        assert [score is not None for score in scores] == allowed.tolist()
        assert max(score for score in scores if score is not None) == brute(game, board, player, allowed, H * W - moves)
        worths = solver.worths(board, player)
        assert worths == [None if score is None else int(np.sign(score)) for score in scores]


@pytest.mark.parametrize(("line", "score"), PUBLISHED.items())
def test_scores_are_the_published_ones(solver: Solver, line: str, score: int) -> None:
    board, player, _ = position(load("connect4"), line)
    assert max(one for one in solver.scores(board, player) if one is not None) == score


def test_threats_are_the_cells_with_which_a_line_is_made(solver: Solver) -> None:
    """Of all empty cells, whether they can be reached or not."""
    game = load("connect4")
    for board, player, _ in late_positions(20, 20):
        found = int(threats(*bits(board, player)))
        for c in range(W):
            for r in range(H):
                if board[H - 1 - r, c] == 0:
                    filled = board.copy()
                    filled[H - 1 - r, c] = player
                    assert bool(found >> (c * (H + 1) + r) & 1) == (game.outcome(filled) == player)


def test_positions_of_the_file_are_solved_rightly(solver: Solver) -> None:
    """Each of a sample solved again; legal, not ended, no two the same."""
    game = load("connect4")
    found = from_file(game, Path(str(room.__file__)).parent / "connect4.positions")
    assert len(found) >= 1500
    assert len({board.tobytes() for board in found.boards}) == len(found)
    assert all(12 <= np.abs(board).sum() <= 35 for board in found.boards)
    late = [i for i in range(len(found)) if np.abs(found.boards[i]).sum() >= 16][::60]
    for i in late:
        optimal, worth = solver.optimal(found.boards[i], int(found.players[i]))
        assert np.array_equal(optimal, found.optimal[i])
        assert worth == found.values[i]


def test_negative_control_a_wrong_board_is_scored_otherwise(solver: Solver) -> None:
    board, player, _ = position(load("connect4"), next(iter(PUBLISHED)))
    assert solver.scores(board, player) != solver.scores(board, -player)
