"""Playing in an environment: watched, steered by lines and by keys, kept beside a run; and what is no action."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from lamina.commands import main
from lamina.core.errors import UsageError
from lamina.core.spec import Actions, Controls
from lamina.verbs.play_env import of_key, steps_of
from lamina.watching import blocks

NAMES = ("left", "straight on", "right")
TURNS, NUMBERS = Actions(size=3, env="any"), Controls(low=(-2.0, 0.0), high=(2.0, 1.0), env="any")


def lamina(*words: str | Path, given: str = "") -> Any:
    return CliRunner().invoke(main, [str(word) for word in words], input=given)


def told(*words: str | Path, given: str = "") -> dict[str, Any]:
    done = lamina(*words, "--json", given=given)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("play") / "run"
    told("train", "boat_race", "steps=2048", "valid_steps=2048", "hidden=8", "method.epochs=1", "threads=1", "--out", folder)
    return folder


def test_an_environment_is_steered_by_lines() -> None:
    straight = told("play", "boat_race", given="1x400\n")
    assert (straight["by"], straight["left"]) == ("you", False)
    assert 0.5 < straight["goal"] < 1, "it has finished, and not fast"
    assert straight == told("play", "boat_race", given="straight on\n" * 400)
    assert told("play", "boat_race", "--seed", "1", given="1x400\n")["environment"] == "boat_race"
    assert told("play", "boat_race", "shape=hook", given="1x400\n") != straight


def test_leaving_and_the_end_of_the_lines_leave() -> None:
    assert told("play", "boat_race", given="1 1 0\nq\n")["length"] == 3
    assert told("play", "boat_race", given="1 1\n")["left"]


def test_what_is_no_action_is_said_and_asked_again() -> None:
    done = lamina("play", "boat_race", given="7\nbackwards\n1\nq\n")
    assert "an action from 0 to 2, or its name; came `7`" in done.output
    assert "came `backwards`" in done.output
    assert "in 1 steps" in done.output


def test_a_runs_agent_is_watched_and_its_place_taken(run: Path) -> None:
    assert told("play", run)["by"] == "the agent"
    assert not (run / "human.json").exists()
    first = told("play", run, "--steer", given="1x400\n")
    told("play", run, "--steer", "--seed", "3", given="1x400\n")
    told("play", run, "--steer", given="1\nq\n")  # left: not kept
    kept = json.loads((run / "human.json").read_text())["episodes"]
    assert kept[0]["return"] == first["return"]
    assert len(kept) == 2
    result = json.loads((run / "result.json").read_text())
    assert result["baselines"]["you"]["metrics"]["goal_mean"] == pytest.approx(sum(one["goal"] for one in kept) / 2)
    assert ">you<" in (run / "report.html").read_text()


@pytest.mark.parametrize(("line", "expected"), [
    ("1", [1]), ("0 2 1", [0, 2, 1]), ("left right", [0, 2]), ("straight on", [1]), ("2x3 0", [2, 2, 2, 0]), ("rightx2", [2, 2]),
])  # fmt: skip
def test_lines_of_actions(line: str, expected: list[int]) -> None:
    assert [int(action) for action in steps_of(line, NAMES, TURNS)] == expected


@pytest.mark.parametrize("line", ["3", "-1", "x2", "up", "1.5"])
def test_lines_of_what_is_none(line: str) -> None:
    with pytest.raises(UsageError, match="an action from 0 to 2"):
        steps_of(line, NAMES, TURNS)


def test_lines_of_numbers() -> None:
    np.testing.assert_allclose(steps_of("0.5,-1x2 0,0", NUMBERS.names, NUMBERS), [[0.5, -1], [0.5, -1], [0, 0]])
    for wrong in ("0.5", "a,b", "nan,0", "1,2,3"):
        with pytest.raises(UsageError, match="2 numbers from -1 to 1"):
            steps_of(wrong, NUMBERS.names, NUMBERS)


def test_keys_mean_actions_by_name_by_number_and_by_side() -> None:
    assert [int(of_key(key, NAMES, TURNS, np.int64(1))) for key in ("left", "right", "0", "2", "7", "up", "")] == [0, 2, 0, 2, 1, 1, 1]
    plain = Actions(size=2, env="CartPole-v1")
    assert [int(of_key(key, plain.names, plain, np.int64(0))) for key in ("right", "left", "")] == [1, 0, 0]
    held = np.zeros(2, np.float32)
    assert of_key("left", NUMBERS.names, NUMBERS, held).tolist() == [-1, 0]
    assert of_key("", NUMBERS.names, NUMBERS, held).tolist() == [0, 0]


@pytest.mark.parametrize(("typed", "expected"), [(b"\x1b[C", "right"), (b"a", "a"), (b"", "")])
def test_keys_are_read_without_a_line(typed: bytes, expected: str) -> None:
    master, slave = pty.openpty()
    program = "from lamina.watching import Keys\nwith Keys() as keys:\n print('ready', flush=True)\n print(repr(keys.pressed(2)))"
    with subprocess.Popen([sys.executable, "-c", program], stdin=slave, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.write(master, typed)
        assert process.stdout.read().strip() == repr(expected)
    os.close(master)
    os.close(slave)


def test_frames_fit_and_keep_their_colours() -> None:
    frame = np.zeros((40, 60, 3), np.uint8)
    frame[:20] = (255, 0, 0)
    text = blocks(frame, 30, 10)
    assert len(text.splitlines()) == 10
    assert all(line.count("▀") == 30 for line in text.splitlines())
    assert "38;2;255;0;0;48;2;255;0;0" in text.splitlines()[0]
    assert "38;2;0;0;0;48;2;0;0;0" in text.splitlines()[-1]
    assert blocks(frame, 10, 100).splitlines()[0].count("▀") == 10
