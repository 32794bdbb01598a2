"""Games through the command line: a user's own, trained, evaluated, answered, resumed and played; and games that are broken."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lamina.commands import main

GAME = '''import numpy as np


def initial():
    return np.zeros((1, 5), np.int8)


def legal(board, player):
    return board[0] == 0


def play(board, move, player):
    after = board.copy()
    after[0, move] = player
    return after


def winner(board):
    for i in range(4):
        if board[0, i] != 0 and board[0, i] == board[0, i + 1]:
            return int(board[0, i])
    return 0 if (board != 0).all() else None


def symmetries(board, moves):
    return [(board, moves), (board[:, ::-1], moves[::-1])]
'''
SMALL = ["iterations=2", "valid_iterations=1", "games=8", "simulations=6", "channels=8", "blocks=1", "batch=16"]


def lamina(*words: str | Path, given: str = "") -> Any:
    return CliRunner().invoke(main, [str(word) for word in words], input=given)


def said(*words: str | Path, given: str = "") -> dict[str, Any]:
    done = lamina(*words, "--json", given=given)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(the run, the file) of a user's own game."""
    folder = tmp_path_factory.mktemp("games")
    (folder / "my_game.py").write_text(GAME)
    found = said("train", folder / "my_game.py", *SMALL, "--out", folder / "run")
    assert set(found["metrics"]) >= {"optimal_moves", "optimal_raw", "wins", "losses", "lost_to_perfect"}
    assert list(found["baselines"]) == ["random", "bare search", "untrained network", "plain tree search"]
    assert found["verdict"]["sentence"]
    return folder / "run", folder / "my_game.py"


def test_a_run_remembers_the_file_and_leaves_its_pictures(trained: tuple[Path, Path]) -> None:
    run, file = trained
    own = json.loads((run / "config.json").read_text())["own_file"]
    assert own["file"] == str(file)
    assert len(own["sha256"]) == 64
    assert (run / "game.svg").read_text().startswith("<svg")
    page = (run / "report.html").read_text()
    assert "Against plain tree search" in page
    assert "optimal_raw" in page  # its curve, and its figure


def test_code_of_the_user_runs_only_where_it_is_named(trained: tuple[Path, Path]) -> None:
    run, file = trained
    found = said("evaluate", run, file)
    assert found["metrics"]["optimal_moves"] > 0.5
    assert found["test_looks"] >= 2
    for words in (("evaluate", run), ("predict", run, "start"), ("train", "--resume", run), ("play", run)):
        done = lamina(*words)
        assert done.exit_code == 2
        assert "runs only where you name it" in done.output
    assert said("predict", run, file, "start", "2 3")["predictions"][1]["move"] in "145"


def test_a_finished_run_of_an_own_game_is_resumed(trained: tuple[Path, Path]) -> None:
    run, file = trained
    before = (run / "events.jsonl").read_text()
    assert lamina("train", file, "--resume", run).exit_code == 0
    assert len((run / "events.jsonl").read_text().splitlines()) >= len(before.splitlines())
    assert lamina("train", file, "games=3", "--resume", run).exit_code == 2


def test_a_changed_file_is_refused(trained: tuple[Path, Path], tmp_path: Path) -> None:
    run, _ = trained
    (tmp_path / "my_game.py").write_text(GAME + "\n# changed\n")
    done = lamina("evaluate", run, tmp_path / "my_game.py")
    assert done.exit_code == 2
    assert "as they were when the run began" in done.output


def test_playing_in_the_terminal(trained: tuple[Path, Path]) -> None:
    run, file = trained
    done = lamina("play", run, file, given="9\n1\n1\n2\n3\n4\n5\n")
    assert done.exit_code == 0
    assert "expected a move of `my_game`" in done.output
    assert "you won" in done.output or "you lost" in done.output or "a draw" in done.output
    found = said("play", file, "--second", given="q\n")
    assert found["result"] == "left"
    assert len(found["moves"]) == 1
    assert said("play", "tictactoe", given="")["result"] == "left"
    assert lamina("play", "iris").exit_code == 2


def test_positions_that_are_none(trained: tuple[Path, Path]) -> None:
    run, file = trained
    for line, why in (("1 1", "not allowed"), ("9", "expected a move"), ("1 3 2", "it ends with move 3")):
        done = lamina("predict", run, file, line)
        assert done.exit_code == 2
        assert why in done.output


BROKEN = {
    "a missing function": ("def winner(board):", "def who_won(board):", "none called `winner`"),
    "a syntax error": ("def legal(board, player):", "def legal(board, player:", "a file of Python"),
    "an error in a function": ("    return board[0] == 0", "    return board[0] == nothing", "NameError"),
    "an error while it is played": ("    after[0, move] = player", "    after[0, move + 1] = player", "IndexError"),
    "no legal moves at the start": ("    return board[0] == 0", "    return board[0] == 1", "a legal move at the start"),
    "no legal moves later": ("    return 0 if (board != 0).all() else None", "    return None", "a legal move for who is to move"),
    "a winner that is never reached": (
        "    after[0, move] = player", "    after[0, move] = player\n    after[:] = 0", "a game that ends"),
    "a board of no shape": ("    return np.zeros((1, 5), np.int8)", "    return np.zeros(5)", "a board (H, W)"),
    "moves that are not yes or no": ("    return board[0] == 0", "    return np.flatnonzero(board[0] == 0)", "yes or no"),
    "symmetries that lose a cell": ("(board[:, ::-1], moves[::-1])", "(board[:, :1].repeat(5, 1), moves)", "another order"),
    "a file that stops": ("import numpy as np", "import numpy as np\nraise ValueError('no')", "ValueError: no"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("verb", ["look", "train"])
def test_a_broken_game_is_refused_in_three_parts(what: str, verb: str, tmp_path: Path) -> None:
    old, new, why = BROKEN[what]
    assert old in GAME
    (tmp_path / "bad.py").write_text(GAME.replace(old, new))
    out = ["--out", tmp_path / "run"] if verb == "train" else []
    done = lamina(verb, tmp_path / "bad.py", *out)
    assert done.exit_code in (1, 2), done.output
    assert why in done.output, done.output
    assert "expected" in done.output and "; came" in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "run").exists()


def test_an_unknown_game_gets_the_nearest_name() -> None:
    done = lamina("train", "conect4")
    assert done.exit_code == 2
    assert "Did you mean `connect4`?" in done.output


@pytest.mark.slow
def test_tictactoe_is_learned_whole(tmp_path: Path) -> None:
    """The defaults reach every bar: all 4,520 positions right with 50 simulations, 95 % without any, nothing lost to the perfect player."""
    found = said("train", "tictactoe", "--seed", "1", "--out", tmp_path / "run")
    assert found["metrics"]["optimal_moves"] == 1.0
    assert found["metrics"]["optimal_raw"] >= 0.95
    assert found["metrics"]["lost_to_perfect"] == 0.0
    assert found["baselines"]["bare search"]["metrics"]["optimal_moves"] < 1.0
    assert found["verdict"]["answer"] == "better"
