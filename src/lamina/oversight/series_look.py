"""A look at series of numbers: what can be asked, what the last value and the season before score, what is wrong, and a picture of each."""

from shlex import quote
from typing import Any

import numpy as np
import torch

from lamina.baselines.series import of_series
from lamina.core.data import Data, Split, batches
from lamina.core.series_drawn import series_svg
from lamina.core.spec import Series
from lamina.core.task import Evaluation
from lamina.data.window_split import WindowSplit
from lamina.metrics.regression import Regression
from lamina.oversight import page
from lamina.oversight.framing import Question
from lamina.oversight.page import Html
from lamina.oversight.problems import Problem, of_account, ranked

SHOWN, POINTS = 4, 400  # windows in the page; of a long one so many numbers
STILL, FAR, JUMP = 0.2, 3.0, 8.0  # share of equal neighbours; deviations of the test from training; of a step from the usual ones
FEW = 200  # windows


def questions(data: Data, word: str) -> list[Question]:
    """What can be asked, with the figures of those who look at nothing but the last value, or the season before."""
    spec = _spec(data)
    found = of_series(data, _error)
    told = ", ".join(f"{name}: rmse {one.metrics['rmse']:.4g}" for name, one in found.items())
    asks = f"How does `{spec.asked}` go on? {data.spec.target.size} moments ahead"
    command = f"lamina train {quote(word)} --task forecast"
    return [Question(asks, "forecast", spec.asked, command, told, "rmse", found["last value"].metrics["rmse"])]


def problems(data: Data) -> list[Problem]:
    """What is found wrong, the worst first."""
    return ranked([*of_account(data.account), *_shifted(data), *_jumps(data), *_still(data), *_few(data)])


def shown(data: Data) -> Html:
    """Some windows and what followed, for the page."""
    rows = torch.linspace(0, len(data.train) - 1, min(SHOWN, len(data.train))).long()
    batch, place, names = data.train.batch(rows), _spec(data).place, getattr(data.train, "where", ())
    figures = [page.figure(Html(series_svg(x[-POINTS:, place].tolist(), (), y.tolist(), str(names[i]) if len(names) else "")), "")
               for i, x, y in zip(rows.tolist(), batch["x"], batch["y"], strict=True)]  # fmt: skip
    return page.section("Some of it: what was, and what followed", *figures)


def _spec(data: Data) -> Series:
    assert isinstance(data.spec.input, Series), "series"
    return data.spec.input


def _error(rival: Any, split: Split) -> Evaluation:
    gathered = Regression()
    for batch in batches(split):
        gathered.update(rival(batch["x"]), batch["y"])
    return Evaluation(gathered.value())


def _values(split: Any) -> np.ndarray:
    """The numbers of the asked column that a split's windows ask for."""
    found: np.ndarray = split.batch(torch.arange(len(split)))["y"][:, 0].numpy()
    return found


def _shifted(data: Data) -> list[Problem]:
    """The end lies where training never was."""
    learned, test = _values(data.train), _values(data.test)
    away = abs(float(test.mean() - learned.mean())) / (float(learned.std()) or 1.0)
    means = f"The test's numbers lie {away:.1f} deviations from those of training: the series has moved since."
    return [Problem("a level that training never saw", "worth" if away > FAR else "note", len(test), means,
                    "Expect errors to grow; forecast changes, or train again as new numbers come.")] if away > 1 else []  # fmt: skip


def _jumps(data: Data) -> list[Problem]:
    """Steps far larger than the others, which may be mistakes."""
    split = data.train
    assert isinstance(split, WindowSplit), "windows of series"
    steps = np.diff(_values(split))
    usual = float(np.median(np.abs(steps))) or float(np.abs(steps).mean()) or 1.0
    where = np.flatnonzero(np.abs(steps) > JUMP * 1.4826 * usual) + 1
    names = tuple(split.where[i] for i in where[:12])
    return [Problem("sudden jumps", "note", len(where), f"Steps {JUMP:.0f} times larger than usual: events, or mistakes of the instrument.",
                    "Look at these moments.", names)] if len(where) else []  # fmt: skip


def _still(data: Data) -> list[Problem]:
    """A number that stands still, as of an instrument that hangs."""
    steps = np.diff(_values(data.train))
    share = float((steps == 0).mean()) if len(steps) else 0.0
    return [Problem("numbers that stand still", "note", int((steps == 0).sum()), f"{share:.0%} of the numbers equal the one before.",
                    "Check whether gaps were filled up.")] if share > STILL else []  # fmt: skip


def _few(data: Data) -> list[Problem]:
    count = len(data.train)
    means = f"{count:,} windows to learn from: the line through the past needs fewer than a network."
    return [Problem("a short series", "worth", count, means, "Look back on less (`past=N`), or take the line.")] if count < FEW else []
