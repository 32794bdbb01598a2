"""Answers: small dataclasses that can be printed, drawn and written as JSON."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from lamina.core.caption_drawn import looked_at, under
from lamina.core.drawn import Pixels, colours, with_boxes, with_mask
from lamina.core.series_drawn import series_svg
from lamina.core.weights_drawn import weights_svg


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
class Found:
    """An object: its class and place in `names`, how sure the network is, and its box x0, y0, x1, y1 in pixels of the photo."""

    label: str
    place: int
    score: float
    box: tuple[float, float, float, float]

    def to_json(self) -> dict[str, Any]:
        """In COCO's form: `bbox` is left, top, width, height."""
        x0, y0, x1, y1 = (round(n, 2) for n in self.box)
        return {"category": self.label, "category_id": self.place, "score": round(self.score, 4),
                "bbox": [x0, y0, round(x1 - x0, 2), round(y1 - y0, 2)]}


@dataclass(frozen=True)
class Objects:
    """The objects of a photo, the surest first; `photo` (H, W, 3) uint8 is what they are drawn on."""

    ending: ClassVar[str] = ".jpg"
    found: tuple[Found, ...]
    names: tuple[str, ...]
    photo: Pixels = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        return {"width": self.photo.shape[1], "height": self.photo.shape[0], "objects": [one.to_json() for one in self.found]}

    def __str__(self) -> str:
        counts = Counter(one.label for one in self.found)
        return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "nothing found"

    def drawn(self) -> Pixels:
        """The photo with its boxes, (H, W, 3) uint8."""
        inks = colours(len(self.names))
        words = [f"{one.label} {one.score:.2f}" for one in self.found]
        return with_boxes(self.photo, [one.box for one in self.found], words, [inks[one.place] for one in self.found])

    def save(self, path: Path) -> None:
        """Write the drawn photo as JPEG."""
        _write(self.drawn(), path)


@dataclass(frozen=True)
class Regions:
    """A class for every pixel of a photo: `classes` (H, W) uint8, places in `names`; `inks` are the colours that they are drawn in."""

    ending: ClassVar[str] = ".jpg"
    classes: Pixels = field(repr=False)
    names: tuple[str, ...]
    photo: Pixels = field(repr=False)
    inks: tuple[tuple[int, int, int], ...] = field(default=(), repr=False)

    def shares(self) -> dict[str, float]:
        """The share of the pixels of each class that is there, the largest first."""
        counts = np.bincount(self.classes.reshape(-1), minlength=len(self.names))
        order = sorted(range(len(self.names)), key=lambda k: -counts[k])
        return {self.names[k]: float(counts[k] / self.classes.size) for k in order if counts[k]}

    def to_json(self) -> dict[str, Any]:
        height, width = self.classes.shape
        return {"width": width, "height": height, "shares": {name: round(share, 4) for name, share in self.shares().items()}}

    def __str__(self) -> str:
        return ", ".join(f"{name} {100 * share:.0f} %" for name, share in list(self.shares().items())[:5])

    def drawn(self) -> Pixels:
        """The photo under its colours, (H, W, 3) uint8."""
        return with_mask(self.photo, self.classes, self.inks or colours(len(self.names)))

    def save(self, path: Path) -> None:
        """Write the coloured photo as JPEG."""
        _write(self.drawn(), path)

    def save_mask(self, path: Path) -> None:
        """Write the classes alone as PNG, a pixel's value being its class; the palette shows the colours."""
        from PIL import Image

        mask = Image.fromarray(self.classes)
        mask.putpalette([level for ink in self.inks or colours(len(self.names)) for level in ink])
        mask.save(path)


def _write(pixels: Pixels, path: Path) -> None:
    from PIL import Image

    Image.fromarray(pixels).save(path, quality=92)


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


@dataclass(frozen=True)
class Translation:
    """What was said where `heard` was read: the text, its log-probability, and where each token looked.

    `looked` (T, S) are the weights of attention of the tokens `said` on the tokens `heard`, each row of which sums to 1; None where
    the network does not look back.
    """

    ending: ClassVar[str] = ".svg"
    text: str
    log_probability: float
    heard: tuple[str, ...] = field(repr=False)
    said: tuple[str, ...] = field(repr=False)
    looked: np.ndarray[Any, Any] | None = field(repr=False, default=None)

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"text": self.text, "log_probability": round(self.log_probability, 4)}
        if self.looked is not None:
            found |= {"heard": list(self.heard), "said": list(self.said), "attention": self.looked.round(4).tolist()}
        return found

    def __str__(self) -> str:
        return self.text

    def save(self, path: Path) -> None:
        """Write the attention as SVG: a row a token said, a column a token heard."""
        looked = np.zeros((len(self.said), len(self.heard))) if self.looked is None else self.looked
        path.write_text(weights_svg(looked, self.said, self.heard), encoding="utf-8")


@dataclass(frozen=True)
class Forecast:
    """The next numbers of the column `asked`, after those of the `past`; `came`: what then came, where it is known."""

    ending: ClassVar[str] = ".svg"
    asked: str
    values: tuple[float, ...]
    past: tuple[float, ...] = field(repr=False)
    came: tuple[float, ...] = field(repr=False, default=())

    def to_json(self) -> dict[str, Any]:
        return {"asked": self.asked, "values": list(self.values)}

    def __str__(self) -> str:
        return f"{self.asked} = {', '.join(f'{value:.4g}' for value in self.values)}"

    def save(self, path: Path) -> None:
        """Write past and forecast as SVG."""
        path.write_text(series_svg(self.past, self.values, self.came, self.asked), encoding="utf-8")


@dataclass(frozen=True)
class Caption:
    """What was said of a photo (H, W, 3) uint8, its log-probability, its words or tokens, and where the network looked for each of them.

    `looked` (T, h, w) are weights of the photo's places, of which a place of the photo is one or several; None where it does not look.
    """

    ending: ClassVar[str] = ".jpg"
    text: str
    log_probability: float
    photo: Pixels = field(repr=False)
    words: tuple[str, ...] = field(repr=False)
    looked: np.ndarray[Any, Any] | None = field(repr=False, default=None)

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"text": self.text, "log_probability": round(self.log_probability, 4)}
        if self.looked is not None:
            found["looked"] = [{"word": word, "x": x, "y": y} for word, (x, y) in zip(self.words, self._middles(), strict=True)]
        return found

    def _middles(self) -> list[tuple[float, float]]:
        """Where each word looked most, as shares of the photo's width and height."""
        assert self.looked is not None, "it looked"
        places = [np.unravel_index(int(one.argmax()), one.shape) for one in self.looked]
        h, w = self.looked.shape[1:]
        return [(round((x + 0.5) / w, 3), round((y + 0.5) / h, 3)) for y, x in places]

    def __str__(self) -> str:
        return self.text

    def drawn(self) -> Pixels:
        """The photo over its caption, (H', W, 3) uint8."""
        return under(self.photo, self.text)

    def save(self, path: Path) -> None:
        """Write the photo with its caption and, where the network looks, where it did for each word."""
        _write(self.drawn() if self.looked is None else looked_at(self.photo, self.text, self.words, self.looked), path)


@dataclass(frozen=True)
class Written:
    """A text that was given, and how it was written on; `strange`: characters of it that the training text does not have."""

    ending: ClassVar[str] = ".txt"
    given: str
    text: str
    strange: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"text": self.text, "unknown": list(self.strange)}

    def __str__(self) -> str:
        unknown = f"\n(never seen in training: {' '.join(self.strange)})" if self.strange else ""
        return f"{self.given}{self.text}{unknown}"

    def save(self, path: Path) -> None:
        """Write the whole text."""
        path.write_text(self.given + self.text, encoding="utf-8", errors="replace")


@dataclass(frozen=True)
class Neighbour:
    """A word, the cosine of its vector with what was sought, how often it stands in the text, and whether that is often enough."""

    word: str
    cosine: float
    count: int
    sure: bool

    def __str__(self) -> str:
        return f"{self.word} {self.cosine:.2f}{'' if self.sure else f' (seen {self.count} times)'}"


@dataclass(frozen=True)
class Neighbours:
    """The words nearest to what was sought, the nearest first; `little`: words of the question that the text has too rarely."""

    nearest: tuple[Neighbour, ...]
    little: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"nearest": [asdict(one) for one in self.nearest], "little_evidence": list(self.little)}

    def __str__(self) -> str:
        rare = f"   (too rare in the text to be relied on: {', '.join(self.little)})" if self.little else ""
        return ", ".join(map(str, self.nearest)) + rare


@dataclass(frozen=True)
class TaggedText:
    """Words, the label of each, and how probable it is."""

    words: tuple[str, ...]
    labels: tuple[str, ...]
    probabilities: tuple[float, ...] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        rows = zip(self.words, self.labels, self.probabilities, strict=False)
        return {"words": [{"word": word, "label": label, "probability": round(p, 4)} for word, label, p in rows]}

    def __str__(self) -> str:
        return " ".join(f"{word}/{label}" for word, label in zip(self.words, self.labels, strict=True))
