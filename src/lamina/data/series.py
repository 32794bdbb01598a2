"""From columns of numbers in the order of time to `Data`: windows of the past with what followed, the latest held out.

The first 70 % of every series are learned from, the next 10 % validate, the last 20 % are the test. A window belongs to the part in which
all that it asks for lies; its past may reach into the part before, as it will in use. Held-out windows do not overlap in what they ask
for, so that each number is judged once, unless fewer than 30 would be left.

    T  moments of a series    D  columns    L  moments of the past    K  moments ahead
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.data import Account, Data
from lamina.core.errors import DataError
from lamina.core.spec import Numbers, Series, Spec
from lamina.data.window_split import WindowSplit

TRAIN, VALID = 0.7, 0.8  # where the parts end
ENOUGH = 30  # held-out windows, for which they may overlap
LEAST_LIKE = 0.3  # autocorrelation from which moments repeat themselves
MOST_SEASON, MOST_AHEAD, USUAL_AHEAD, USUAL_PAST = 400, 24, 12, 24
LEAST = 20  # moments of a series


class Config(knobs.Config):
    """How far is looked back, and ahead."""

    past: int = knob(0, "moments that are looked back on; 0: two seasons, or three times `ahead`", low=0, high=10_000)
    ahead: int = knob(0, "moments that are looked ahead; 0: one season, at most 24", low=0, high=1000)
    season: int = knob(0, "moments after which a series repeats itself; 0: found in the data, 1: none", low=0, high=10_000)


@dataclass(frozen=True)
class Told:
    """One series: its name, its numbers (T, D) float32 without gaps, and what a person calls each moment."""

    name: str
    values: np.ndarray
    moments: Sequence[str]


def data_of(name: str, series: Sequence[Told], spec: Series, config: Config) -> Data:
    """The series as data to learn from. spec: its columns; past and season are found here. DataError where they are too short."""
    longest = max((len(one.values) for one in series), default=0)
    if longest < LEAST:
        raise DataError(f"a series of {LEAST} moments and more", f"`{longest}` in `{name}`", "Give a longer one.")
    season = config.season or season_of([one.values[: int(TRAIN * len(one.values)), spec.place] for one in series])
    ahead = config.ahead or (min(season, MOST_AHEAD) if season > 1 else USUAL_AHEAD)
    past = config.past or max(2 * season, 3 * ahead, USUAL_PAST)
    if not config.past:  # a short series is rather looked back on less than not at all
        past = max(1, min(past, int(TRAIN * longest) - 3 * ahead))
    spec = spec.model_copy(update={"past": past, "season": season})
    train, valid, test = (_cut(series, spec, ahead, part) for part in ("train", "valid", "test"))
    if not all(len(split) for split in (train, valid, test)):
        raise DataError(f"a series long enough for windows of {past} moments and {ahead} ahead", f"`{longest}` moments in `{name}`",
                        "Look back on fewer: `past=N`, or ahead: `ahead=N`.")
    target = Numbers(names=tuple(f"{spec.asked}+{n}" for n in range(1, ahead + 1)))
    used = sum(len(one.values) for one in series)
    repeats = f"it repeats after {season} moments" if season > 1 else "no season was found"
    meaning = (f"`{spec.asked}` is what is forecast, {ahead} moments ahead from {past} before ({repeats}); "
               f"columns that are looked at: {', '.join(spec.names)}",
               f"{len(series)} series of {used:,} moments: the first {TRAIN:.0%} to train on, up to {VALID:.0%} to validate, the last "
               f"{1 - VALID:.0%} as test")  # fmt: skip
    sheet = f"`{name}`: {len(series)} series of numbers"
    return Data(name, Spec(input=spec, target=target), train, valid, test, sheet, Account(used), meaning=meaning)


def rows_of(spec: Spec, series: Sequence[Told]) -> WindowSplit:
    """Windows of other series, in the terms of a spec that was learned."""
    assert isinstance(spec.input, Series), "series"
    return _cut(series, spec.input, spec.target.size, "all")


def _cut(series: Sequence[Told], spec: Series, ahead: int, part: str) -> WindowSplit:
    """The windows of a part of every series."""
    values = torch.from_numpy(np.concatenate([one.values for one in series]))
    starts, where, offset = list[int](), list[str](), 0
    stride = 1 if part == "train" else _stride([_bounds(len(one.values), part) for one in series], ahead)
    for one in series:
        low, high = _bounds(len(one.values), part)
        asked = range(max(low, spec.past), high - ahead + 1, stride)  # the first moment that is asked for
        starts += [offset + first - spec.past for first in asked]
        where += [f"{one.name} {one.moments[first]}".strip() for first in asked]
        offset += len(one.values)
    return WindowSplit(values, torch.tensor(starts, dtype=torch.int64), spec, ahead, where)


def _bounds(length: int, part: str) -> tuple[int, int]:
    first, second = int(TRAIN * length), int(VALID * length)
    return {"train": (0, first), "valid": (first, second), "test": (second, length), "all": (0, length)}[part]


def _stride(bounds: Sequence[tuple[int, int]], ahead: int) -> int:
    """From one held-out window to the next: as far as is looked ahead, or less where few would be left."""
    total = sum(high - low for low, high in bounds)
    return max(1, min(ahead, total // ENOUGH))


def season_of(series: Sequence[np.ndarray]) -> int:
    """The moments after which series (T,) repeat themselves, 1 where they do not: the first high peak of their autocorrelation.

    >>> season_of([np.sin(np.arange(200) * 2 * np.pi / 12)])
    12
    """
    likes = [_autocorrelation(one) for one in series if len(one) >= LEAST and np.ptp(one) > 0]
    if not likes:
        return 1
    length = min(map(len, likes))
    like = np.mean([one[:length] for one in likes], 0)
    peaks = [k for k in range(2, length - 1) if like[k] > LEAST_LIKE and like[k] >= like[k - 1] and like[k] > like[k + 1]]
    best = max((like[k] for k in peaks), default=0)
    return next((k for k in peaks if like[k] >= 0.9 * best), 1)


def _autocorrelation(x: np.ndarray) -> np.ndarray:
    """(k,) of lags 0 to k of a series without its straight line, each by as many products as there are."""
    moments = np.arange(len(x))
    rest = x - np.polyval(np.polyfit(moments, x.astype(np.float64), 1), moments)
    most = min(MOST_SEASON, len(x) // 3)
    power = np.mean(rest**2) or 1.0
    return np.array([np.mean(rest[: len(x) - k] * rest[k:]) / power for k in range(most + 1)])


def with_gaps_filled(told: Told) -> tuple[Told, int]:
    """A series whose missing numbers are the last before them (at its beginning the first after), and how many were missing."""
    values, missing = told.values.copy(), int(np.isnan(told.values).sum())
    for column in values.T:
        known = np.flatnonzero(~np.isnan(column))
        if len(known):
            column[:] = column[known[np.clip(np.searchsorted(known, np.arange(len(column)), side="right") - 1, 0, None)]]
    return replace(told, values=values), missing
