"""Lamina beside plain PyTorch, Lightning and Keras on MNIST: the same network, batch and epochs, interleaved.

    python benchmarks/mnist.py                                  every peer that this Python can import
    python benchmarks/mnist.py --rounds 3 --python keras=/path/to/python --python lightning=/path/to/python
    python benchmarks/mnist.py --jobs default --seeds 5         `lamina train mnist` as a user types it

Each program runs as a process of its own, one after another, round by round, so that a slow moment of the
machine meets all alike. Quote the medians and the ratios. The figures that Lamina states stand in
results/mnist.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

HERE = Path(__file__).parent / "peers"
EPOCHS = {"mlp": 5, "conv": 2}
PEERS = {  # name: (program, the package it needs, its environment)
    "lamina f32": ("with_lamina.py", "lamina", {"PRECISION": "f32"}),
    "lamina bf16": ("with_lamina.py", "lamina", {"PRECISION": "bf16"}),
    "plain torch": ("plain_torch.py", "torch", {}),
    "lightning": ("with_lightning.py", "lightning", {}),
    "keras tensorflow": ("with_keras.py", "tensorflow", {"KERAS_BACKEND": "tensorflow"}),
    "keras jax": ("with_keras.py", "jax", {"KERAS_BACKEND": "jax"}),
}


def main() -> None:
    """Run the jobs asked for and print their tables."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--jobs", nargs="+", default=["mlp", "conv", "default"], choices=["mlp", "conv", "default", "best"])
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--seeds", type=int, default=1, help="of the job `default`")
    words.add_argument("--epochs", type=int, default=0, help="of the jobs `mlp` and `conv`")
    words.add_argument("--peers", nargs="+", default=list(PEERS))
    words.add_argument("--core", type=int, default=None, help="pin every peer to this processor: fair CPU seconds on a busy machine")
    words.add_argument("--python", action="append", default=[], metavar="PACKAGE=PYTHON", help="the Python that has a package")
    asked = words.parse_args()
    pythons = dict(word.split("=", 1) for word in asked.python)
    if asked.core is not None:
        os.sched_setaffinity(0, {asked.core})
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MNIST_NPZ"] = str(write_data(Path(folder)))
        for job in asked.jobs:
            if job in EPOCHS:
                compare(job, asked.epochs or EPOCHS[job], asked.rounds, {p: python_of(p, pythons) for p in asked.peers})
            else:
                train_as_a_user(job, asked.seeds, Path(folder))


def write_data(folder: Path) -> Path:
    """MNIST as one file that every peer reads."""
    from lamina.data.catalog.mnist import Config, mnist

    data = mnist(Config(), 0)
    x = np.concatenate([s.x.numpy()[:, 0] for s in (data.train, data.valid)])
    y = np.concatenate([s.y.numpy() for s in (data.train, data.valid)])
    mixed = np.random.default_rng(0).permutation(len(x))
    path = folder / "mnist.npz"
    np.savez(path, x=x[mixed], y=y[mixed], x_test=data.test.x.numpy()[:, 0], y_test=data.test.y.numpy())
    return path


def python_of(peer: str, pythons: dict[str, str]) -> str:
    """The Python that can import the peer's package, or "" if none can."""
    package = PEERS[peer][1]
    python = pythons.get(package, sys.executable)
    found = subprocess.run([python, "-c", f"import importlib.util as u, sys; sys.exit(u.find_spec('{package}') is None)"], check=False)
    return python if found.returncode == 0 else ""


def compare(job: str, epochs: int, rounds: int, peers: dict[str, str]) -> None:
    """The peers in turn, round by round, and the table of medians with ratios to `lamina f32`."""
    rows: dict[str, list[dict[str, float]]] = {}
    for number in range(rounds):
        for peer, python in peers.items():
            if python:
                rows.setdefault(peer, []).append(run_peer(peer, python, job, epochs))
                print(f"  round {number + 1} {peer}: {rows[peer][-1]['train_cpu_s']:.1f} CPU s", file=sys.stderr, flush=True)
    skipped = [peer for peer, python in peers.items() if not python]
    print(f"\n{job}, {epochs} epochs, median of {rounds}" + (f"; not installed: {', '.join(skipped)}" if skipped else ""))
    print(f"{'':18}{'train CPU s':>12}{'train s':>10}{'samples/s':>11}{'samples/CPU s':>15}{'accuracy':>10}{'CPU s / lamina f32':>20}")
    ours = rows.get("lamina f32")
    for peer, found in rows.items():
        m = {key: median(row[key] for row in found) for key in found[0] if key != "job"}
        ratio = median(a["train_cpu_s"] / b["train_cpu_s"] for a, b in zip(found, ours, strict=True)) if ours else float("nan")
        print(f"{peer:18}{m['train_cpu_s']:12.1f}{m['train_s']:10.1f}{m['samples_per_s']:11.0f}{m['samples_per_cpu_s']:15.0f}"
              f"{m['accuracy']:10.4f}{ratio:20.2f}", flush=True)
    print(json.dumps({"job": job, "epochs": epochs, "rows": rows}))


def run_peer(peer: str, python: str, job: str, epochs: int) -> dict[str, float]:
    """One run of one peer in a process of its own; its JSON line."""
    program, _, settings = PEERS[peer]
    done = subprocess.run([python, HERE / program, job, str(epochs)], capture_output=True, text=True, check=False,
                          env={**os.environ, **settings, "PYTHONPATH": str(HERE)})
    if done.returncode:
        raise SystemExit(f"{peer} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def train_as_a_user(job: str, seeds: int, folder: Path) -> None:
    """`lamina train mnist`, whole processes: accuracy, wall and CPU seconds of each seed."""
    rows = []
    for seed in range(seeds):
        words = ["train", "mnist", *(["quality=best"] if job == "best" else []), "--seed", str(seed), "--out", str(folder / f"{job}{seed}")]
        done = subprocess.run([sys.executable, "-m", "lamina.cli", *words, "--json"], capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        rows.append({"seed": seed, "accuracy": found["metrics"]["accuracy"], "valid": found["valid"]["accuracy"],
                     "seconds": found["seconds"], "cpu_seconds": found["cpu_seconds"]})
        print(f"  {job} {rows[-1]}", file=sys.stderr, flush=True)
    middle = {key: median(row[key] for row in rows) for key in ("accuracy", "valid", "seconds", "cpu_seconds")}
    print(f"\nlamina train mnist ({job}), {seeds} seeds: median {middle}, worst accuracy {min(r['accuracy'] for r in rows)}")
    print(json.dumps({"job": job, "rows": rows}))


if __name__ == "__main__":
    main()
