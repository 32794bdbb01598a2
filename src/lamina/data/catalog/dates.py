"""Dates as people write them, made by us, beside their form in ISO 8601: `3rd of May 1979` and `1979-05-03`.

12,000 pairs: days from 1900-01-01 to 2099-12-31, each day once, in one of the 20 ways of writing below, all of which are unambiguous:
where only numbers are written, the year or the day comes first as its sign tells (`2021/5/3`, `3.5.2021`). Two digits of a
year are never all that is written. 10,000 pairs to train on, 1,000 for validation and 1,000 as test, always the same; no day of
one part is in another, so a date of the test was never seen in any way of writing. Licence: made here, none needed.
"""

import datetime

import numpy as np

from lamina.core import config as knobs
from lamina.core.data import Data
from lamina.data import pairs
from lamina.data.pairs import Pairs

FIRST, LAST = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)
SIZES = {"train": 10_000, "valid": 1_000, "test": 1_000}
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WAYS = (
    "{d} {month} {y}", "{d} {mon} {y}", "{month} {d}, {y}", "{mon} {d}, {y}", "{nth} of {month} {y}", "{nth} {month} {y}",
    "{month} {nth}, {y}", "the {nth} of {month}, {y}", "{weekday}, {d} {month} {y}", "{weekday}, {month} {d}, {y}", "{wd} {d} {mon} {y}", 
    "{d}-{mon}-{y}", "{d}.{m}.{y}", "{d:02}.{m:02}.{y}", "{y}/{m}/{d}", "{y}/{m:02}/{d:02}", "{y}, {month} {d}", "{month} {y}, the {nth}",
    "{d:02} {MON} {y}", "on {weekday} the {nth} of {month} {y}",
)  # fmt: skip


class Config(knobs.Config):
    """Dates; nothing to choose."""


def dates(config: Config, seed: int) -> Data:
    """Dates and their ISO form, as characters."""
    random = np.random.default_rng(0)
    count = sum(SIZES.values())
    days = random.permutation((LAST - FIRST).days + 1)[:count]
    ways = random.integers(len(WAYS), size=count)
    moments = [FIRST + datetime.timedelta(days=int(day)) for day in days]
    written = [written_as(moment, WAYS[way]) for moment, way in zip(moments, ways, strict=True)]
    parts = np.repeat(list(SIZES), list(SIZES.values()))
    found = Pairs(written, [moment.isoformat() for moment in moments], [f"date {i}" for i in range(count)], parts, ("date", "iso"))
    return pairs.data_of("dates", found, pairs.Config(unit="character"), seed)


def written_as(moment: datetime.date, way: str) -> str:
    """A day in one way of writing.

    >>> written_as(datetime.date(1979, 5, 3), "{nth} of {month} {y}")
    '3rd of May 1979'
    """
    month, weekday = MONTHS[moment.month - 1], WEEKDAYS[moment.weekday()]
    return way.format(d=moment.day, m=moment.month, y=moment.year, month=month, mon=month[:3], MON=month[:3].upper(), weekday=weekday,
                      wd=weekday[:3], nth=nth(moment.day))


def nth(day: int) -> str:
    """The ordinal of a day.

    >>> [nth(day) for day in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 31)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '22nd', '23rd', '31st']
    """
    return f"{day}{'th' if 10 < day < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"
