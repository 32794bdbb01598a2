"""Where episodes go: how many steps come back to a place that had been left, and how many stay where they were.

A place is a coarse one: the signs of 16 random projections of what is seen (Charikar 2002; as counts of states in Tang et al. 2017,
#Exploration). What is seen is first brought to mean 0 and deviation 1 by the first 256 observations, of a policy that knows nothing.

    E  environments    D  numbers seen
"""

from typing import Any

import numpy as np

BITS, FIRST = 16, 256
NOWHERE = -1


class Places:
    """Of `count` environments, whose observations are rows of `size` numbers (bytes of pictures too)."""

    def __init__(self, count: int, size: int) -> None:
        self.count = count
        self._planes = np.random.default_rng(0).normal(size=(size, BITS)).astype(np.float32)
        self._first: list[np.ndarray] = []  # observations, until there are enough of them
        self._middle: np.ndarray | None = None
        self._width = np.ones(size, np.float32)
        self._been: list[set[int]] = [set() for _ in range(count)]
        self._last = [NOWHERE] * count
        self._steps, self._back, self._still = (np.zeros(count, np.int64) for _ in range(3))

    def see(self, seen: np.ndarray) -> None:
        """What each environment sees after a step, (E, ...)."""
        rows = seen.reshape(self.count, -1).astype(np.float32)
        if self._middle is None:
            self._learn(rows)
            return
        bits = ((rows - self._middle) / self._width) @ self._planes > 0  # (E, BITS)
        for i, place in enumerate((bits @ (1 << np.arange(BITS))).tolist()):
            self._steps[i] += 1
            if place == self._last[i]:
                self._still[i] += 1
            elif place in self._been[i]:
                self._back[i] += 1
            self._been[i].add(place)
            self._last[i] = place

    def _learn(self, rows: np.ndarray) -> None:
        self._first.append(rows)
        if len(self._first) * self.count < FIRST:
            return
        first = np.concatenate(self._first)
        self._middle, deviation = first.mean(0), first.std(0)
        self._width, self._first = np.where(deviation > 0, deviation, 1).astype(np.float32), []

    def over(self, i: int) -> tuple[float, float] | None:
        """The shares of steps that came back and that stayed, of the episode of environment `i` that is over; None where too little of
        it was seen. What follows is another episode."""
        steps = int(self._steps[i])
        found = (int(self._back[i]) / steps, int(self._still[i]) / steps) if steps else None
        self._been[i], self._last[i] = set(), NOWHERE
        self._steps[i] = self._back[i] = self._still[i] = 0
        return found

    def state(self) -> dict[str, Any]:
        """All there is to remember, as plain values."""
        return {
            "first": [rows.tolist() for rows in self._first], "middle": None if self._middle is None else self._middle.tolist(),
            "width": self._width.tolist(), "been": [sorted(places) for places in self._been], "last": list(self._last),
            "counts": [self._steps.tolist(), self._back.tolist(), self._still.tolist()],
        }  # fmt: skip

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a `state()`."""
        self._first = [np.array(rows, np.float32) for rows in state["first"]]
        self._middle = None if state["middle"] is None else np.array(state["middle"], np.float32)
        self._width = np.array(state["width"], np.float32)
        self._been, self._last = [set(places) for places in state["been"]], list(state["last"])
        self._steps, self._back, self._still = (np.array(counts, np.int64) for counts in state["counts"])
