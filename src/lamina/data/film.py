"""Video, frame by frame: read and written through PyAV, which brings its codecs along; memory does not grow with the length.

A frame that cannot be decoded is counted and passed over. Frames are (H, W, 3) uint8.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from lamina.core.errors import DataError, UsageError

ENDINGS = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".ogv", ".mjpeg", ".ts"})
CODECS = ("libx264", "libopenh264", "mpeg4")  # the first that the installed build has
USUAL_RATE = 25  # frames a second, where a file does not say
MOST_BROKEN = 1000  # packets in a row that no frame comes out of


@dataclass(frozen=True)
class Sheet:
    """What the head of a video says: frames a second, sides in pixels, and how many frames there should be, 0 where it does not say."""

    rate: Fraction
    height: int
    width: int
    frames: int


def is_film(word: str) -> bool:
    """Whether a word is the name of a video, or the number of a camera."""
    return Path(word).suffix.lower() in ENDINGS or (word.isdecimal() and not Path(word).exists())


class Film:
    """A video file, or a camera by its number. `broken` counts what could not be decoded so far."""

    def __init__(self, word: str) -> None:
        av, self.word, self.broken = _av(), word, 0
        try:
            self._open: Any = av.open(f"/dev/video{word}", format="v4l2") if word.isdecimal() else av.open(word)
        except FileNotFoundError as error:
            what = f"camera {word}" if word.isdecimal() else f"`{word}`"
            raise DataError("a video, or a camera that is there", f"{what}, which is not", "Check the name or number.") from error
        except (av.error.FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError("a video", f"`{word}`: {reason}", "Open it in a player, or export it as mp4.") from error
        if not self._open.streams.video:
            self._open.close()
            raise DataError("a video with pictures", f"`{word}`, which has none", "Give the file with the pictures.")
        self._stream = self._open.streams.video[0]
        self._stream.thread_type = "AUTO"

    @property
    def sheet(self) -> Sheet:
        stream = self._stream
        return Sheet(stream.average_rate or Fraction(USUAL_RATE), stream.height, stream.width, stream.frames)

    def __iter__(self) -> Iterator[np.ndarray]:
        """The frames in their order; DataError for a video of none."""
        av, told, empty = _av(), 0, 0
        packets = self._open.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                frames = packet.decode()
            except (av.error.FFmpegError, ValueError):
                self.broken, empty = self.broken + 1, empty + 1
                if empty > MOST_BROKEN:
                    break
                continue
            for frame in frames:
                told, empty = told + 1, 0
                yield frame.to_ndarray(format="rgb24")
        if not told:
            raise DataError("a video with at least one frame", f"`{self.word}` with none that can be read", "Export it again.")

    def __enter__(self) -> "Film":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()


class Writer:
    """Writes frames to an mp4 file, of the size of the first; sides that are odd lose a line, which the codec cannot hold."""

    def __init__(self, path: Path, rate: Fraction) -> None:
        self.path, self._rate = path, rate
        self._part = path.with_name(f"{path.stem}.part{path.suffix}")
        self._open: Any = None
        self._stream: Any = None

    def add(self, frame: np.ndarray) -> None:
        """One more frame."""
        av = _av()
        if self._open is None:
            self._begin(frame)
        made = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame[: self._stream.height, : self._stream.width]), format="rgb24")
        self._open.mux(self._stream.encode(made))

    def _begin(self, frame: np.ndarray) -> None:
        av = _av()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._open = av.open(str(self._part), "w")
        codec = next(name for name in CODECS if name in av.codecs_available)
        self._stream = self._open.add_stream(codec, rate=self._rate)
        self._stream.height, self._stream.width = (n - n % 2 for n in frame.shape[:2])
        self._stream.pix_fmt = "yuv420p"

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Finish the file; what was written of one that failed is removed."""
        if self._open is None:
            return
        if kind is None:
            self._open.mux(self._stream.encode())
        self._open.close()
        if kind is None:
            self._part.replace(self.path)
        else:
            self._part.unlink(missing_ok=True)


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        do = "Install it with: pip install 'lamina[vision]'."
        raise UsageError("the package `av` for video", "that it is not installed", do) from error
    # silent, and not by a level: what a decoding thread logs of a broken frame calls back into the interpreter, which waits for that
    # thread to end where a film is closed (PyAV issues 751 and 909)
    av.logging.set_level(None)
    return av
