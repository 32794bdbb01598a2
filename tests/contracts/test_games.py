"""What every registered game promises, and a user's own: its functions agree with one another, it ends, it becomes data, it is looked at.

A new game is tested with no line changed here.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lamina.core.config import config_of
from lamina.envs.games import GAMES
from lamina.envs.games.arena import at_random, match
from lamina.envs.games.as_data import data_of
from lamina.envs.games.game import GOING, Game, seen
from lamina.envs.games.game_split import GameSplit
from lamina.envs.games.opening import load, looks_like_game
from lamina.envs.games.position import position
from lamina.envs.games.random_games import random_games
from lamina.envs.games.search import Search, uniform
from lamina.models import MODELS
from lamina.nn.folded import folded
from lamina.oversight.games_look import asymmetry, changed
from lamina.verbs.look import look

NIM = '''"""A row of stones: take one to three; who takes the last has won."""
import numpy as np

NAMES = ("1", "2", "3")


def initial():
    board = np.zeros((1, 10), np.int8)
    board[0, :9] = 2
    return board


def legal(board, player):
    left = (board == 2).sum()
    return np.array([left >= 1, left >= 2, left >= 3])


def play(board, move, player):
    after = board.copy()
    left = (board == 2).sum()
    after[0, left - move - 1 : 9] = 0
    after[0, 9] = player
    return after


def winner(board):
    if (board == 2).any():
        return None
    return int(board[0, 9])
'''
LEFT = "left = (board == 2).sum()\n    return np.array"
PLAIN = NIM.replace(LEFT, LEFT.replace("(board == 2).sum()", "sum({str(i): cell == 2 for i, cell in enumerate(board[0])}.values())"))


def own(folder: Path, text: str = NIM) -> Path:
    """A user's game in a file."""
    (folder / "my_game.py").write_text(text)
    return folder / "my_game.py"


@pytest.fixture(params=[*GAMES, "my_game.py", "uncompiled"], scope="module")
def game(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Game:
    if request.param in GAMES:
        return load(request.param)
    folder = tmp_path_factory.mktemp("games")
    return load(str(own(folder, NIM if request.param == "my_game.py" else PLAIN)))


def test_random_games_end_and_repeat(game: Game) -> None:
    played = random_games(game, 30, 0)
    assert played.ended.all()
    assert set(played.outcomes) <= {-1, 0, 1}
    assert played == random_games(game, 30, 0)
    assert played.moves != random_games(game, 30, 1).moves


def test_functions_agree_with_one_another(game: Game) -> None:
    for seed in range(5):
        assert asymmetry(game, seed) == ""
        assert changed(game, seed) == ""


def test_many_boards_at_once_are_played_as_one_by_one(game: Game) -> None:
    """The loop over boards against the functions of the file, called as they stand."""
    boards, player = game.initial(16), 1
    allowed = np.repeat(game.allowed(boards[0], 1)[None], 16, 0)
    random = np.random.default_rng(3)
    while len(boards):
        moves = (random.random(allowed.shape) * allowed).argmax(1)
        expected = [game.rules.play(board.copy(), int(move), player) for board, move in zip(boards, moves, strict=True)]
        allowed, outcome = game.step(boards, moves, np.full(len(boards), player))
        assert np.array_equal(boards, np.stack(expected))
        assert [GOING if (said := game.outcome(board)) is None else said for board in boards] == outcome.tolist()
        on = outcome == GOING
        assert all(np.array_equal(game.allowed(b, -player), a) for b, a in zip(boards[on], allowed[on], strict=True))
        boards, allowed, player = boards[on], allowed[on], -player


def test_no_symmetry_is_there_twice(game: Game) -> None:
    both = np.concatenate([game.cells, game.moves], 1)
    assert len(np.unique(both, axis=0)) == len(game.cells)
    assert np.array_equal(game.cells[0], np.arange(game.cells.shape[1]))


def test_a_game_becomes_data(game: Game) -> None:
    data = data_of(game.file or game.name, 0)
    assert data.spec.input.shape == (2, *game.shape)
    assert data.spec.target.names == game.names
    assert (data.origin is not None) and ("own" in data.origin) == bool(game.file)
    split = data.test
    assert isinstance(split, GameSplit)
    assert split.solved is not None  # of the games that are here
    batch = split.batch(torch.arange(min(20, len(split))))
    assert batch["x"].dtype == torch.int8
    assert (batch["y"] <= batch["mask"]).all()  # optimal moves are legal
    assert batch["y"].any(1).all()
    assert batch["x"][:, 0].abs().max() <= game.pieces


def test_a_game_is_looked_at(game: Game) -> None:
    found = look(game.file or game.name)
    assert found.kind == "a game"
    assert "who begins wins" in found.questions[0].trivial
    assert not [problem for problem in found.problems if problem.severity == "serious"]
    assert bool([p for p in found.problems if "not compiled" in p.name]) == bool(game.refused)
    assert "Left to chance" in str(found.to_json()) or found.to_json()["kind"] == "a game"


def test_search_beats_chance(game: Game) -> None:
    met = match(game, lambda b, p, a, key: Search(game, uniform(game.size))(b, p, a, 60).moves, at_random, 24, 0)
    assert met.points.mean() > 0.7
    assert met.began.sum() == 12


def test_a_position_is_found_by_its_moves(game: Game) -> None:
    moves = random_games(game, 1, 2).moves[0][:-1]
    board, player, allowed = position(game, " ".join(game.names[move] for move in moves))
    again = game.initial()
    for ply, move in enumerate(moves):
        game.step(again, np.array([move]), np.array([1 - 2 * (ply % 2)]))
    assert np.array_equal(board, again[0])
    assert player == 1 - 2 * (len(moves) % 2)
    assert np.array_equal(allowed, game.allowed(board, player))
    assert np.array_equal(position(game, "start")[0], game.initial()[0])


@pytest.mark.parametrize("name", GAMES)
def test_the_network_of_boards(name: str) -> None:
    """Shapes, values in -1 .. 1, even chances at the start, a gradient for every parameter, and the folded copy says the same."""
    data = data_of(name, 0)
    torch.manual_seed(0)
    net: Any = MODELS["board_resnet"](data.spec, config_of(MODELS["board_resnet"])(channels=8, blocks=2))
    x = data.test.batch(torch.arange(32))["x"]
    said = net(x)
    assert said.shape == (32, data.spec.target.size + 1)
    assert said[:, -1].abs().max() <= 1
    assert torch.equal(said[:, :-1], torch.zeros_like(said[:, :-1]))
    torch.nn.init.normal_(net.policy[-1].weight)
    net(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in net.parameters())
    before = {k: v.clone() for k, v in net.state_dict().items()}
    fast = folded(net)
    assert net.training
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in fast.modules())
    torch.testing.assert_close(fast(x), net.eval()(x), rtol=1e-4, atol=1e-5)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_the_network_sees_both_sides_alike() -> None:
    """What is seen is the board of who is to move: exchanged pieces and players are the same but for who that is."""
    boards, players = np.array([[[1, -1, 0]]], np.int8), np.array([1])
    one, other = seen(boards, players), seen(-boards, -players)
    assert np.array_equal(one[:, 0], other[:, 0])
    assert np.array_equal(one[:, 1], -other[:, 1])


def test_a_game_is_told_from_the_text_of_its_file(tmp_path: Path) -> None:
    """Nothing is executed to tell what a file is."""
    assert looks_like_game("tictactoe")
    assert looks_like_game(str(own(tmp_path, "raise SystemExit(3)\n" + NIM)))
    assert not looks_like_game(str(tmp_path / "none.py"))
    (tmp_path / "other.py").write_text("def play(): ...\n")
    assert not looks_like_game(str(tmp_path / "other.py"))


# -- negative controls: a game that is broken is seen -------------------------------------------------


def broken(tmp_path: Path, old: str, new: str) -> Game:
    assert old in TICTACTOE
    return load(str(own(tmp_path, TICTACTOE.replace(old, new))))


TICTACTOE = Path(str(load("tictactoe").rules.__file__)).read_text()


def test_negative_control_moves_that_do_not_turn_with_the_board(tmp_path: Path) -> None:
    wrong = broken(tmp_path, "(board.T, moves.T.reshape(-1))", "(board.T, moves.reshape(-1))")
    assert any(asymmetry(wrong, seed) for seed in range(3))
    assert any("symmetries" in problem.name for problem in look(wrong.file).problems)


def test_negative_control_a_board_that_is_changed(tmp_path: Path) -> None:
    wrong = broken(tmp_path, "after = board.copy()", "after = board")
    assert changed(wrong, 0)


def test_negative_control_a_winner_who_sees_only_rows(tmp_path: Path) -> None:
    wrong = broken(tmp_path, "if abs(column) == 3:", "if abs(column) == 4:")
    assert any(asymmetry(wrong, seed) for seed in range(12))
