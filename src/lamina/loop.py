"""THE loop: one generator of events that every kind of learning passes through.

    with Fit(job) as events:
        for event in events: ...

Leaving the block saves, also after a break, an exception or ctrl-C. A valid event is on disk, with its
state, before it is yielded; so is whatever a consumer was shown last when it leaves.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch

from lamina.core import events as telling
from lamina.core import rng
from lamina.core.data import Data
from lamina.core.errors import Interrupted
from lamina.core.events import Event, Kind
from lamina.core.method import Method
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
        self._reason = ""
        self._saved_at = self._validated_at = -1
        self._interrupted = self._inside = False
        self._clock = 0.0
        self._started = time.perf_counter()
        self._events: Iterator[Event] = self._work()

    # -- the loop ---------------------------------------------------------------------------------

    def _work(self) -> Iterator[Event]:
        job, plan = self.job, self.job.plan
        while self.step < plan.steps and not self._reason:
            self._update(self.step + 1)
            if self.step % plan.log_every == 0 or self.step % plan.valid_every == 0 or self.step == plan.steps:
                job.learner.check()
                yield self._tell("train", self._means() | job.method.counters(self.step))
            if self.step % plan.valid_every == 0:
                yield from self._validate()
            elif self.step % plan.save_every == 0:
                self._save()
                yield self._tell("saved", {})
        if self._validated_at != self.step:
            yield from self._validate()
        yield self._tell("done", {"reason": self._reason or "steps", "best_step": self.best["step"]} | self.best["figures"])

    def _update(self, step: int) -> None:
        learner, method = self.job.learner, self.job.method
        if self._interrupted:
            raise Interrupted("to train on", "ctrl-C", self._how_to_resume())
        self._inside = True
        rng.reseed(learner.seed, step, "update")
        learner.begin(step)
        values = method.update(learner, method.next_batch(learner, step).to(learner.device))
        for name, value in values.items():
            self._sums[name] = self._sums[name] + value.detach() if name in self._sums else value.detach().clone()
            self._counts[name] = self._counts.get(name, 0) + 1
        self.step = step
        self._inside = False

    def _means(self) -> dict[str, Any]:
        """The mean of each value since the last train event, fetched from the device only now."""
        means = {name: (total / self._counts[name]).item() for name, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means

    def _validate(self) -> Iterator[Event]:
        job = self.job
        seed = rng.key(job.plan.seed, self.step, "valid")
        predictor = job.learner.predictor()
        found = job.task.evaluate(predictor, job.data.valid, seed)
        improved = is_better(job.plan.monitor, found.metrics, self.best["figures"])
        if improved:
            self.best = {"step": self.step, "figures": dict(found.metrics)}
        job.learner.validated(improved)
        told = [self._tell("valid", dict(found.metrics))]
        picture = job.task.sample(predictor, job.data.spec, job.plan.seed) if job.run else None
        if picture is not None and job.run is not None:
            name = f"samples/{self.step}.png"
            (job.run.folder / "samples").mkdir(exist_ok=True)
            picture.save(job.run.folder / name)
            told.append(self._tell("sample", {"file": name}))
        self._validated_at = self.step
        self._save(improved)
        yield from told

    # -- keeping ----------------------------------------------------------------------------------

    def _tell(self, kind: Kind, values: dict[str, Any]) -> Event:
        event = Event(self.step, kind, values, self._clock + time.perf_counter() - self._started)
        if self.job.run is not None:
            with self.job.run.events_file.open("a", encoding="utf-8") as file:
                file.write(event.to_json() + "\n")
        return event

    def _save(self, best: bool = False) -> None:
        job = self.job
        if job.run is None:
            if best:
                self.best_weights = {k: v.detach().clone() for k, v in job.learner.weights().items()}
            return
        rest = {
            "learner": job.learner.state(), "method": job.method.state(), "best": self.best,
            "sums": self._sums, "counts": self._counts, "validated": self._validated_at,
        }  # fmt: skip
        if job.run.events_file.exists():
            with job.run.events_file.open("rb") as file:
                os.fsync(file.fileno())
        job.run.save(self.step, {"weights": job.learner.weights(), "rest": rest}, best)
        self._saved_at = self.step

    def resume(self) -> list[Event]:
        """Continue where the run stopped; returns the events told so far."""
        run = self.job.run
        assert run is not None, "a run in memory cannot be resumed"
        step = run.pointer("last") or 0
        run.cut_events(step)
        past = list(telling.read(run.events_file))
        if step:
            state = run.load("last")
            rest = state["rest"]
            self.job.learner.load_state(state["weights"], rest["learner"])
            self.job.method.load_state(rest["method"])
            self.best, self._sums, self._counts = rest["best"], rest["sums"], rest["counts"]
            self._validated_at = rest["validated"]
        self.step = self._saved_at = step
        self._clock = past[-1].time if past else 0.0
        return past

    def stop(self, reason: str) -> None:
        """End after the present event: validate if that is due, say `done`."""
        self._reason = self._reason or reason

    def close(self, save: bool = True) -> None:
        """Leave; a trial that is not worth keeping is closed without saving."""
        self._events = iter(())
        if save and self._saved_at != self.step and self.job.run is not None:
            self._save()

    # -- an iterable context manager --------------------------------------------------------------

    def __enter__(self) -> "Fit":
        apply(self.job.plan, self.job.learner)
        self._old_handler = None
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
