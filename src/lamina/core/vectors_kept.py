"""Vectors of words as files: the text and the binary format of word2vec.c, which gensim and others read, and a map of words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

SIDE, EDGE, LETTERS = 1400, 60, 11  # of the map, in pixels


@dataclass(frozen=True)
class VectorFile:
    """Words and their vectors (V, D). The first line says `V D`; then a word, a space, and its numbers: as text, or as float32, little
    end first."""

    ending: ClassVar[str] = ".txt"
    words: Sequence[str] = field(repr=False)
    vectors: np.ndarray[Any, Any] = field(repr=False)
    binary: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"words": len(self.words), "size": self.vectors.shape[1]}

    def save(self, path: Path) -> None:
        """Write the file."""
        with path.open("wb") as file:
            file.write(f"{len(self.words)} {self.vectors.shape[1]}\n".encode())
            for word, vector in zip(self.words, self.vectors.astype("<f4"), strict=True):
                numbers = vector.tobytes() if self.binary else " ".join(f"{n:.6g}" for n in vector.tolist()).encode()
                file.write(word.encode() + b" " + numbers + b"\n")


@dataclass(frozen=True)
class WordMap:
    """Words in the plane: `places` (M, 2)."""

    ending: ClassVar[str] = ".svg"
    words: Sequence[str] = field(repr=False)
    places: np.ndarray[Any, Any] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        return {"words": list(self.words), "places": self.places.round(3).tolist()}

    def save(self, path: Path) -> None:
        """Write the map as SVG; frequent words are larger."""
        low, high = self.places.min(0), self.places.max(0)
        at = EDGE + (SIDE - 2 * EDGE) * (self.places - low) / np.maximum(high - low, 1e-9)
        marks = [
            f'<text x="{x:.0f}" y="{y:.0f}" font-size="{max(LETTERS - 2, 18 - i // 40)}" text-anchor="middle">{escape(word)}</text>'
            for i, (word, (x, y)) in enumerate(zip(self.words, at.tolist(), strict=True))
        ]
        head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE}" height="{SIDE}" viewBox="0 0 {SIDE} {SIDE}">'
        style = '<style>text{font-family:system-ui,sans-serif;fill:#1f5fa8}</style><rect width="100%" height="100%" fill="#fff"/>'
        path.write_text(f"{head}{style}{''.join(marks)}</svg>\n", encoding="utf-8")
