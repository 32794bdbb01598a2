"""A human says which of two clips comes nearer to what is wanted (methods/preferences.py), at the terminal.

Both clips are drawn side by side into `samples/asked.gif` of the run, and shown in the terminal where it can show them. The answers are a
part of the method's state: a run that goes on does not ask again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lamina.core.errors import UsageError
from lamina.core.method import Preferring
from lamina.core.predictions import Episode
from lamina.envs.clips import Clip, frames_of
from lamina.envs.episodes import EpisodeSplit
from lamina.verbs.setup import Setup

FILE = "samples/asked.gif"
QUESTION = "which comes nearer to what you want: 1 (left), 2 (right), = (alike), ? (cannot tell), r (again), q (ask no more): "
ANSWERS: dict[str, float | None] = {"1": 1.0, "2": 0.0, "=": 0.5, "?": None}
GAP = 8  # pixels between the two


@dataclass(frozen=True)
class Human:
    """Who answers: `hear` puts a question and gives a line, None where there are no more; `show` draws a frame with a line below it."""

    hear: Callable[[str], str | None]
    show: Callable[[Any, str], None] | None = None


def attach(setup: Setup, folder: Path | None, human: Human | None) -> None:
    """Let a method that wants a human ask one; UsageError where there is none, or where nothing can be drawn."""
    method = setup.method
    if not isinstance(method, Preferring) or not method.wants_human():
        return
    split = setup.data.train
    assert isinstance(split, EpisodeSplit), "clips are of episodes"
    if human is None:
        raise UsageError("a human at the terminal, who is asked", "no terminal",
                         "Leave `answered_by` out: then a script answers by the true goal.")
    if not split.world.draws_frames():
        raise UsageError("an environment that draws frames, which a human looks at", f"`{split.world.name}`", "Give it `render`.")
    method.ask(lambda pair: _answer(pair, split, folder, human))


def _answer(pair: tuple[Clip, Clip], split: EpisodeSplit, folder: Path | None, human: Human) -> float | None:
    """1 for the first, 0 for the second, 1/2 for both alike, None where it cannot be told; EOFError where nothing more is to be asked."""
    frames = beside(*(frames_of(clip, split) for clip in pair))
    where = ""
    if folder is not None:
        (folder / FILE).parent.mkdir(exist_ok=True)
        Episode(0.0, len(frames), tuple(frames)).save(folder / FILE)
        where = f"{folder / FILE}\n"
    again = True
    while True:
        if again and human.show is not None:
            for frame in frames:
                human.show(frame, "1 is on the left, 2 on the right")
        said = human.hear(where + QUESTION)
        word = "q" if said is None else said.strip().lower()
        if word in ANSWERS:
            return ANSWERS[word]
        if word == "q":
            raise EOFError
        again = word == "r"


def beside(left: list[np.ndarray], right: list[np.ndarray]) -> list[np.ndarray]:
    """Frames (H, W, 3) of two clips in one, the shorter of which stays at its end."""
    count = max(len(left), len(right))
    pairs = zip(*(clip + clip[-1:] * (count - len(clip)) for clip in (left, right)), strict=True)
    return [np.concatenate([a, np.full((a.shape[0], GAP, 3), 255, np.uint8), b], 1) for a, b in pairs]
