"""THE loop: one generator of events that every kind of learning passes through.

    with Fit(job) as events:
        for event in events: ...

Leaving the block saves, also after a break, an exception or ctrl-C. A valid event is on disk, with its
state, before it is yielded; so is whatever a consumer was shown last when it leaves.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch

from lamina.core import rng
from lamina.core.data import Data
from lamina.core.errors import Interrupted
from lamina.core.events import Event, Kind
from lamina.core.method import Acting, Method, Remembering
from lamina.core.run import Run
from lamina.core.task import Task, is_better
from lamina.optim.learner import Learner
from lamina.plan import Plan, apply


@dataclass(frozen=True)
class Job:
    """What is trained, how, on what, and where it is kept (`run` None: in memory)."""

    learner: Learner
    method: Method
    task: Task
    data: Data
    plan: Plan
    run: Run | None = None


class Fit:
    """An iterable context manager of events."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.step = 0
        self.best: dict[str, Any] = {"step": 0, "figures": None}
        self.best_weights: dict[str, torch.Tensor] | None = None
        self._sums: dict[str, torch.Tensor] = {}
        self._counts: dict[str, int] = {}
        self._told = 0  # events so far
        self._reason = ""
        self._saved_at = self._validated_at = -1
        self._interrupted = self._inside = self._closed = False
        self._clock = 0.0
        self._started = time.perf_counter()
        self._old_handler: Any = None
        self._events: Iterator[Event] = self._work()
        if job.run is not None and isinstance(job.method, Remembering):
            job.method.remember_in(job.run.folder / "memory")

    # -- the loop ---------------------------------------------------------------------------------

    def _work(self) -> Iterator[Event]:
        while self.step < self.job.plan.steps and not self._reason:
            if self._interrupted:
                raise Interrupted("to train on", "ctrl-C", self._how_to_resume())
            yield from self._undivided(self._step)
        if self._validated_at != self.step:
            yield from self._undivided(self._validate)
        yield self._tell("done", {"reason": self._reason or "steps", "best_step": self.best["step"]} | self.best["figures"])

    def _undivided(self, work: Callable[[], list[Event]]) -> list[Event]:
        """An update and all that is due after it are one: whoever leaves or fails, no step is saved in the middle."""
        self._inside = True
        told = work()
        self._inside = False
        return told

    def _step(self) -> list[Event]:
        """One update, and all that is due after it: told, judged and saved before any of it is shown."""
        self._update(self.step + 1)
        plan, told = self.job.plan, []
        validates = self.step % plan.valid_every == 0
        if validates or self.step % plan.log_every == 0 or self.step == plan.steps:
            self.job.learner.check()
            told.append(self._tell("train", self._means() | self.job.method.counters(self.step) | self._episodes()))
        if validates:
            told += self._validate()
        elif self.step % plan.save_every == 0:
            told.append(self._tell("saved", {}))
            self._save()
        return told

    def _update(self, step: int) -> None:
        learner, method = self.job.learner, self.job.method
        rng.reseed(learner.seed, step, "update")
        learner.begin(step)
        values = method.update(learner, method.next_batch(learner, step).to(learner.device))
        for name, value in values.items():
            self._sums[name] = self._sums[name] + value.detach() if name in self._sums else value.detach().clone()
            self._counts[name] = self._counts.get(name, 0) + 1
        self.step = step

    def _means(self) -> dict[str, Any]:
        """The mean of each value since the last train event, fetched from the device only now."""
        means = {name: (total / self._counts[name]).item() for name, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means

    def _episodes(self) -> dict[str, Any]:
        """The episodes that were played since the last train event, where the method plays some."""
        played = self.job.method.take_episodes() if isinstance(self.job.method, Acting) else []
        return {"episodes": played} if played else {}

    def _validate(self) -> list[Event]:
        """Judge the weights and save them: a valid event is on disk, with its state, before it is shown."""
        job = self.job
        seed = rng.key(job.plan.seed, self.step, "valid")
        predictor = job.learner.predictor()
        found = job.task.evaluate(predictor, job.data.valid, seed, brief=True)
        improved = is_better(job.plan.monitor, found.metrics, self.best["figures"])
        picture = job.task.sample(predictor, job.data.spec, job.plan.seed) if job.run else None
        told = [self._tell("valid", dict(found.metrics))]
        if picture is not None and job.run is not None:
            name = f"samples/{self.step}{picture.ending}"
            job.run.draw(name, picture)
            told.append(self._tell("sample", {"file": name}))
        if improved:
            self.best = {"step": self.step, "figures": dict(found.metrics)}
        job.learner.validated(improved)
        self._validated_at = self.step
        self._save()
        return told

    # -- keeping ----------------------------------------------------------------------------------

    def _tell(self, kind: Kind, values: dict[str, Any]) -> Event:
        event = Event(self.step, kind, values, self._clock + time.perf_counter() - self._started)
        if self.job.run is not None:
            self.job.run.tell(event)
        self._told += 1
        return event

    def _save(self) -> None:
        job, best = self.job, self._validated_at == self.step == self.best["step"]
        if job.run is None:
            if best:
                self.best_weights = {k: v.detach().clone() for k, v in job.learner.weights().items()}
            return
        rest = {
            "learner": job.learner.state(), "method": job.method.state(), "best": self.best,
            "sums": self._sums, "counts": self._counts, "told": self._told, "validated": self._validated_at,
        }  # fmt: skip
        job.run.save(self.step, {"weights": job.learner.weights(), "rest": rest}, best)
        self._saved_at = self.step

    def resume(self) -> list[Event]:
        """Continue where the run stopped; returns the events told so far."""
        run = self.job.run
        assert run is not None, "a run in memory cannot be resumed"
        found = run.pointer("last")
        if found is not None:
            state = run.load("last")
            rest = state["rest"]
            self.job.learner.load_state(state["weights"], rest["learner"])
            self.job.method.load_state(rest["method"])
            self.best, self._sums, self._counts = rest["best"], rest["sums"], rest["counts"]
            self._told, self._validated_at = rest["told"], rest["validated"]
        self.step = self._saved_at = found or 0
        past = run.cut(self._told, self.best["step"])  # the last: nothing of a run that cannot be continued is changed
        self._clock = past[-1].time if past else 0.0
        return past

    def stop(self, reason: str) -> None:
        """End after the present event: validate if that is due, say `done`."""
        self._reason = self._reason or reason

    def close(self, save: bool = True) -> None:
        """Leave; a trial that is not worth keeping is closed without saving. What was closed stays closed."""
        self._events = iter(())
        save, self._closed = save and not self._closed, True
        if save and self._saved_at != self.step and self.job.run is not None:
            self._save()

    # -- an iterable context manager --------------------------------------------------------------

    def __enter__(self) -> "Fit":
        apply(self.job.plan, self.job.learner)
        if threading.current_thread() is threading.main_thread():
            self._old_handler = signal.signal(signal.SIGINT, self._on_interrupt)
        self._started = time.perf_counter()
        return self

    def __iter__(self) -> "Fit":
        return self

    def __next__(self) -> Event:
        return next(self._events)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._old_handler is not None:
            signal.signal(signal.SIGINT, self._old_handler)
        self.close(save=not self._inside)  # nothing is ever saved in the middle of an update

    def _on_interrupt(self, signum: int, frame: Any) -> None:
        if self._interrupted:
            self._inside = True  # a second ctrl-C leaves without saving
            raise KeyboardInterrupt
        self._interrupted = True

    def _how_to_resume(self) -> str:
        where = self.job.run.folder if self.job.run else None
        return f"Saved at step {self.step}; continue with `lamina train --resume {where}`." if where else "Nothing was kept."
