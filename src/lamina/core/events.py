"""What a run tells while it works: one `Event` a line of `events.jsonl`.

`step`, `kind` and `values` repeat bit by bit when a run is resumed or repeated; `time` does not.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal["train", "valid", "sample", "note", "saved", "done"]


@dataclass(frozen=True)
class Event:
    """One thing that happened at one step. `time`: seconds of training so far."""

    step: int
    kind: Kind
    values: Mapping[str, Any] = field(default_factory=dict)
    time: float = 0.0

    def to_json(self) -> str:
        """One JSON line; numbers keep all their bits, and what is not finite becomes a word."""
        values = {k: _plain(v) for k, v in self.values.items()}
        return json.dumps({"step": self.step, "kind": self.kind, "values": values, "time": self.time})

    @staticmethod
    def from_json(line: str) -> "Event":
        """The event that `to_json` wrote."""
        return Event(**json.loads(line))


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def read(path: Path) -> Iterator[Event]:
    """The events of a file; a last line that was cut off by a crash is passed over."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield Event.from_json(line)
