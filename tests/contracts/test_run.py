"""Faults on the run folder: a full disk, damage, two at once. What was saved stays whole, and the message says what to do."""

import errno
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors import SafetensorError

from lamina.commands import main
from lamina.core import run as running
from lamina.core.errors import RunError, TrainingError
from lamina.core.run import Run

WORDS = ["train", "xor", "--model", "mlp", "points=60", "hidden=4", "epochs=6", "batch=16", "threads=1", "log_every=4", "valid_every=5",
         "patience=0"]  # fmt: skip
FULL = OSError(errno.ENOSPC, "No space left on device")


def lamina(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def refused(result: Result, code: int) -> str:
    """The one message of a command that failed as it should; a traceback would be an exception of another kind."""
    assert isinstance(result.exception, SystemExit), result.exc_info
    assert result.exit_code == code, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("lamina: ")]
    assert len(lines) == 1, result.output
    assert lines[0].startswith("lamina: expected ")
    assert "; came " in lines[0]
    return lines[0]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    done = lamina(*WORDS, "--out", folder)
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to be damaged."""
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def state(folder: Path, name: str = "best") -> Path:
    return folder / "states" / (folder / name).read_text()


def back_to(folder: Path, step: int) -> None:
    """The finished run as it was before its first state was saved."""
    assert step == 0
    shutil.rmtree(folder / "states")
    (folder / "states").mkdir()
    for name in ("last", "best", "result.json", "events.jsonl"):
        (folder / name).unlink()


# -- a full disk ---------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [FULL, SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")])
def test_a_full_disk_while_saving(run: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    finished = files(run)
    back_to(run, 0)
    right, calls = running.save_file, 0

    def save_file(*args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise error
        right(*args)

    monkeypatch.setattr(running, "save_file", save_file)
    said = refused(lamina("train", "--resume", run), 1)
    assert "No space left" in said
    assert f"lamina train --resume {run}" in said
    assert Run.open(run).load("last")["rest"]["validated"] == 5
    monkeypatch.setattr(running, "save_file", right)
    assert lamina("train", "--resume", run).exit_code == 0
    mended = files(run)
    for name in ("last", "best", *(n for n in finished if n.startswith("states"))):
        assert mended[name] == finished[name]
    assert not list((run / "states").glob("*.part"))


@pytest.mark.parametrize("when", range(1, 8))
def test_a_full_disk_at_any_flush(run: Path, monkeypatch: pytest.MonkeyPatch, when: int) -> None:
    back_to(run, 0)
    right, calls = os.fsync, 0

    def fsync(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls >= when:
            raise FULL
        right(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    assert "No space left" in refused(lamina("train", "--resume", run), 1)
    monkeypatch.setattr(os, "fsync", right)
    opened = Run.open(run)
    if opened.pointer("last") is not None:
        opened.load("last")
    assert lamina("train", "--resume", run).exit_code == 0


def test_files_that_may_not_grow(tmp_path: Path) -> None:
    """For real: the kernel refuses every byte past a limit, in a process of its own."""
    limit = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); " \
            "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)); from lamina.cli import run; run()"
    words = [sys.executable, "-c", limit, *WORDS, "hidden=64", "--out", str(tmp_path / "run")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.count("lamina: expected room to save the run") == 1
    assert done.stderr.strip().endswith(f"lamina train --resume {tmp_path / 'run'}`.")


# -- damage --------------------------------------------------------------------------------------


def every_verb_refuses(run: Path, name: str) -> None:
    before = files(run)
    for words in (["evaluate", run], ["predict", run, "0.5,-0.5"], ["train", "--resume", run]):
        said = refused(lamina(*words), 2)
        assert name in said, words
    after = files(run)
    for changed in ("lock",):
        before.pop(changed, None)
        after.pop(changed, None)
    assert after == before


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "truncated weights": ("weights.safetensors", lambda f: os.truncate(f, f.stat().st_size // 2)),
    "empty weights": ("weights.safetensors", lambda f: f.write_bytes(b"")),
    "a flipped bit in the weights": ("weights.safetensors", lambda f: flip(f, -3)),
    "a flipped bit in the header": ("weights.safetensors", lambda f: flip(f, 20)),
    "no weights": ("weights.safetensors", Path.unlink),
    "half a state.json": ("state.json", lambda f: os.truncate(f, f.stat().st_size // 2)),
    "zeros in state.json": ("state.json", lambda f: f.write_bytes(bytes(f.stat().st_size))),
    "another state.json": ("state.json", lambda f: f.write_text("[1, 2]")),
    "a flipped bit in state.json": ("state.json", lambda f: flip(f, f.stat().st_size // 2)),
    "no state": ("states", lambda f: shutil.rmtree(f.parent)),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_refused(run: Path, damage: str) -> None:
    name, hurt = DAMAGES[damage]
    for one in {state(run, pointer) for pointer in ("last", "best")}:
        hurt(one / ("state.json" if name == "states" else name))
    every_verb_refuses(run, str(run))


CONTENTS = ["", "{", "[]", "3", "null", "{}", "\0\0\0\0", '{"format": 1}']


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("name", ["config.json", "spec.json", "plan.json"])
def test_a_damaged_description_is_refused(run: Path, name: str, content: str) -> None:
    (run / name).write_text(content)
    every_verb_refuses(run, name if "{" not in content else str(run))


@pytest.mark.parametrize("name", ["last", "best"])
@pytest.mark.parametrize("content", ["x", "-1", "99", "../states/5", "\0", "1e3"])
def test_a_damaged_pointer_is_refused(run: Path, name: str, content: str) -> None:
    (run / name).write_text(content)
    words = ["train", "--resume", run] if name == "last" else ["evaluate", run]
    refused(lamina(*words), 2)


def test_any_flipped_bit_is_survived_or_refused(run: Path) -> None:
    """One bit at a random place of any small file: a verb works, or says what is wrong; it never breaks down."""
    chance = random.Random(0)
    named = [run / n for n in ("config.json", "spec.json", "plan.json", "last", "best")] + [state(run) / "state.json"]
    refusals = 0
    for _ in range(40):
        path = chance.choice(named)
        content = bytearray(before := path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        found = lamina("predict", run, "0.5,-0.5")
        path.write_bytes(before)
        if found.exit_code:
            refused(found, 2)
            refusals += 1
    assert 5 < refusals < 40
    assert lamina("predict", run, "0.5,-0.5").exit_code == 0


def test_events_that_were_cut_off_or_damaged(run: Path) -> None:
    whole = (run / "events.jsonl").read_bytes()
    (run / "events.jsonl").write_bytes(whole[:-30])
    assert lamina("train", "--resume", run).exit_code == 0
    plain = [line.rpartition(b', "time"')[0] for line in whole.splitlines()]
    assert [line.rpartition(b', "time"')[0] for line in (run / "events.jsonl").read_bytes().splitlines()] == plain
    for broken in (b"\0" * 40 + b"\n", b'{"step": 1}\n', b"[]\n", b"3\n"):
        (run / "events.jsonl").write_bytes(broken + whole)
        assert "events.jsonl" in refused(lamina("train", "--resume", run), 2)


@pytest.mark.parametrize("name", ["plan.json", "spec.json", "config.json"])
def test_a_missing_file_is_named(run: Path, name: str) -> None:
    (run / name).unlink()
    every_verb_refuses(run, name)


@pytest.mark.parametrize("written", [2, 10**9, "2", None])
def test_a_newer_format_is_refused(run: Path, written: Any) -> None:
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"format": written}))
    every_verb_refuses(run, f"`{written}`")


def test_what_a_crash_left_half_written_is_passed_over_and_removed(run: Path) -> None:
    for name in ("7.part", "999", "5+++"):
        shutil.copytree(state(run), run / "states" / name)
    (run / "states" / "7.part" / "state.json").unlink()
    (run / "config.json.part").write_text("{")
    assert lamina("evaluate", run).exit_code == 0
    assert lamina("train", "--resume", run).exit_code == 0
    assert {p.name for p in (run / "states").iterdir()} == {(run / "last").read_text(), (run / "best").read_text()}


# -- who may, and when ---------------------------------------------------------------------------


def test_a_second_training_is_refused_while_the_first_runs(run: Path) -> None:
    with Run.open(run) as first:
        first.lock()
        assert "in use" in refused(lamina("train", "--resume", run), 2)
        assert lamina("predict", run, "0.5,-0.5").exit_code == 0
    assert lamina("train", "--resume", run).exit_code == 0


def test_a_second_training_into_the_same_folder_is_refused(run: Path, tmp_path: Path) -> None:
    before = files(run)
    assert f"lamina train --resume {run}" in refused(lamina(*WORDS, "--out", run), 2)
    assert files(run) == before
    with Run.create(tmp_path / "begun"):
        assert "in use" in refused(lamina(*WORDS, "--out", tmp_path / "begun"), 2)


def test_a_finished_run_is_resumed_to_the_same_end(run: Path) -> None:
    before = files(run)
    assert lamina("train", "--resume", run).exit_code == 0
    after = files(run)
    assert {n for n in before if before[n] != after.get(n)} <= {"result.json", "events.jsonl", "report.html", "lock"}
    assert json.loads(after["result.json"])["test_looks"] == 2
    assert json.loads(after["result.json"])["test"] == json.loads(before["result.json"])["test"]
    assert len(after["events.jsonl"].splitlines()) == len(before["events.jsonl"].splitlines())


BESIDE = [["epochs=9"], ["xor"], ["--until", "accuracy=1"], ["--for", "3s"], ["--dry"], ["--seed", "1"], ["--model", "mlp"]]


@pytest.mark.parametrize("words", BESIDE)
def test_nothing_beside_resume_is_passed_over(run: Path, words: list[str]) -> None:
    before = files(run)
    assert "--resume RUN" in refused(lamina("train", *words, "--resume", run), 2)
    assert files(run) == before


def test_a_folder_that_cannot_be_written(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "can be written" in refused(lamina(*WORDS, "--out", tmp_path / "file" / "run"), 2)
    right = Path.open

    def read_only(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if run in path.parents and mode != "r" and mode != "rb":
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return right(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", read_only)
    assert "Read-only" in refused(lamina("train", "--resume", run), 2)
    assert "Read-only" in refused(lamina("evaluate", run), 1)  # a look that cannot be counted is not given
    assert lamina("predict", run, "0.5,-0.5").exit_code == 0


def test_a_run_without_a_state_says_so(run: Path) -> None:
    back_to(run, 0)
    for words in (["evaluate", run], ["predict", run, "0.5,-0.5"]):
        assert "has none yet" in refused(lamina(*words), 2)


def test_the_same_step_saved_again_never_touches_what_was_kept(tmp_path: Path) -> None:
    with Run.create(tmp_path / "run") as run:
        for count in range(3):
            before = run.folder / "states" / (run.folder / "last").read_text() if count else None
            run.save(4, {"weights": {"w": torch.full((2,), count)}, "rest": {"count": count}}, best=count == 0)
            assert run.pointer("last") == run.pointer("best") == 4
            assert run.load("last")["rest"] == {"count": count}
            assert run.load("best")["rest"] == {"count": 0}
            assert before != run.folder / "states" / (run.folder / "last").read_text()


def test_errors_of_the_room_have_their_codes() -> None:
    assert (RunError.exit_code, TrainingError.exit_code) == (2, 1)
