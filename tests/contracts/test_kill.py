"""kill -9 at random moments, then --resume: the run must equal, bit by bit, one that was never killed.

The quick suite kills each slice twice; `pytest -m slow -k kill` ten times, where a start is dear four. FIRST is a run of other classes.
"""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SLICES = {
    "pictures": [
        "digits", "epochs=6", "batch=32", "mixup=0.2", "dropout=0.2", "--model", "lenet", "loop.threads=1", "ema=0.9", "valid_every=20",
    ],
    "table": ["diabetes", "epochs=80", "loop.threads=1", "valid_every=45", "patience=0"],
    "generator": ["digits", "--task", "generate", "epochs=2", "loop.threads=1", "valid_every=10"],
    "transfer": ["digits", "epochs=2", "batch=32", "--method", "transfer", "--from", "FIRST", "loop.threads=1", "valid_every=7", "flip=1"],
    "words": ["TEXT", "size=20", "epochs=3", "loop.threads=1", "valid_every=4", "log_every=1"],
    "writer": [
        "TEXT", "--task", "write", "hidden=24", "embedding=16", "batch=8", "stretch=32", "epochs=1", "loop.threads=1", "valid_every=40",
    ],
    "translator": ["dates", "hidden=16", "embedding=16", "epochs=0.3", "loop.threads=1", "valid_every=12", "log_every=2"],
    "board": [
        "tictactoe", "iterations=8", "games=8", "simulations=8", "valid_iterations=2", "log_every=1", "channels=8", "blocks=1", "batch=16",
        "gate=0.4", "gate_every=3", "gate_games=4", "--until", "optimal_raw=2",
    ],
    "game": ["CartPole-v1", "steps=6000", "valid_steps=1500", "method.epochs=4", "horizon=32"],
    "memory": [
        "CartPole-v1", "--method", "dqn", "steps=4000", "valid_steps=1000", "begin=300", "gradients=16", "prioritized=true", "ahead=2",
        "memory=1500",
    ],
    "goal": ["boat_race", "--gate", "warn", "steps=8000", "valid_steps=4000", "envs=8", "horizon=64", "method.epochs=2"],
}  # fmt: skip


DEAR = ("memory", "goal", "board")  # each start costs seconds


def lamina(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "lamina.cli", "train", *map(str, words)]


def told(run: Path) -> list[tuple[int, str, str]]:
    lines = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    return [(e["step"], e["kind"], json.dumps(e["values"])) for e in lines]


def weights(run: Path) -> dict[str, bytes]:
    states = [(run / "states" / (run / name).read_text()) for name in ("last", "best")]
    return {f"{s.name}/{f.name}": f.read_bytes() for s in states for f in sorted(s.glob("*.safetensors"))}


def start_like(reference: Path, folder: Path) -> None:
    """A run with the reference's config and plan, and not one step done."""
    (folder / "states").mkdir(parents=True)
    for name in ("config.json", "spec.json", "plan.json"):
        shutil.copy(reference / name, folder / name)


def train_and_kill(run: Path, chance: random.Random, lines: int) -> bool:
    """Resume, and kill -9 after a random number of new events and milliseconds; True if it was killed in time."""
    before = len((run / "events.jsonl").read_bytes().splitlines()) if (run / "events.jsonl").exists() else 0
    goal = before + chance.randint(0, lines)
    process = subprocess.Popen(lamina("--resume", run), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        written = (run / "events.jsonl").read_bytes().count(b"\n") if (run / "events.jsonl").exists() else 0
        if written >= goal:
            time.sleep(chance.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.002)
    return process.wait() == -signal.SIGKILL


def words_of(slice_name: str, tmp_path: Path) -> list[str | Path]:
    """The words of a slice, with the run that it begins from in place of FIRST, and a text in place of TEXT."""
    first = tmp_path / "first"
    if "FIRST" in SLICES[slice_name]:
        subprocess.run([*lamina("digits", "epochs=1", "loop.threads=1", "--out", first)], check=True, capture_output=True)
    text = tmp_path / "text.txt"
    chance = random.Random(0)
    words = ["".join(chance.choices("abcdefg", k=3)) for _ in range(60)]
    text.write_text("\n".join(" ".join(chance.choices(words, k=12)) for _ in range(3000)))
    places = {"FIRST": first, "TEXT": text}
    return [places.get(word, word) for word in SLICES[slice_name]]


def check(slice_name: str, tmp_path: Path, kills: int) -> None:
    reference, killed = tmp_path / "reference", tmp_path / "killed"
    subprocess.run([*lamina(*words_of(slice_name, tmp_path)), "--out", str(reference)], check=True, capture_output=True)
    start_like(reference, killed)
    chance = random.Random(slice_name)
    lines = max(2, 2 * len(told(reference)) // (kills + 1))
    hits = sum(train_and_kill(killed, chance, lines) for _ in range(kills))
    assert hits >= 1, "no kill came before the end: the test tested nothing"
    subprocess.run(lamina("--resume", killed), check=True, capture_output=True)
    assert told(killed) == told(reference)
    assert weights(killed) == weights(reference)


@pytest.mark.parametrize("slice_name", [name for name in SLICES if name != "transfer"])  # test_transfer.py has it in one process
def test_killed_and_resumed_equals_never_killed(slice_name: str, tmp_path: Path) -> None:
    check(slice_name, tmp_path, kills=2)


@pytest.mark.slow
@pytest.mark.parametrize("slice_name", SLICES)
def test_killed_many_times_equals_never_killed(slice_name: str, tmp_path: Path) -> None:
    check(slice_name, tmp_path, kills=4 if slice_name in DEAR else 10)


def test_another_seed_is_another_run(tmp_path: Path) -> None:
    """Negative control: the comparison sees a difference where there is one."""
    for seed in "0", "1":
        words = [*SLICES["table"], "epochs=9", "--seed", seed, "--out", tmp_path / seed]
        subprocess.run(lamina(*words), check=True, capture_output=True)
    assert told(tmp_path / "0") != told(tmp_path / "1")
    assert weights(tmp_path / "0") != weights(tmp_path / "1")
