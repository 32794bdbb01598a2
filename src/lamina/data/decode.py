"""Picture files decoded by all cores, each once: into memory, or into a file that is mapped into memory the next time.

Threads do it: libjpeg-turbo, Pillow's decoders and torch's resizing let go of Python's lock. The cache is a folder of its
own for each set of files and shape, made under a temporary name and renamed when it is whole; what a crash, a full disk or
another program left of one is never taken for a whole one.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

from lamina.core.data import Refusal
from lamina.core.errors import DataError
from lamina.core.say import say
from lamina.core.spec import Image
from lamina.data.archives import BROKEN
from lamina.data.files import Entry, Files, Load
from lamina.data.pictures import read_picture

AHEAD = 64  # files a thread that wait to be taken, so that an archive is not read into memory whole
SECONDS = 4  # between lines of progress
Read = torch.Tensor | Refusal
ReadPicture = Callable[[bytes, Image, str], torch.Tensor]  # (content, image, name) -> (C, H, W) uint8; DataError where it is none
Result = TypeVar("Result")


def decoded(files: Files, wanted: Sequence[Entry], image: Image, read: ReadPicture = read_picture) -> Iterator[tuple[int, Read]]:
    """For each of `wanted`, in the order that is cheapest: its place, and (C, H, W) uint8 or why it is refused."""
    return each(files, wanted, lambda content, name: read(content, image, name))


def each(files: Files, wanted: Sequence[Entry], read: Callable[[bytes, str], Result]) -> Iterator[tuple[int, Result | Refusal]]:
    """For each of `wanted`, in the order that is cheapest: its place, and what `read` makes of its content and name in some thread, or
    why it is refused."""
    progress = Progress(len(wanted))
    waiting: deque[tuple[int, Future[Result | Refusal]]] = deque()
    threads = os.cpu_count() or 1
    before = torch.get_num_threads()
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            for place, load in files.contents(wanted):
                waiting.append((place, pool.submit(_read, load, wanted[place].name, read)))
                while len(waiting) > AHEAD * threads:
                    yield _next(waiting, progress)
            while waiting:
                yield _next(waiting, progress)
        finally:
            for _, future in waiting:
                future.cancel()
            torch.set_num_threads(before)


def in_memory(files: Files, wanted: Sequence[Entry], image: Image) -> tuple[torch.Tensor, list[int], list[Refusal]]:
    """The pictures (N, C, H, W) that can be read, their places in `wanted`, and the refusals."""
    found = sorted(decoded(files, wanted, image), key=lambda pair: pair[0])
    pictures = [(place, one) for place, one in found if isinstance(one, torch.Tensor)]
    refused = [one for _, one in found if isinstance(one, Refusal)]
    stack = torch.stack([one for _, one in pictures]) if pictures else torch.empty(0, *image.shape, dtype=torch.uint8)
    return stack, [place for place, _ in pictures], refused


def _next(waiting: "deque[tuple[int, Future[Result | Refusal]]]", progress: "Progress") -> tuple[int, Result | Refusal]:
    place, future = waiting.popleft()
    progress.one_more()
    return place, future.result()


def _read(load: Load, name: str, read: Callable[[bytes, str], Result]) -> Result | Refusal:
    try:
        return read(load(), name)
    except DataError as error:
        return refusal(name, error)
    except BROKEN:
        return Refusal(name, "not readable", "Check its permissions, or copy it anew.")


def refusal(name: str, error: DataError) -> Refusal:
    """An error about one file as a line of the account: the reason without the name, so that equal reasons are counted together."""
    reason = error.came.removeprefix(f"`{name}`").lstrip(":, ").removeprefix("which is ")
    return Refusal(name, reason, error.do)


class Progress:
    """Says how far the decoding is and how long it will take, at most every few seconds."""

    def __init__(self, total: int) -> None:
        self._total, self._done = total, 0
        self._began = self._said = time.monotonic()

    def one_more(self) -> None:
        """Count a file that is done."""
        self._done += 1
        now = time.monotonic()
        if now - self._said >= SECONDS:
            self._said = now
            left = (now - self._began) / self._done * (self._total - self._done)
            say(f"decoded {self._done:,} of {self._total:,} pictures, about {left:.0f} s left")
