"""Courses of the boat race: a centre line of stretches, each with its length, its bend and its width, and the turbos that lie on it.

A place is (s, n): s along the centre line from the start, n to the left of it; both in boat lengths.
"""

from dataclasses import dataclass, field

import numpy as np

STEP = 0.5  # between the entries of a course's tables
NARROW, WIDE = 1.5, 6.0  # from the centre line to the shore, on the course and in a lagoon
BEND = 0.14  # the sharpest bend, radians a boat length
APART, FROM_SHORE = 8.0, 0.7  # between turbos on the course; of a turbo from the centre line
RING, IN_RING = 3.3, 6  # radius of the ring of turbos in a lagoon, and how many they are
SMOOTH = 7  # entries over which the width changes

Stretch = tuple[float, float, float]  # length, bend (to the left), half of the width

SHAPES: dict[str, tuple[Stretch, ...]] = {
    "bay": ((16, 0, NARROW), (16, 0, WIDE), (14, 0.1, NARROW), (34, 0, NARROW), (14, 0.1, NARROW), (30, 0, NARROW)),
    "snake": ((10, 0, NARROW), (10, 0.12, NARROW), (8, 0, NARROW), (16, 0, WIDE), (12, -0.14, NARROW), (12, 0.14, NARROW),
              (12, -0.14, NARROW), (16, 0, NARROW), (12, -0.1, NARROW), (18, 0, NARROW)),
    "hairpin": ((12, 0, NARROW), (16, 0, WIDE), (14, 0, NARROW), (22, 0.14, NARROW), (46, 0, NARROW), (12, -0.1, NARROW)),
    "delta": ((8, 0, NARROW), (12, -0.12, NARROW), (16, 0, WIDE), (10, 0.12, NARROW), (14, 0, 2.5), (14, 0.13, NARROW), (44, 0, NARROW)),
    "hook": ((14, -0.08, NARROW), (16, 0, WIDE), (24, -0.1, NARROW), (30, 0, NARROW), (14, 0.12, NARROW), (20, 0, NARROW)),
}  # fmt: skip


@dataclass(frozen=True)
class Course:
    """A course as tables by place along the centre line, every `STEP`; `turbos` (T, 2) are places (s, n)."""

    length: float
    bend: np.ndarray = field(repr=False)  # (L,) radians a boat length
    width: np.ndarray = field(repr=False)  # (L,) from the centre line to either shore
    line: np.ndarray = field(repr=False)  # (L, 2) x, y of the centre line
    heading: np.ndarray = field(repr=False)  # (L,) of the centre line, radians
    turbos: np.ndarray = field(repr=False)

    def at(self, table: np.ndarray, s: np.ndarray) -> np.ndarray:
        """The entries of a table at places s, any shape; beyond the ends that of the end."""
        found: np.ndarray = table[np.clip((s / STEP).astype(np.int64), 0, len(table) - 1)]
        return found

    def xy(self, s: np.ndarray, n: np.ndarray) -> np.ndarray:
        """Places (s, n) as points in the plane, (..., 2)."""
        angle = self.at(self.heading, s)
        whole = np.floor(np.clip(s, 0, self.length) / STEP) * STEP
        along = np.stack([np.cos(angle), np.sin(angle)], -1) * (np.clip(s, 0, self.length) - whole)[..., None]
        across = np.stack([-np.sin(angle), np.cos(angle)], -1) * n[..., None]
        found: np.ndarray = self.at(self.line, s) + along + across
        return found


def course(shape: str) -> Course:
    """The course of a name in `SHAPES`."""
    stretches = SHAPES[shape]
    counts = [round(length / STEP) for length, _, _ in stretches]
    bend = np.repeat([bend for _, bend, _ in stretches], counts)
    sharp = np.repeat([half for _, _, half in stretches], counts)
    padded = np.pad(sharp, SMOOTH // 2, mode="edge")
    width = np.stack([padded[i : i + len(sharp)] for i in range(SMOOTH)]).mean(0)
    heading = np.concatenate([[0.0], np.cumsum(bend[:-1] * STEP)])
    steps = np.stack([np.cos(heading), np.sin(heading)], 1) * STEP
    line = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, 0)[:-1]])
    return Course(float(len(bend) * STEP), bend, width, line, heading, _turbos(stretches))


def _turbos(stretches: tuple[Stretch, ...]) -> np.ndarray:
    """A ring of them in each lagoon, and one after the other to the left and the right along the rest of the course."""
    found, begins, since, side = list[tuple[float, float]](), 0.0, 0.0, 1
    for length, _, half in stretches:
        if half == WIDE:
            middle = begins + length / 2
            found += [(middle + RING * np.cos(a), RING * np.sin(a)) for a in np.arange(IN_RING) * 2 * np.pi / IN_RING]
            since = 0.0
        else:
            for s in np.arange(begins + max(APART - since, 1.0), begins + length, APART):
                found.append((float(s), side * FROM_SHORE))
                side, since = -side, begins + length - float(s)
        begins += length
    return np.array(found)
