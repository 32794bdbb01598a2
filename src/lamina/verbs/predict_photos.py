"""predict for boxes and masks: photos and video drawn over, one after another, so that a folder of any length fits into memory."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch

from lamina.core.errors import DataError
from lamina.core.predictions import Objects, Regions
from lamina.core.say import say
from lamina.core.spec import Image, Mask
from lamina.data.film import Film, Writer
from lamina.data.inputs import Photo, read_photo
from lamina.tasks.segment import regions
from lamina.verbs.trained import Trained

AT_ONCE = 8  # photos that go through the network together
SECONDS_BETWEEN = 5  # of progress
Thing = TypeVar("Thing")


@dataclass
class Clock:
    """Seconds that went into reading, the network and drawing."""

    decode: float = 0.0
    network: float = 0.0
    draw: float = 0.0
    photos: int = 0
    _since: float = field(default=0.0, repr=False)

    def start(self) -> None:
        """Begin a stretch."""
        self._since = time.perf_counter()

    def stop(self, part: str) -> None:
        """End it, as time of `part`."""
        setattr(self, part, getattr(self, part) + time.perf_counter() - self._since)

    def to_json(self) -> dict[str, float]:
        return {"photos": self.photos, "decode_seconds": self.decode, "network_seconds": self.network, "draw_seconds": self.draw}

    def __str__(self) -> str:
        rate = self.photos / max(self.decode + self.network, 1e-9)
        return (f"{self.photos} photos, {rate:.1f} a second without drawing: reading {self.decode:.2f} s, "
                f"network {self.network:.2f} s, drawing {self.draw:.2f} s")


@dataclass(frozen=True)
class Seen:
    """An answer without its pixels: what is printed, as JSON, and the files that were drawn."""

    words: str
    facts: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return self.facts

    def __str__(self) -> str:
        return self.words


def photos(trained: Trained, inputs: Sequence[tuple[str, Any]], asked: Sequence[str], clock: Clock) -> Iterator[tuple[str, Photo, Any]]:
    """The name of each photo, the photo, and its `Objects` or `Regions`. One that was named is read or refused; of a folder what cannot
    be is said."""
    image, read, told = trained.spec.input, 0, time.monotonic()
    assert isinstance(image, Image), "boxes and masks are of pictures"
    for start in range(0, len(inputs), AT_ONCE):
        clock.start()
        some = list(readable(partial(read_photo, image), inputs[start : start + AT_ONCE], asked, len(inputs)))
        clock.stop("decode")
        read += len(some)
        if some:
            clock.start()
            answers = trained.task.predict(trained.predictor, trained.spec, [photo for _, photo in some])
            clock.stop("network")
            clock.photos += len(some)
            yield from ((name, photo, answer) for (name, photo), answer in zip(some, answers, strict=True))
        if time.monotonic() - told > SECONDS_BETWEEN:
            told = time.monotonic()
            say(_progress("photo", clock, len(inputs)))
    if not read:
        raise none_readable(len(inputs))


def readable(
    read: Callable[[Any], Thing], inputs: Sequence[tuple[str, Any]], asked: Sequence[str], count: int
) -> Iterator[tuple[str, Thing]]:
    """The inputs that `read` can read. A file that was named, or the only one of `count`, is read or refused; of others what cannot be
    read is said."""
    for name, one in inputs:
        try:
            yield name, read(one)
        except DataError as error:
            if name in asked or count == 1:
                raise
            say(f"refused: {name}: {error.came}. {error.do}")


def none_readable(count: int) -> DataError:
    """Of so many pictures."""
    return DataError("a picture that can be read", f"none of {count}", "Open one in a viewer: they may be damaged.")


def film(trained: Trained, word: str, out: Path, smooth: float) -> Seen:
    """A video drawn over frame by frame into `out`, and a JSON line a frame beside it. smooth: share of the last frame's
    probabilities that is kept, for masks. Frames are asked about at their own size alone, as there are many."""
    trained = replace(trained, predictor=trained.predictor.trusted(replace(trained.predictor.trust, sizes=(1.0,))))
    clock, last = Clock(), time.monotonic()
    target = out / f"{Path(word).stem or 'camera'}-{trained.task.name}.mp4"
    with Film(word) as source, Writer(target, source.sheet.rate) as drawn:
        sheet = source.sheet
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.with_suffix(".jsonl").open("w", encoding="utf-8") as lines:
            for number, answer in enumerate(_frames(trained, source, smooth, clock)):
                lines.write(json.dumps({"frame": number, **answer.to_json()}) + "\n")
                clock.start()
                drawn.add(answer.drawn())
                clock.stop("draw")
                if time.monotonic() - last > SECONDS_BETWEEN:
                    last = time.monotonic()
                    say(_progress("frame", clock, sheet.frames))
        broken = source.broken
    say(str(clock).replace("photos", "frames"))
    words = f"{clock.photos} frames, {broken} that could not be read; drawn: {target}"
    return Seen(words, {"frames": clock.photos, "broken": broken, "video": str(target), "lines": str(target.with_suffix(".jsonl")),
                        **clock.to_json()})


def _frames(trained: Trained, source: Film, smooth: float, clock: Clock) -> Iterator[Objects | Regions]:
    image, before = trained.spec.input, None
    assert isinstance(image, Image), "boxes and masks are of pictures"
    frames = iter(source)
    while True:
        clock.start()
        pixels = next(frames, None)
        if pixels is None:
            return
        photo = read_photo(image, pixels)
        clock.stop("decode")
        clock.start()
        answer, before = _answer(trained, photo, smooth, before)
        clock.stop("network")
        clock.photos += 1
        yield answer


def _answer(trained: Trained, photo: Photo, smooth: float, before: torch.Tensor | None) -> tuple[Any, torch.Tensor | None]:
    """The answer to a frame, and what the next is smoothed with."""
    if not isinstance(trained.spec.target, Mask):
        return trained.task.predict(trained.predictor, trained.spec, [photo])[0], None
    p = trained.predictor(photo.x[None])[0].cpu().softmax(0)  # (K, h, w)
    p = p if before is None or not smooth else smooth * before + (1 - smooth) * p
    return regions(p, photo, trained.spec), p


def _progress(what: str, clock: Clock, total: int) -> str:
    spent, done = clock.decode + clock.network + clock.draw, max(clock.photos, 1)
    left = f" of about {total}, {spent / done * max(0, total - done):.0f} s left" if total else ""
    return f"{what} {clock.photos}{left}, {clock.photos / max(spent, 1e-9):.1f} a second"
