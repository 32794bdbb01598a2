"""What was played, to be learned from again: the last steps of an agent in arrays, and on disk as they come.

A run appends what is new to its folder `memory/` whenever its state is saved, one file a save, and never writes any of it again; the
state has no more than how many steps were seen. Going on from a state reads the files back up to there, so that a save costs what was
played since the last one, not the whole memory.

    x      what was seen               (N, D)
    action what was done               (N,) or (N, A)
    reward sum of the rewards of the next n steps, discounted      (N,)
    after  what was seen after them    (N, D)
    ended  1 where the episode had ended by then (not where it was cut off)   (N,)
    power  discount of the value of `after`: gamma to the number of steps in between   (N,)
"""

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lamina.core.errors import RunError

Rows = dict[str, np.ndarray]


class Replay:
    """The last `capacity` steps."""

    def __init__(self, capacity: int) -> None:
        self.capacity, self.seen = capacity, 0  # steps ever added
        self.folder: Path | None = None
        self._rows: Rows = {}
        self._kept = 0  # steps that are on disk

    def __len__(self) -> int:
        return min(self.seen, self.capacity)

    def add(self, rows: Rows) -> np.ndarray:
        """Add rows, the oldest first; returns their places."""
        count = len(rows["reward"])
        for name, values in rows.items():
            if name not in self._rows:
                self._rows[name] = np.zeros((self.capacity, *values.shape[1:]), values.dtype)
        places = (self.seen + np.arange(count)) % self.capacity
        for name, values in rows.items():
            self._rows[name][places] = values
        self.seen += count
        return places

    def take(self, places: np.ndarray) -> dict[str, torch.Tensor]:
        """The rows at `places`."""
        return {name: torch.from_numpy(values[places]) for name, values in self._rows.items()}

    def remember_in(self, folder: Path) -> None:
        """Keep what is added from now on in `folder`."""
        folder.mkdir(exist_ok=True)
        self.folder = folder

    def state(self) -> dict[str, Any]:
        """How many steps were seen, once those that are new are on disk; without a folder, all of them."""
        if self.folder is None:
            return {"seen": self.seen, "rows": {name: torch.from_numpy(values[: len(self)].copy()) for name, values in self._rows.items()}}
        self._append(self.folder)
        return {"seen": self.seen}

    def load_state(self, state: dict[str, Any]) -> None:
        """As many steps as the state had seen."""
        self.seen = self._kept = 0
        self._rows = {}
        if "rows" in state:
            if state["rows"]:
                self.add({name: values.numpy() for name, values in state["rows"].items()})
            self.seen = state["seen"]
        else:
            self._read(state["seen"])

    def _append(self, folder: Path) -> None:
        new = self.seen - self._kept
        if not new:
            return
        places = np.arange(max(self._kept, self.seen - self.capacity), self.seen) % self.capacity
        path = folder / f"{self._kept}-{self.seen}.npz"
        with open(path.with_suffix(".part"), "wb") as file:
            np.savez(file, **{name: values[places] for name, values in self._rows.items()})  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        path.with_suffix(".part").rename(path)
        self._kept = self.seen
        for old in folder.glob("*.npz"):
            if _span(old)[1] <= self.seen - 2 * self.capacity:  # two memories back: an older state may still be gone back to
                old.unlink()

    def _read(self, seen: int) -> None:
        """Read the files up to step `seen`; what lies beyond is of a time that was not saved, and goes."""
        if self.folder is None or not seen:
            return
        found = sorted(self.folder.glob("*.npz"), key=_span)
        for path in [path for path in found if _span(path)[1] > seen]:
            path.unlink()
        found = [path for path in found if _span(path)[1] <= seen]
        begins = [_span(path) for path in found]
        if not found or begins[-1][1] != seen or any(a[1] != b[0] for a, b in pairwise(begins)):
            raise RunError(f"the {seen} steps that the run had played, in `{self.folder}`", f"files of {begins}", "Train it anew.")
        self.seen = begins[0][0]
        for path in found:
            with np.load(path, allow_pickle=False) as rows:
                part = {name: rows[name] for name in rows.files}
            self.seen = _span(path)[1] - len(part["reward"])
            self.add(part)
        self._kept = self.seen


def _span(path: Path) -> tuple[int, int]:
    first, _, last = path.stem.partition("-")
    return int(first), int(last)
