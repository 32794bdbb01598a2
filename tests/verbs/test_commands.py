"""Every verb on a tiny setting, from the command line: what it prints, what it writes, and one JSON object where asked."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image as pil

from lamina import terminal
from lamina.commands import main
from lamina.core.run import Run
from lamina.verbs.names import KINDS

TRAININGS = {
    "pictures": ["digits", "quality=fast", "epochs=1", "batch=256"],
    "table": ["iris", "epochs=5", "patience=0"],
    "numbers": ["diabetes", "epochs=2", "patience=0"],
    "points": ["spiral", "--model", "mlp", "hidden=8,8", "points=100", "epochs=2", "patience=0"],
    "first model": ["xor", "--model", "perceptron", "points=100", "epochs=2", "patience=0"],
}


def lamina(*words: str | Path, given: bytes = b"") -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], input=given)


def done(result: Result) -> str:
    assert result.exit_code == 0, (result.output, result.exc_info)
    return result.stdout


def one_object(result: Result) -> dict[str, Any]:
    """The last line of standard output, and the only one: people's lines go to standard error."""
    lines = done(result).splitlines()
    assert len(lines) == 1, lines
    found: dict[str, Any] = json.loads(lines[0], parse_constant=pytest.fail)
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any], str]]:
    """Each training once, with --json: folder, object, what people saw."""
    found = {}
    for name, words in TRAININGS.items():
        folder = tmp_path_factory.mktemp(name) / "run"
        result = lamina("train", *words, "threads=1", "--out", folder, "--json")
        found[name] = (folder, one_object(result), result.stderr)
    return found


Runs = dict[str, tuple[Path, dict[str, Any], str]]


@pytest.mark.parametrize("name", TRAININGS)
def test_train(runs: Runs, name: str) -> None:
    folder, found, seen = runs[name]
    assert {"run", "task", "metrics", "valid", "baselines", "seconds"} <= set(found)
    assert found["run"] == str(folder)
    assert set(found["metrics"]) == set(found["valid"]) >= {"loss"}
    assert all(isinstance(v, float) for v in found["metrics"].values())
    for name in ("config.json", "spec.json", "plan.json", "result.json", "events.jsonl", "last", "best", "curves.svg"):
        assert (folder / name).is_file(), name
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [e["kind"] for e in events].count("done") == 1
    assert events[-1]["kind"] == "done"
    assert "\r" not in seen
    assert "\x1b" not in seen, "plain lines in a pipe"
    for word in ("data   ", "task   ", "model  ", "plan   ", "test       ", f"run    {folder}"):
        assert word in seen


def test_a_first_model_is_the_one_that_was_asked_for(runs: Runs) -> None:
    config = json.loads((runs["points"][0] / "config.json").read_text())
    assert config["model"] == "mlp"
    assert config["configs"]["model"]["hidden"] == [8, 8]
    assert json.loads((runs["first model"][0] / "config.json").read_text())["model"] == "perceptron"
    assert json.loads((runs["pictures"][0] / "config.json").read_text())["quality"] == "fast"


def test_evaluate_counts_its_looks(runs: Runs) -> None:
    folder, trained, _ = runs["points"]
    first = one_object(lamina("evaluate", folder, "--json"))
    assert first["metrics"] == trained["metrics"]
    second = one_object(lamina("evaluate", folder, "--json"))
    assert second["test_looks"] == first["test_looks"] + 1 >= 3
    assert f"look {second['test_looks'] + 1}" in done(lamina("evaluate", folder))


# -- predict --------------------------------------------------------------------------------------


def answers(result: Result) -> list[tuple[str, str]]:
    return [(p["input"], p["label"]) for p in one_object(result)["predictions"]]


@pytest.fixture
def folder_of_pictures(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    (tmp_path / "photos" / "inner").mkdir(parents=True)
    for name in ("a.png", "b.bmp", "inner/c.png"):
        pil.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(tmp_path / "photos" / name)
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    return tmp_path / "photos"


def test_predict_pictures_in_every_way_the_same(runs: Runs, folder_of_pictures: Path) -> None:
    run, photos = runs["pictures"][0], folder_of_pictures
    files = [photos / "a.png", photos / "b.bmp", photos / "inner" / "c.png"]
    each = [answers(lamina("predict", run, file, "--json"))[0] for file in files]
    assert [name for name, _ in each] == [str(file) for file in files]
    assert answers(lamina("predict", run, *files, "--json")) == each
    assert answers(lamina("predict", run, photos, "--json")) == each
    assert answers(lamina("predict", run, photos / "*.*p*", "--json")) == each[:2]
    assert answers(lamina("predict", run, photos / "**" / "*.png", "--json")) == [each[0], each[2]]
    assert answers(lamina("predict", run, "-", "--json", given=files[0].read_bytes())) == [("-", each[0][1])]
    plain = done(lamina("predict", run, *files)).splitlines()
    assert len(plain) == 3
    assert all(line.startswith(f"{name}: {label} (") for line, (name, label) in zip(plain, each, strict=True))
    assert not (run / "predictions").exists()


def test_predict_rows_in_every_way_the_same(runs: Runs) -> None:
    run = runs["points"][0]
    rows = ["0.5,-0.5", "-0.5,0.25", "-1,-1"]  # a row may begin with a minus, as no option does
    each = [answers(lamina("predict", run, row, "--json"))[0] for row in rows]
    assert [name for name, _ in each] == rows
    assert {label for _, label in each} <= {"orange", "blue"}
    assert answers(lamina("predict", run, "--json", *rows)) == each
    assert answers(lamina("predict", run, "-", "--json", given="\n".join([*rows, ""]).encode())) == each
    values = one_object(lamina("predict", runs["numbers"][0], ",".join(["0.01"] * 10), "--json"))["predictions"][0]["values"]
    assert list(values) == ["target"]


def test_a_file_name_that_is_no_text(runs: Runs, tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.png"
    with open(name, "wb") as file:
        pil.fromarray(np.zeros((8, 8), np.uint8)).save(file, "PNG")
    assert "\\udcff.png: " in done(lamina("predict", runs["pictures"][0], tmp_path))
    assert answers(lamina("predict", runs["pictures"][0], tmp_path, "--json"))[0][0].endswith("\udcff.png")


# -- plans, times, targets ------------------------------------------------------------------------


def test_dry_and_knobs_make_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["train", "iris", "epochs=3", "threads=1", "hidden=5"]
    plan = one_object(lamina(*words, "--dry", "--json"))
    assert plan["plan"]["threads"] == 1
    assert plan["configs"]["model"]["hidden"] == [5]
    assert "hidden=(5,)" in done(lamina(*words, "--dry"))
    knobs = {row["knob"]: row for row in one_object(lamina(*words, "--knobs", "--json"))["knobs"]}
    assert knobs["method.epochs"]["value"] == 3
    assert all(row["help"] for row in knobs.values())
    assert "method.epochs" in done(lamina(*words, "--knobs"))
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_a_name_takes_the_next_free_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["train", "gauss", "--model", "perceptron", "points=40", "epochs=1", "threads=1", "patience=0", "--json"]
    assert [one_object(lamina(*words))["run"] for _ in range(2)] == ["runs/gauss-1", "runs/gauss-2"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["runs"]


def test_until_stops_at_the_target(tmp_path: Path) -> None:
    words = ["train", "gauss", "--model", "perceptron", "points=100", "epochs=200", "valid_every=1", "threads=1", "patience=0"]
    found = one_object(lamina(*words, "--until", "accuracy=0.5", "--until", "loss=5", "--out", tmp_path / "run", "--json"))
    assert found["valid"]["accuracy"] >= 0.5
    assert json.loads((tmp_path / "run" / "result.json").read_text())["reason"] == "target"


def test_for_plans_the_steps_that_the_time_allows(tmp_path: Path) -> None:
    words = ["train", "xor", "--model", "mlp", "points=100", "valid_every=1000000", "threads=1", "patience=0", "--for"]
    found = [one_object(lamina(*words, time, "--dry", "--json"))["plan"] for time in ("3s", "1h")]
    assert found[1]["steps"] > 10 * found[0]["steps"]
    one_object(lamina(*words, "0.2s", "--out", tmp_path / "run", "--json"))
    assert json.loads((tmp_path / "run" / "config.json").read_text())["seconds"] == 0.2
    assert json.loads((tmp_path / "run" / "result.json").read_text())["reason"] in ("steps", "time")


def test_begun_from_a_run_with_its_weights(runs: Runs, tmp_path: Path) -> None:
    words = ["spiral", "--model", "mlp", "hidden=8,8", "points=100", "epochs=1", "patience=0", "threads=1", "learning_rate=0", "ema=0"]
    done(lamina("train", *words, "--from", runs["points"][0], "--out", tmp_path / "run"))
    old, new = (Run.open(folder).load("best", ("weights",))["weights"] for folder in (runs["points"][0], tmp_path / "run"))
    assert all(torch.equal(old[name], w) for name, w in new.items())


def test_ctrl_c_saves_says_how_to_resume_and_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["train", "xor", "--model", "mlp", "points=60", "epochs=20", "batch=16", "threads=1", "patience=0", "log_every=1",
             "valid_every=50"]  # fmt: skip
    done(lamina(*words, "--out", tmp_path / "whole"))
    right, presses = terminal.Screen._event, [1]

    def press(screen: terminal.Screen, event: Any) -> None:
        right(screen, event)
        if event.step == 7 and presses:
            for _ in range(presses.pop()):
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(terminal.Screen, "_event", press)
    stopped = lamina(*words, "--out", tmp_path / "stopped")
    assert stopped.exit_code == 130
    assert f"Saved at step 7; continue with `lamina train --resume {tmp_path / 'stopped'}`." in stopped.stderr
    presses.append(2)
    killed = lamina(*words, "--out", tmp_path / "killed")
    assert killed.exit_code == 130
    assert killed.stderr == "lamina: stopped without saving.\n"
    assert Run.open(tmp_path / "killed").pointer("last") is None
    for name in ("stopped", "killed"):
        one_object(lamina("train", "--resume", tmp_path / name, "--json"))
    told = {name: [(e.step, e.kind, e.values) for e in Run(tmp_path / name).told()] for name in ("whole", "stopped", "killed")}
    assert told["whole"] == told["killed"]
    assert told["whole"] == told["stopped"]


# -- list -----------------------------------------------------------------------------------------


def test_list() -> None:
    every = one_object(lamina("list", "--json"))
    assert set(every) == set(KINDS)
    for kind, names in KINDS.items():
        assert one_object(lamina("list", kind, "--json")) == {kind: every[kind]}
        assert set(every[kind]) == set(names)
        assert all(every[kind].values()), "each name has its line"
        assert [line.split()[0] for line in done(lamina("list", kind)).splitlines()[1:]] == list(names)
