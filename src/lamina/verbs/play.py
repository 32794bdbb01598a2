"""play: sit down at it yourself. Which file does that is told by what the run learned, or what the word names."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lamina.core.errors import UsageError
from lamina.core.registry import Registry
from lamina.core.run import Run
from lamina.core.spec import Spec
from lamina.verbs.data import load_data

PLAYS = Registry("kind of play", {
    "moves": "lamina.verbs.play_game:play_game",
    "actions": "lamina.verbs.play_env:play_env",
    "controls": "lamina.verbs.play_env:play_env",
})  # fmt: skip
# by the kind of a spec's target: each takes the Table and gives what is told at the end, plain values


@dataclass(frozen=True)
class Table:
    """Where one plays: the word, a run or DATA; other words; where lines are said and heard; whether the other side begins.

    `hear` gives a line of the user's, None where there are no more; `show` draws a frame with a line below it, None where nothing can be
    drawn; `keys` is a context whose keys are asked one by one, of None where there is no keyboard. `steer`: in the place of a run's agent.
    """

    word: str
    words: tuple[str, ...]
    say: Callable[[str], None]
    hear: Callable[[str], str | None]
    second: bool = False
    device: str = "auto"
    seed: int = 0
    steer: bool = False
    show: Callable[[Any, str], None] | None = None
    keys: Callable[[], AbstractContextManager[Any]] = nullcontext

    @property
    def run(self) -> Path | None:
        """The run, where the word is one."""
        return Path(self.word) if (Path(self.word) / "config.json").is_file() else None


def play(table: Table) -> dict[str, Any]:
    """Play; what came of it."""
    kind = _kind(table)
    if kind not in PLAYS:
        raise UsageError("something that can be played", f"`{table.word}`, which has `{kind}` as its target",
                         "Play a game, as `lamina play connect4`, or a run of one.")
    found: dict[str, Any] = PLAYS[kind](table)
    return found


def _kind(table: Table) -> str:
    if table.run is not None:
        return Run.open(table.run).read_as("spec", Spec).target.kind
    return load_data(table.word, {}, table.seed).spec.target.kind
