"""The words of a command line as a `Request`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from lamina.core.config import words_of
from lamina.core.errors import UsageError, quoted
from lamina.core.task import Quality
from lamina.verbs.request import Request

OF_DATA = ("target", "group", "time", "allow_refused")  # options that are knobs of the reader
DURATIONS = {"s": 1, "m": 60, "h": 3600}


def request_of(data: str, words: Sequence[str], options: Mapping[str, Any]) -> Request:
    """A request from DATA, `key=value` words and the options of `lamina train`."""
    knobs: dict[str, Any] = words_of(words)
    knobs |= {f"data.{name}": options[name] for name in OF_DATA if options.get(name)}
    quality = knobs.pop("quality", "good")
    if quality not in get_args(Quality):
        raise UsageError(f"`quality` to be one of {quoted(get_args(Quality))}", f"`{quality}`", "Leave it out for `good`.")
    return Request(
        data=data, task=options["task"], model=options["model"], method=options["method"], words=knobs,
        seed=options["seed"], device=options["device"], quality=quality, seconds=duration(options["duration"]),
        until=wanted(options["until"]), out=options["out"] or free_folder(data), warm_start=options["warm_start"],
        gate=options["gate"] or "ask",
    )  # fmt: skip


def refuse_beside_resume(given: Mapping[str, Any]) -> None:
    """A resumed run goes on as it was begun: whatever else was asked for would be passed over in silence."""
    came = [name for name, value in given.items() if value and (name, value) != ("device", "auto")]
    if came:
        raise UsageError("`--resume RUN` alone, as a run goes on with the settings it was begun with", quoted(came),
                         "Leave them out, or begin a new run: `lamina train DATA --from RUN`.")


def duration(text: str) -> float | None:
    """`90s`, `10m`, `1.5h` in seconds; None for nothing.

    >>> duration("10m")
    600.0
    """
    if not text:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if found is None or float(found[1]) == 0:
        raise UsageError("a time as `90s`, `10m` or `2h`", f"`{text}`", "Write a number and its unit.")
    return float(found[1]) * DURATIONS[found[2]]


def wanted(texts: Sequence[str]) -> dict[str, float]:
    """`accuracy=0.99` as {"accuracy": 0.99}."""
    found = {}
    for name, value in words_of(texts).items():
        try:
            found[name] = float(value)
        except ValueError as error:
            raise UsageError(f"a number for `{name}`", f"`{value}`", "Write for example `--until accuracy=0.99`.") from error
    return found


def free_folder(data: str) -> Path:
    """runs/DATA-N with the first N that is free."""
    stem = re.sub(r"[^\w.-]+", "-", Path(data).stem or "run")
    number = 1
    while Path(f"runs/{stem}-{number}").exists():
        number += 1
    return Path(f"runs/{stem}-{number}")
