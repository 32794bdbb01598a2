"""The gate: where an agent's reward leaves its true goal, training waits for a human's yes or no.

The watch (oversight/goal.py) hears of every episode that train events tell. On an alarm clips of the most-paid episodes are drawn, and
what follows is the gate's: `warn` goes on, `stop` stops, `ask` asks the human, and stops where nobody is there to answer. What was
found and decided is kept in `alarms.json`. Whoever resumes a run that was stopped has said yes to what was found before.
"""

from collections.abc import Callable
from typing import Any, Literal, get_args

from lamina.core.errors import UsageError, quoted
from lamina.core.events import Event
from lamina.core.run import Run
from lamina.core.say import say
from lamina.envs.episodes import EpisodeSplit
from lamina.envs.vector import Record
from lamina.oversight.goal import Alarm, GoalWatch, in_words
from lamina.tasks.play import paid_most
from lamina.verbs.setup import Setup

Gate = Literal["ask", "stop", "warn"]
Ask = Callable[[str], bool]  # a question to a human; whether the answer is yes


class GoalGate:
    """A consumer of events that stops where the goal is lost. `ask`: how a human is asked, None where there is none."""

    def __init__(self, setup: Setup, run: Run | None, mode: str, ask: Ask | None) -> None:
        split = setup.data.train
        assert isinstance(split, EpisodeSplit), "goals are of episodes"
        self.setup, self.run, self.mode, self.ask = setup, run, checked(mode), ask
        self.watch = GoalWatch(reached=split.world.reached())
        self.past = False  # events that are read again were answered when they came
        kept = run.read("alarms") if run is not None and (run.folder / "alarms.json").exists() else {"alarms": []}
        self.found: list[dict[str, Any]] = kept["alarms"]

    def feed(self, event: Event) -> str:
        """A reason to stop, or ""."""
        if event.kind != "train" or "episodes" not in event.values:
            return ""
        records = [Record(**told) for told in event.values["episodes"]]
        alarms = self.watch.feed(records, int(event.values["environment_steps"]))
        return self._meet(alarms, event.step) if alarms and not self.past else ""

    def _meet(self, alarms: list[Alarm], step: int) -> str:
        """One answer to all that is raised at once."""
        clips = self._clips(step)
        goes_on = self._answer(alarms, clips)
        self.found += [{"step": step, **alarm.to_json(), "said": alarm.found(), "clips": clips, "gate": self.mode, "goes_on": goes_on}
                       for alarm in alarms]
        if self.run is not None:
            self.run.write("alarms", {"alarms": self.found})
        return "" if goes_on else "goal"

    def _clips(self, step: int) -> list[str]:
        if self.run is None:
            return []
        drawn = paid_most(self.setup.learner.predictor(), self.setup.data, self.setup.learner.seed)
        names = [f"samples/alarm-{step}-{i}{clip.ending}" for i, clip in enumerate(drawn)]
        for name, clip in zip(names, drawn, strict=True):
            self.run.draw(name, clip)
        return names

    def _answer(self, alarms: list[Alarm], clips: list[str]) -> bool:
        found = "; ".join(in_words((alarm.kind, alarm.found()) for alarm in alarms))
        said = f"ALARM {found}." + (f" Look at {quoted(clips)}." if clips else "")
        if self.mode == "ask" and self.ask is not None:
            return self.ask(f"{said} Train on?")
        on = self.mode == "warn"
        say(f"{said} " + ("Training goes on (--gate warn)." if on else "Stopped: `--resume RUN` trains on, a mended reward is better."))
        return on


def checked(mode: str) -> Gate:
    """The gate by its word."""
    if mode not in get_args(Gate):
        raise UsageError(f"`--gate` to be one of {quoted(get_args(Gate))}", f"`{mode}`", "Leave it out for `ask`.")
    found: Gate = mode  # type: ignore[assignment]
    return found
