"""Plain consumers of events. Each is a fold over the events, so a resumed run rebuilds it from events.jsonl."""

from collections.abc import Mapping
from typing import Protocol

from lamina.core.events import Event
from lamina.core.task import Task, is_better


class Consumer(Protocol):
    """Hears every event; a reason to stop, or ""."""

    def feed(self, event: Event) -> str: ...


class Patience:
    """Stops after `rounds` validations without a gain for the task; 0 never stops."""

    def __init__(self, task: Task, rounds: int) -> None:
        self.task, self.rounds = task, rounds
        self.best: Mapping[str, float] | None = None
        self.stale = 0

    def feed(self, event: Event) -> str:
        if event.kind != "valid":
            return ""
        better = is_better(self.task, event.values, self.best)
        self.best, self.stale = (event.values, 0) if better else (self.best, self.stale + 1)
        return "patience" if self.rounds and self.stale >= self.rounds else ""


class Until:
    """Stops when every wanted figure of the validation split is reached; `directions`: max or min by figure."""

    def __init__(self, wanted: Mapping[str, float], lower_is_better: frozenset[str]) -> None:
        self.wanted, self.lower = wanted, lower_is_better

    def feed(self, event: Event) -> str:
        if event.kind != "valid" or not self.wanted:
            return ""
        reached = all(self._holds(name, float(event.values[name])) for name in self.wanted)
        return "target" if reached else ""

    def _holds(self, name: str, value: float) -> bool:
        return value <= self.wanted[name] if name in self.lower else value >= self.wanted[name]


class Budget:
    """Stops when the time allowed is over, in case the machine got slower than the plan measured."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds

    def feed(self, event: Event) -> str:
        return "time" if self.seconds is not None and event.time > self.seconds else ""
