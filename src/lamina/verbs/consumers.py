"""Plain consumers of events. Each is a fold over the events, so a resumed run rebuilds it from events.jsonl."""

from collections.abc import Mapping
from typing import Any, Protocol

from lamina.core.errors import unknown
from lamina.core.events import Event
from lamina.core.task import LOWER_IS_BETTER, is_better

BUDGET_FOR_TRAINING = 0.95


class Consumer(Protocol):
    """Hears every event; a reason to stop, or ""."""

    def feed(self, event: Event) -> str: ...


class Patience:
    """Stops after `rounds` validations without a gain in `monitor`; 0 never stops."""

    def __init__(self, monitor: str, rounds: int) -> None:
        self.monitor, self.rounds = monitor, rounds
        self.best: Mapping[str, float] | None = None
        self.stale = 0

    def feed(self, event: Event) -> str:
        if event.kind != "valid":
            return ""
        better = is_better(self.monitor, event.values, self.best)
        self.best, self.stale = (event.values, 0) if better else (self.best, self.stale + 1)
        return "patience" if self.rounds and self.stale >= self.rounds else ""


class Until:
    """Stops when every wanted figure of the validation split is reached."""

    def __init__(self, wanted: Mapping[str, float]) -> None:
        self.wanted = wanted

    def feed(self, event: Event) -> str:
        if event.kind != "valid" or not self.wanted:
            return ""
        reached = all(self._holds(name, event.values) for name in self.wanted)
        return "target" if reached else ""

    def _holds(self, name: str, values: Mapping[str, Any]) -> bool:
        if name not in values:
            raise unknown("figure", name, values)
        value = float(values[name])
        return value <= self.wanted[name] if name in LOWER_IS_BETTER else value >= self.wanted[name]


class Budget:
    """Stops when the time allowed is nearly over: the last validation and the figures at the end belong to it."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = None if seconds is None else BUDGET_FOR_TRAINING * seconds

    def feed(self, event: Event) -> str:
        return "time" if self.seconds is not None and event.time > self.seconds else ""
