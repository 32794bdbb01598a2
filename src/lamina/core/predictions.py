"""Answers: small dataclasses that can be printed, drawn and written as JSON."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np


class Prediction(Protocol):
    """An answer of any kind."""

    def to_json(self) -> dict[str, Any]:
        """The answer as plain JSON values."""
        ...


@runtime_checkable
class Drawable(Prediction, Protocol):
    """An answer that can be written as a picture file."""

    ending: ClassVar[str]

    def save(self, path: Path) -> None:
        """Write the picture."""
        ...


@dataclass(frozen=True)
class Label:
    """One of several classes, with the probability of each. `sure`: whether answers as probable as this one are to be relied on."""

    label: str
    probability: float
    probabilities: dict[str, float] = field(repr=False)
    sure: bool = True

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.label} ({100 * self.probability:.1f} %{'' if self.sure else ', not sure'})"


@dataclass(frozen=True)
class LabelSet:
    """The labels that hold, several at once, with the probability of each."""

    labels: tuple[str, ...]
    probabilities: dict[str, float] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return ", ".join(self.labels) or "none"


@dataclass(frozen=True)
class Number:
    """Numbers by name, in the units of the training target."""

    values: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return ", ".join(f"{name} = {value:.4g}" for name, value in self.values.items())


@dataclass(frozen=True)
class Picture:
    """A picture, (H, W) or (H, W, 3) uint8."""

    ending: ClassVar[str] = ".png"
    pixels: np.ndarray[Any, np.dtype[np.uint8]] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        return {"height": self.pixels.shape[0], "width": self.pixels.shape[1]}

    def __str__(self) -> str:
        return f"a picture of {self.pixels.shape[0]} x {self.pixels.shape[1]}"

    def save(self, path: Path) -> None:
        """Write it as PNG."""
        from PIL import Image

        Image.fromarray(self.pixels).save(path)


@dataclass(frozen=True)
class Episode:
    """One episode of play: its return, its length, and the frames (T, H, W, 3) uint8 where they were drawn."""

    ending: ClassVar[str] = ".gif"
    episode_return: float
    length: int
    frames: tuple[np.ndarray[Any, np.dtype[np.uint8]], ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        return {"return": self.episode_return, "length": self.length}

    def __str__(self) -> str:
        return f"an episode of {self.length} steps, return {self.episode_return:.4g}"

    def save(self, path: Path) -> None:
        """Write an animated GIF: every second frame at 25 a second, all in the colours of the first."""
        from PIL import Image

        pictures = [Image.fromarray(frame).convert("RGB") for frame in self.frames[::2]]
        colours = pictures[0].quantize(64)
        shown = [picture.quantize(palette=colours, dither=Image.Dither.NONE) for picture in pictures]
        shown[0].save(path, save_all=True, append_images=shown[1:], duration=40, loop=0)
