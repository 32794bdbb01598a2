"""What every program of this benchmark shares: the data, the clocks, and the one JSON line that it prints."""

import json
import os
import sys
import time

import numpy as np

SIZES = {"mlp": (60_000, 32), "conv": (54_000, 128)}  # training examples, batch


def data(job):
    """(x, y, x_valid, y_valid, x_test, y_test): pictures (N, 28, 28) float32 in 0..1, classes (N,) int64."""
    with np.load(os.environ["MNIST_NPZ"]) as file:
        x, y, xt, yt = (file[name] for name in ("x", "y", "x_test", "y_test"))
    n = SIZES[job][0]
    scale = lambda pictures: pictures.astype(np.float32) / 255  # noqa: E731
    return scale(x[:n]), y[:n], scale(x[n:]), y[n:], scale(xt), yt


def cpu():
    """User and system seconds of this process and its children."""
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system


class Clock:
    """Times what happens inside the block."""

    def __enter__(self):
        self._wall, self._cpu = time.perf_counter(), cpu()
        return self

    def __exit__(self, *error):
        self.seconds, self.cpu_seconds = time.perf_counter() - self._wall, cpu() - self._cpu


def words():
    """The job and the number of epochs from the command line."""
    return sys.argv[1], int(sys.argv[2])


def tell(job, epochs, clock, accuracy, **more):
    """The JSON line."""
    n = SIZES[job][0] * epochs
    print(json.dumps({
        "job": job, "epochs": epochs, "train_s": clock.seconds, "train_cpu_s": clock.cpu_seconds, "total_cpu_s": cpu(),
        "samples_per_s": n / clock.seconds, "samples_per_cpu_s": n / clock.cpu_seconds, "accuracy": float(accuracy), **more,
    }))  # fmt: skip
