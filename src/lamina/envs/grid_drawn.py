"""A world of cells as a picture."""

import numpy as np

CELL = 32  # pixels
INKS = {"#": "#4a4d52", "x": "#b5482e", "E": "#6fbf73", "S": "#e4e9ef"}
FLOOR, LINE, COIN, WALKER = "#f7f5ee", "#d5d2c6", "#ffd23f", "#2f6fb0"


def picture(cells: np.ndarray, walker: np.ndarray, coins: np.ndarray) -> np.ndarray:
    """(32 H, 32 W, 3) uint8. cells (H, W) characters; walker (2,) row and column; coins (C, 2) that are there."""
    from PIL import Image, ImageDraw

    shown = Image.new("RGB", (cells.shape[1] * CELL, cells.shape[0] * CELL), FLOOR)
    pen = ImageDraw.Draw(shown)
    for (row, column), kind in np.ndenumerate(cells):
        corner = column * CELL, row * CELL
        pen.rectangle([*corner, corner[0] + CELL, corner[1] + CELL], fill=INKS.get(str(kind), FLOOR), outline=LINE)
    for place, ink, size in [*((coin, COIN, 0.25) for coin in coins), (walker, WALKER, 0.36)]:
        y, x = ((float(i) + 0.5) * CELL for i in place)
        pen.ellipse([x - size * CELL, y - size * CELL, x + size * CELL, y + size * CELL], fill=ink, outline="#333333")
    return np.asarray(shown)
