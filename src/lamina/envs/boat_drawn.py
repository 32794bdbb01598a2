"""The boat race as a picture: water, shores, the finish, turbos and the boat."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from lamina.envs.boat_track import SHAPES, STEP, Course, course

SIZE, LARGER = (320, 240), 3  # pixels; drawn so many times larger, for smooth edges
MARGIN = 2.5  # boat lengths
LAND, WATER, DONE, SHORE, LIVE, TAKEN = "#7fa65a", "#3f7fb5", "#5793c6", "#e8dcae", "#ffd23f", "#35699a"
HULL, BOOSTED = "#d1345b", "#ff7b00"


@dataclass(frozen=True)
class Boat:
    """Where a boat is on its course, its heading against it, and its speed."""

    s: float
    n: float
    heading: float
    speed: float


def picture(track: Course, boat: Boat, live: np.ndarray, far: float) -> np.ndarray:
    """(240, 320, 3) uint8. live (T,): which turbos are there; far: how far along the boat has been."""
    from PIL import Image, ImageDraw

    shown = Image.frombytes("RGB", (SIZE[0] * LARGER, SIZE[1] * LARGER), _ground(_name(track)))
    pen, scale = ImageDraw.Draw(shown), _Scale(track)
    for (x, y), there in zip(scale(track.xy(track.turbos[:, 0], track.turbos[:, 1])), live, strict=True):
        size = scale.zoom * (0.55 if there else 0.3)
        pen.ellipse([x - size, y - size, x + size, y + size], fill=LIVE if there else TAKEN, outline="#8a6d00" if there else None)
    mark = scale(track.xy(np.array([far, far]), np.array([-1, 1]) * float(track.at(track.width, np.array([far]))[0])))
    pen.line([tuple(p) for p in mark], fill="#ffffff", width=LARGER)
    pen.polygon([tuple(p) for p in scale(_hull(track, boat))], fill=BOOSTED if boat.speed > 1 else HULL, outline="#ffffff")
    return np.asarray(shown.resize(SIZE, Image.Resampling.BOX))


class _Scale:
    """Points of the plane (..., 2) to pixels of the larger picture."""

    def __init__(self, track: Course) -> None:
        corners = np.concatenate([track.xy(np.arange(len(track.width)) * STEP, side * track.width) for side in (-1, 1)])
        low, high = corners.min(0) - MARGIN, corners.max(0) + MARGIN
        size = np.array(SIZE) * LARGER
        self.zoom = float((size / (high - low)).min())
        self._shift = (size - self.zoom * (high + low)) / 2

    def __call__(self, points: np.ndarray) -> Any:
        moved = points * self.zoom + self._shift
        moved[..., 1] = SIZE[1] * LARGER - moved[..., 1]
        return moved


def _name(track: Course) -> str:
    return next(name for name in SHAPES if course(name).length == track.length and np.array_equal(course(name).bend, track.bend))


@lru_cache(maxsize=8)
def _ground(name: str) -> bytes:
    """Land, shores, water and the finish, as the bytes of the larger picture."""
    from PIL import Image, ImageDraw

    track = course(name)
    shown = Image.new("RGB", (SIZE[0] * LARGER, SIZE[1] * LARGER), LAND)
    pen, scale, s = ImageDraw.Draw(shown), _Scale(track), np.arange(len(track.width)) * STEP
    for grown, ink in ((0.5, SHORE), (0.0, WATER)):
        for i in range(len(s)):  # a disc at each place, as a polygon would cross itself in bends
            x, y = scale(track.xy(s[i : i + 1], np.zeros(1)))[0]
            half = (float(track.width[i]) + grown) * scale.zoom
            pen.ellipse([x - half, y - half, x + half, y + half], fill=ink)
    for row in range(2):
        for column in range(-3, 3):
            corners = [(row, column), (row + 1, column), (row + 1, column + 1), (row, column + 1)]
            where = np.array([(track.length - 1 + 0.5 * a, 0.5 * b) for a, b in corners])
            pen.polygon([tuple(p) for p in scale(track.xy(where[:, 0], where[:, 1]))], fill="black" if (row + column) % 2 else "white")
    return shown.tobytes()


def _hull(track: Course, boat: Boat) -> np.ndarray:
    """The corners of the boat, (5, 2)."""
    middle = track.xy(np.array([boat.s]), np.array([boat.n]))[0]
    angle = float(track.at(track.heading, np.array([boat.s]))[0]) + boat.heading
    ahead, left = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    corners = ((1.1, 0.0), (0.3, 0.5), (-0.8, 0.45), (-0.8, -0.45), (0.3, -0.5))
    return np.array([middle + a * ahead + b * left for a, b in corners])
