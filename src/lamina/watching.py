"""An environment in a terminal: its frames in half blocks of colour, and the keys that are held while it runs.

A character cell is two pixels, the upper in the colour of the letter `▀` and the lower in that of its ground, as terminals with 24-bit
colours draw them. Keys are read without waiting for a line; leaving puts the terminal back as it was, also after an error.
"""

import os
import select
import sys
from types import TracebackType
from typing import Any

import numpy as np

HOME, CLEAR = "\x1b[H", "\x1b[2J"
ARROWS = {"\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left"}
FRAMES_A_SECOND = 12


class Keys:
    """The keyboard, key by key."""

    def __init__(self) -> None:
        self._before: Any = None

    def __enter__(self) -> "Keys":
        import termios
        import tty

        self._before = termios.tcgetattr(sys.stdin.fileno())
        tty.setcbreak(sys.stdin.fileno())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        import termios

        termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)

    def pressed(self, seconds: float = 1 / FRAMES_A_SECOND) -> str:
        """The last key of the next so many seconds: a letter, a digit, or `left`, `right`, `up`, `down`; "" for none."""
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        if not ready:
            return ""
        text = os.read(sys.stdin.fileno(), 64).decode(errors="replace")
        return ARROWS.get(text[-3:], text[-1:])


def blocks(frame: np.ndarray, columns: int, lines: int) -> str:
    """A frame (H, W, 3) uint8 as text of at most so many columns and lines.

    >>> blocks(np.zeros((2, 1, 3), np.uint8), 10, 10)
    '\\x1b[38;2;0;0;0;48;2;0;0;0m▀\\x1b[0m'
    """
    shrink = max(1, -(-frame.shape[1] // columns), -(-frame.shape[0] // (2 * lines)))
    height, width = frame.shape[0] // shrink // 2 * 2, frame.shape[1] // shrink
    means = frame[: height * shrink, : width * shrink].reshape(height, shrink, width, shrink, 3).mean((1, 3)).astype(int)
    return "\n".join("".join(_cell(*pair) for pair in zip(upper, lower, strict=True)) + "\x1b[0m"
                     for upper, lower in zip(means[::2].tolist(), means[1::2].tolist(), strict=True))


def _cell(upper: list[int], lower: list[int]) -> str:
    ink, ground = (";".join(map(str, colour)) for colour in (upper, lower))
    return f"\x1b[38;2;{ink};48;2;{ground}m▀"
