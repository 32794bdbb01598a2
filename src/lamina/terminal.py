"""What the command line shows: progress with time left on a terminal, plain lines in a pipe, JSON when asked."""

import csv
import json
import logging
import math
import os
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lamina.core.config import Config
from lamina.core.events import Event
from lamina.core.run import Run
from lamina.core.task import LOWER_IS_BETTER, Evaluation
from lamina.oversight.look import Look
from lamina.oversight.summary import layers, table
from lamina.plan import Plan
from lamina.verbs.compare import Comparison
from lamina.verbs.evaluate import Judged
from lamina.verbs.predict import Answer
from lamina.verbs.preferring import Human
from lamina.verbs.request import Request
from lamina.verbs.setup import Setup, knob_table
from lamina.verbs.train import Outcome, Watcher

SECONDS_BETWEEN_LINES = 5


class Screen:
    """One command's output. With JSON, people's lines go to standard error and the object to standard output."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.out = sys.stderr if as_json else sys.stdout
        self.live = self.out.isatty()
        self._plan: Plan | None = None
        self._shown = 0.0
        self._began: tuple[float, int] | None = None
        handler = logging.StreamHandler(self.out)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logging.getLogger("lamina").handlers = [handler]
        logging.getLogger("lamina").setLevel(logging.INFO)

    def watcher(self) -> Watcher:
        """The pair of ears that `train` tells its plan and events."""
        there = self.live and sys.stdin.isatty()
        return Watcher(self._announce, self._event, self._ask if there else None, Human(self._prefer, self._show) if there else None)

    def _prefer(self, question: str) -> str | None:
        self._clear()
        return self.hear(question)

    def _ask(self, question: str) -> bool:
        """Whether the human says yes."""
        self._clear()
        self._line(question)
        self.out.write("yes or no: ")
        self.out.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def plan(self, setup: Setup, plan: Plan, run: Run | None = None) -> None:
        """The plan of a training that was not asked to start (`--dry`)."""
        self._announce(setup, plan, run)
        if self.as_json:
            configs = {name: config.model_dump() for name, config in setup.configs.items()}
            self._json({"plan": plan.model_dump(), "model": setup.choice.model, "configs": configs})
        else:
            self._line(table(layers(setup.learner.model, setup.data.spec)))
            for section, config in setup.configs.items():
                self._line(f"  {section}: {_changed(config)}")

    def knobs(self, request: Request) -> None:
        """Every knob of the chosen model, method and loop."""
        rows = knob_table(request)
        if self.as_json:
            self._json({"knobs": rows})
        for row in [] if self.as_json else rows:
            self._line(f"  {row['knob']:<24}{row['value']!s:<12}{row['help']}")

    def finish(self, outcome: Outcome) -> None:
        """The last lines of a training: what was reached, where it lies, what comes next."""
        task, test = outcome.setup.task, outcome.test
        for name, found in outcome.baselines.items():
            took = f"   {found.seconds:.1f} s" if found.seconds else ""
            self._line(f"baseline {name}: test {_figures(found.metrics)}{_interval(found)}{took}")
        self._line(f"validation {_figures(outcome.valid.metrics)}   (best of training; {outcome.reason})")
        self._line(f"test       {_figures(test.metrics)}{_interval(test)}")
        told = outcome.judgement
        for line in told.calibration.lines() if told.calibration else []:
            self._line(f"sure       {line}")
        for line in told.settled.lines() if told.settled else []:
            self._line(f"answers    {line}")
        if told.verdict:
            self._line(f"verdict    {told.verdict.sentence}")
        where = outcome.run.folder if outcome.run else None
        self._line(f"run: {where}   {outcome.seconds:.1f} s   next: {_next(task.name, where)}")
        if where:
            self._line(f"report: {where / 'report.html'}")
        if self.as_json:
            cpu = sum(os.times()[:4])
            self._json({"run": str(where), "task": task.name, "metrics": test.metrics, "intervals": test.intervals,
                        **told.to_json(), "seconds": _since_start(), "cpu_seconds": cpu})

    def evaluation(self, run: Path, look: Judged) -> None:
        """The figures of `evaluate`: on the test, or on `look.rows` other rows."""
        found = look.found
        if self.as_json:
            self._json({"run": str(run), "metrics": found.metrics, "intervals": found.intervals, "rows": look.rows,
                        **({"test_looks": look.looks} if look.looks else {"unlike": look.strange})})
            return
        self._line(f"{'test' if look.looks else f'{look.rows} other rows:'} {_figures(found.metrics)}{_interval(found)}")
        if look.looks:
            self._line(f"This was look {look.looks} at the test split: figures that guide a choice are no longer a test.")
        elif look.strange:
            self._line(f"{look.strange} of them are unlike the training data, where a model is on its own.")

    def look(self, found: Look, page: Path) -> None:
        """What `look` found, and where its page is."""
        if self.as_json:
            self._json(found.to_json() | {"page": str(page)})
            return
        self._line(f"{found}\n\npage: {page}   {found.seconds:.1f} s")

    def predictions(self, answers: Iterable[Answer]) -> None:
        """An input after the other."""
        if self.as_json:
            self._json({"predictions": [answer.to_json() for answer in answers]})
            return
        for line in (line for answer in answers for line in answer.lines()):
            self._line(line)

    def comparison(self, found: Comparison) -> None:
        """Runs side by side, and what lies between them."""
        if self.as_json:
            self._json(found.to_json())
            return
        for run in found.runs:
            shown = Evaluation(dict(run.metrics), dict(run.intervals))
            self._line(f"{run.run}   {run.model}, {run.parameters:,} parameters, {run.seconds:.1f} s")
            self._line(f"       test {_figures(run.metrics)}{_interval(shown)}")
        for group in found.groups:
            means = Evaluation(dict(group.metrics), dict(group.intervals))
            self._line(f"{group.name}, {len(group.runs)} seeds: test {_figures(means.metrics)}{_interval(means)}")
        for line in [*found.sentences, *([found.warning] if found.warning else [])]:
            self._line(line)
        self._line(f"Looks at these tests so far: {', '.join(str(run.looks) for run in found.runs)}.")

    def say(self, text: str) -> None:
        """A line for the one who plays."""
        self._line(text)

    def hear(self, question: str) -> str | None:
        """A line of the one who plays; None where there are no more."""
        if sys.stdin.isatty():
            self.out.write(question)
            self.out.flush()
        return sys.stdin.readline() or None

    def stage(self) -> dict[str, Any]:
        """Where frames are shown and keys are read, on a terminal; nothing elsewhere."""
        if not (self.live and sys.stdin.isatty()):
            return {}
        from lamina.watching import CLEAR, Keys

        self.out.write(CLEAR)
        return {"show": self._show, "keys": Keys}

    def _show(self, frame: Any, line: str) -> None:
        from lamina.watching import FRAMES_A_SECOND, HOME, blocks

        size = shutil.get_terminal_size()
        self.out.write(f"{HOME}{blocks(frame, size.columns, size.lines - 3)}\n\x1b[2K{line}\n")
        self.out.flush()
        time.sleep(1 / FRAMES_A_SECOND / 4)

    def played(self, found: dict[str, Any]) -> None:
        """What came of a game."""
        if self.as_json:
            self._json(found)

    def report(self, page: Path) -> None:
        """Where the page of a run is."""
        if self.as_json:
            self._json({"report": str(page)})
        else:
            self._line(f"report: {page}")

    def csv(self, rows: list[tuple[str, Any]]) -> None:
        """A header and one line of CSV an input."""
        tables = [{"input": str(name), **_flat(answer.to_json())} for name, answer in rows]
        columns = dict.fromkeys(key for row in tables for key in row)
        writer = csv.DictWriter(sys.stdout, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(tables)

    # -- while it trains --------------------------------------------------------------------------

    def _announce(self, setup: Setup, plan: Plan, run: Run | None) -> None:
        self._plan = plan
        data, model = setup.data, setup.learner.model
        count = sum(p.numel() for p in model.parameters())
        self._line(f"data   {data.sheet or data.name}")
        for line in data.meaning:
            self._line(f"       {line}")
        for line in data.account.lines():
            self._line(f"       {line}")
        training = str(len(data.train)) if len(data.train) else "games are played anew"
        self._line(f"       {training} to train, {len(data.valid)} to validate, {len(data.test)} kept for the test")
        best = "least" if plan.monitor in LOWER_IS_BETTER else "most"
        self._line(f"task   {setup.task.name}: best = {best} {plan.monitor} on the validation split")
        self._line(f"model  {setup.choice.model} x {setup.choice.method}, {count:,} parameters")
        if setup.choice.because:
            self._line(f"       {setup.choice.because}")
        self._line(f"start  {setup.origin}" + (f"; anew: {', '.join(setup.anew)}" if setup.anew else ""))
        self._line(f"plan   {plan.steps} steps, {plan.threads} threads, {plan.precision}, {plan.device}, seed {plan.seed}"
                   f"   about {_time(plan.seconds or plan.steps * plan.step_seconds)}")
        if run is not None:
            self._line(f"run    {run.folder}")

    def _event(self, event: Event) -> None:
        assert self._plan is not None, "the plan is announced first"
        if event.kind == "valid":
            self._clear()
            self._line(f"step {event.step:>6}  valid  {_figures(event.values)}")
        elif event.kind == "sample":
            self._line(f"step {event.step:>6}  sample {event.values['file']}")
        elif event.kind == "train" and (self.live or time.monotonic() - self._shown > SECONDS_BETWEEN_LINES):
            self._shown = time.monotonic()
            self._progress(event)

    def _progress(self, event: Event) -> None:
        assert self._plan is not None, "the plan is announced first"
        self._began = self._began or (event.time, event.step)
        speed = (event.step - self._began[1]) / max(event.time - self._began[0], 1e-9)
        by_clock = self._plan.seconds - event.time if self._plan.seconds else float("inf")
        left = f", {_time(max(0.0, min((self._plan.steps - event.step) / speed, by_clock)))} left" if speed > 0 else ""
        text = f"step {event.step:>6} of {self._plan.steps}  {_figures(event.values)}{left}"
        if self.live:
            self.out.write(f"\r\x1b[2K{text}")
            self.out.flush()
        else:
            self._line(text)

    def _clear(self) -> None:
        if self.live:
            self.out.write("\r\x1b[2K")

    def _line(self, text: str) -> None:
        print(text, file=self.out, flush=True)

    def _json(self, content: dict[str, Any]) -> None:
        print(json.dumps(_finite(content), ensure_ascii=False), flush=True)


def _flat(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer's parts by one name each: `label`, `probabilities.yes`; a number by its own name."""
    found: dict[str, Any] = {}
    for key, value in answer.items():
        if isinstance(value, dict):
            found |= {name if key == "values" else f"{key}.{name}": one for name, one in value.items()}
        else:
            found[key] = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
    return found


def _finite(value: Any) -> Any:
    """JSON knows no NaN and no infinity: null."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _figures(values: Any) -> str:
    return "  ".join(f"{k} {_number(v)}" for k, v in values.items() if not isinstance(v, list))


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) >= 10 else f"{value:.4g}"
    return str(value)


def _interval(found: Evaluation) -> str:
    return "".join(f"   95 %: {name} {low:.4g} to {high:.4g}" for name, (low, high) in found.intervals.items())


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _changed(config: Config) -> str:
    return ", ".join(f"{k}={v}" for k, v in config.model_dump().items())


def _next(task: str, where: Path | None) -> str:
    return f"lamina predict {where} YOUR_FILE" if task in ("classify", "regress") else f"lamina evaluate {where}"


def _since_start() -> float:
    """Seconds since the kernel started this process, imports included."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    except OSError:
        return time.process_time()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
