"""The motorway as a picture: lanes from the left to the right of the driver, from top to bottom; the own car in red."""

import numpy as np

LONG, HIGH, LARGER = 400, 16, 3  # pixels: length of the picture, height of a lane; drawn so many times larger
GRASS, ROAD, LINE, OWN, CRASHED = "#7fa65a", "#4a4d52", "#c9ccd1", "#d1345b", "#ffb000"
INKS = ("#6fa8dc", "#e6c229", "#b8e0d2", "#9a8fbf")
DASH = 5.0  # car lengths from one dash to the next


def picture(lanes: int, sight: float, own: tuple[float, int, bool], lane: np.ndarray, place: np.ndarray) -> np.ndarray:
    """(H, 400, 3) uint8. own: way driven, lane, whether there was a collision; lane, place (C,): of the others, in car lengths."""
    from PIL import Image, ImageDraw

    size = LONG, HIGH * (lanes + 1)
    shown = Image.new("RGB", (size[0] * LARGER, size[1] * LARGER), GRASS)
    pen, zoom, high = ImageDraw.Draw(shown), LONG * LARGER / (2 * sight), HIGH * LARGER
    pen.rectangle([0, high // 2, LONG * LARGER, high * lanes + high // 2], fill=ROAD)
    for between in range(1, lanes):
        for x in np.arange(-sight - own[0] % DASH, sight + DASH, DASH):
            begins, y = (x + sight) * zoom, high // 2 + between * high
            pen.line([begins, y, begins + 2 * zoom, y], fill=LINE, width=LARGER)
    cars = [(float(x), int(row), INKS[i % len(INKS)]) for i, (x, row) in enumerate(zip(place, lane, strict=True))]
    for x, row, ink in [*cars, (0.0, own[1], CRASHED if own[2] else OWN)]:
        middle, y = (x + sight) * zoom, high * (row + 1)
        box = [middle - 0.5 * zoom, y - 0.2 * high, middle + 0.5 * zoom, y + 0.2 * high]
        pen.rounded_rectangle(box, radius=2 * LARGER, fill=ink, outline="black")
    return np.asarray(shown.resize(size, Image.Resampling.BOX))
