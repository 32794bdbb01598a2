"""A photo of one thing on plain paper comes back in the manner of small training pictures; whatever else is refused."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image as pil
from PIL import ImageDraw

from lamina.core.errors import DataError
from lamina.core.spec import Image
from lamina.data.manner import bring, differs, manner_of
from lamina.data.pictures import as_spec

# strokes in a square of 0..100, each a polyline: shapes that a person could draw with one pen
SHAPES = {
    "seven": [[(15, 10), (85, 10), (40, 95)], [(35, 50), (70, 50)]],
    "ring": [[(50 + 40 * np.cos(a), 50 + 45 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 40)]],
    "wave": [[(x, 50 + 40 * np.sin(x / 14)) for x in range(10, 91, 2)]],
    "star": [[(50 + 45 * np.sin(a), 50 - 45 * np.cos(a)) for a in np.arange(6) * 4 * np.pi / 5]],
    "zigzag": [[(10, 10), (90, 25), (15, 50), (85, 70), (20, 92)]],
}
HEIGHT, WIDTH = 1500, 2000


def drawn(shape: str, size: int, pen: float, canvas: tuple[int, int], corner: tuple[int, int]) -> np.ndarray:
    """The ink of a shape, (H, W) 0..1, in a square of `size` pixels at `corner` (top, left)."""
    sheet = pil.new("L", canvas[::-1])
    draw = ImageDraw.Draw(sheet)
    top, left = corner
    for stroke in SHAPES[shape]:
        points = [(left + x * size / 100, top + y * size / 100) for x, y in stroke]
        draw.line(points, 255, round(size * pen), joint="curve")
        for x, y in points:
            r = size * pen / 2
            draw.ellipse((x - r, y - r, x + r, y + r), 255)
    return np.asarray(sheet, np.float32) / 255


def small(shape: str, side: int = 28, longest: int = 20) -> np.ndarray:
    """The training picture, (side, side) 0..1: the same strokes, `longest` pixels long, centred by their mass."""
    ink = drawn(shape, 600, 0.11, (800, 800), (100, 100))
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    cut = pil.fromarray((ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] * 255).astype(np.uint8))
    scale = longest / max(cut.size)
    size = max(1, round(cut.width * scale)), max(1, round(cut.height * scale))
    placed = np.asarray(cut.resize(size, pil.Resampling.BOX), np.float32) / 255
    y, x = (float((placed.sum(axis) * np.arange(n)).sum() / placed.sum()) for axis, n in ((1, placed.shape[0]), (0, placed.shape[1])))
    room = np.zeros((3 * side, 3 * side), np.float32)
    top, left = round(1.5 * side - y), round(1.5 * side - x)
    room[top : top + placed.shape[0], left : left + placed.shape[1]] = placed
    return room[side : 2 * side, side : 2 * side]


@pytest.fixture(scope="module")
def light() -> Image:
    return manner_of(training(True))


def training(light: bool) -> torch.Tensor:
    """(N, 1, 28, 28) uint8: ink of 255 on 0, or of 0 on 255."""
    ink = np.stack([small(shape) for shape in SHAPES])
    return torch.from_numpy(np.round(255 * (ink if light else 1 - ink)).astype(np.uint8))[:, None]


def photo(ink: np.ndarray, dark: bool, noise: float = 6, seed: int = 0) -> np.ndarray:
    """A photo of a drawing: paper under uneven light, noise of the sensor; dark ink on light paper or the reverse."""
    y, x = np.mgrid[0:1:HEIGHT * 1j, 0:1:WIDTH * 1j].astype(np.float32)
    paper = 190 - 45 * x - 25 * y if dark else 60 + 45 * x + 15 * y
    pen = paper - 110 if dark else paper + 110
    seen = paper * (1 - ink) + pen * ink + np.random.default_rng(seed).normal(0, noise, ink.shape)
    return seen.clip(0, 255).astype(np.uint8)


def likeness(found: np.ndarray, wanted: np.ndarray) -> float:
    """The best correlation over shifts of a pixel: centring is exact to half a pixel only."""
    shifts = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return max(float(np.corrcoef(np.roll(found, s, (0, 1)).ravel(), wanted.ravel())[0, 1]) for s in shifts)


@pytest.mark.parametrize("light", [True, False], ids=["light on dark", "dark on light"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_drawn_shape_comes_back(shape: str, light: bool) -> None:
    spec = manner_of(training(light))
    assert spec.ground == (0 if light else 255)
    dark = light == (shape in ("seven", "wave"))
    size, corner = (700, (300, 900)) if dark else (450, (800, 150))
    taken = photo(drawn(shape, size, 0.11, (HEIGHT, WIDTH), corner), dark)
    assert differs(taken, spec)
    found = as_spec(taken, spec, "photo.jpg")
    assert found.shape == (1, 28, 28)
    assert found.dtype == torch.uint8
    wanted = 255 * (small(shape) if light else 1 - small(shape))
    assert likeness(found[0].numpy().astype(np.float32), wanted) > 0.9


def test_another_shape_is_less_like() -> None:
    """Negative control: the measure tells the shapes apart."""
    spec = manner_of(training(True))
    found = bring(photo(drawn("ring", 700, 0.11, (HEIGHT, WIDTH), (300, 900)), True), spec, "photo").astype(np.float32)
    assert all(likeness(found, small(shape)) < 0.8 for shape in SHAPES if shape != "ring")


def empty() -> np.ndarray:
    return np.zeros((HEIGHT, WIDTH), np.float32)


def two(dark: bool) -> np.ndarray:
    far = [drawn("ring", 300, 0.11, (HEIGHT, WIDTH), (100, 100)), drawn("star", 300, 0.11, (HEIGHT, WIDTH), (1100, 1600))]
    return photo(np.maximum(*far), dark)


NOTHINGS: dict[str, Callable[[], np.ndarray]] = {
    "noise": lambda: np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH), np.uint8),
    "weak noise": lambda: np.random.default_rng(1).normal(128, 10, (HEIGHT, WIDTH)).astype(np.uint8),
    "blank paper": lambda: photo(empty(), True),
    "dark paper": lambda: photo(empty(), False),
    "one level": lambda: np.full((HEIGHT, WIDTH), 200, np.uint8),
    "black": lambda: np.zeros((HEIGHT, WIDTH), np.uint8),
    "a gradient": lambda: np.broadcast_to(np.linspace(0, 255, HEIGHT)[:, None], (HEIGHT, WIDTH)).astype(np.uint8),
    "two far apart": lambda: two(True),
    "two far apart, light": lambda: two(False),
    "one pixel": lambda: np.full((1, 1), 7, np.uint8),
    "a line of pixels": lambda: np.full((1, 4000), 7, np.uint8),
    "a speck": lambda: photo(drawn("ring", 12, 0.2, (HEIGHT, WIDTH), (700, 900)), True),
}


@pytest.mark.parametrize("name", NOTHINGS)
def test_a_photo_without_one_clear_subject_is_refused(name: str, light: Image) -> None:
    with pytest.raises(DataError, match=r"`photo\.jpg`.*Crop"):
        bring(NOTHINGS[name](), light, "photo.jpg")


def test_a_training_picture_stays_as_it_is() -> None:
    for light in (True, False):
        x = training(light)
        spec = manner_of(x)
        for one in x:
            assert not differs(one[0].numpy(), spec)
            assert torch.equal(as_spec(one[0].numpy(), spec, "own"), one)


def test_a_training_picture_turned_inside_out_is_brought_back() -> None:
    spec = manner_of(training(True))
    for shape in ("ring", "zigzag"):
        found = as_spec(np.round(255 * (1 - small(shape))).astype(np.uint8), spec, "inverted")
        assert likeness(found[0].numpy().astype(np.float32), small(shape)) > 0.9


def test_pictures_without_a_plain_ground_have_no_manner() -> None:
    random = torch.Generator().manual_seed(0)
    busy = torch.randint(0, 256, (50, 1, 28, 28), generator=random, dtype=torch.uint8)
    assert manner_of(busy) == Image(channels=1, height=28, width=28)
    colours = torch.zeros(5, 3, 28, 28, dtype=torch.uint8)
    assert manner_of(colours) == Image(channels=3, height=28, width=28)
    assert manner_of(torch.zeros(5, 1, 28, 28, dtype=torch.uint8)).ground is None, "a ground without a subject is no manner"
    assert not differs(np.full((99, 99), 7, np.uint8), manner_of(busy))
