"""train: fit a model to data, keep the best weights, and say what was reached."""

import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lamina import __version__
from lamina.core.errors import RunError, UsageError, unknown
from lamina.core.events import Event
from lamina.core.predictor import Predictor
from lamina.core.run import FORMAT, Run
from lamina.core.spec import Spec
from lamina.core.task import Evaluation
from lamina.envs.episodes import EpisodeSplit
from lamina.loop import Fit, Job
from lamina.oversight import forgetting, report
from lamina.oversight.pictures import draw_run
from lamina.plan import Config as LoopConfig
from lamina.plan import Plan, make
from lamina.verbs import memory, own_module, preferring
from lamina.verbs.consumers import Budget, Consumer, Patience, Until
from lamina.verbs.data import data_of_run
from lamina.verbs.gate import Ask, GoalGate, checked
from lamina.verbs.judge import Judgement, beside_rivals, judge, remember, rows_of
from lamina.verbs.preferring import Human
from lamina.verbs.request import Request
from lamina.verbs.setup import Setup, prepare


@dataclass(frozen=True)
class Watcher:
    """Who looks on: `announce` hears the plan before the first event, `event` every event; `ask` puts a question to a human, and `human`
    is asked which of two clips is better, where there is one."""

    announce: Callable[[Setup, Plan, Run | None], None] = lambda setup, plan, run: None
    event: Callable[[Event], None] = lambda event: None
    ask: Ask | None = None
    human: Human | None = None


@dataclass(frozen=True)
class Outcome:
    """What a training reached; `run` is None for one in memory."""

    setup: Setup
    plan: Plan
    run: Run | None
    reason: str
    judgement: Judgement
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def predictor(self) -> Predictor:
        """Answers with the best weights."""
        return self.judgement.predictor

    @property
    def valid(self) -> Evaluation:
        return self.judgement.valid

    @property
    def test(self) -> Evaluation:
        return self.judgement.test

    @property
    def baselines(self) -> dict[str, Evaluation]:
        return self.judgement.baselines


def plan(request: Request) -> tuple[Setup, Plan]:
    """What `train` would do (`--dry`): everything is chosen and measured, nothing is kept."""
    _, setup, planned = _planned(request)
    return setup, planned


@memory.in_words()
def train(request: Request, watcher: Watcher = Watcher()) -> Outcome:
    """Train as asked, in `request.out` or in memory."""
    clock = _Clock()
    checked(request.gate)
    request, setup, planned = _planned(request)
    if not request.until and request.seconds is None:
        request = replace(request, until=setup.choice.until)
    preferring.attach(setup, request.out, watcher.human)
    run = None if request.out is None else Run.create(request.out)  # nothing is made before all that was asked for is right
    with run or nullcontext():
        if run is not None:
            _describe(run, request, setup, planned)
        watcher.announce(setup, planned, run)
        fit = Fit(Job(setup.learner, setup.method, setup.task, setup.data, planned, run))
        return _follow(fit, setup, [], _Limits(request.seconds, dict(request.until), request.gate), watcher, clock)


@memory.in_words()
def resume(folder: Path, watcher: Watcher = Watcher(), request: Request | None = None, named: str = "") -> Outcome:
    """Continue a run where it stopped, bit by bit as if it never had. `request`: for a module or data of the user's; `named`: the file of
    the user's that the run is of, where it is of one."""
    clock = _Clock()
    run = Run.open(folder)
    described = run.read("config")
    planned, spec = run.read_as("plan", Plan), run.read_as("spec", Spec)
    if request is None:
        request = _request_of(described, run, named)
    run.lock()
    with run:
        setup = prepare(request)
        if setup.data.spec != spec:
            raise RunError("the data that the run was begun with, as its `spec.json` has them", f"others for `{setup.data.name}`",
                           "Bring the data back as they were, or begin a new run.")
        preferring.attach(setup, folder, watcher.human)
        watcher.announce(setup, planned, run)
        fit = Fit(Job(setup.learner, setup.method, setup.task, setup.data, planned, run))
        past = fit.resume()
        return _follow(fit, setup, past, _Limits(described["seconds"], described["until"], described["gate"]), watcher, clock)


class _Clock:
    """Seconds and processor seconds since it was made; for the command line since the process began."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), _cpu()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._wall, _cpu() - self._cpu


def _cpu() -> float:
    return sum(os.times()[:4])


def _check_figures(setup: Setup, request: Request) -> None:
    """Refuse a figure that the task does not tell, before anything is made: the fresh model is judged once to know them."""
    config = setup.configs["loop"]
    assert isinstance(config, LoopConfig)
    asked = [*request.until, *([config.monitor] if config.monitor else [])]
    found = setup.task.evaluate(setup.learner.predictor(), setup.data.valid, request.seed, brief=True).metrics if asked else {}
    for name in asked:
        if name not in found:
            raise unknown("figure", name, found)


def _planned(request: Request) -> tuple[Request, Setup, Plan]:
    """Everything chosen and measured, with a batch that the memory has room for: the request as it can be met."""
    request, setup = memory.fitted(request, prepare(request))
    _check_figures(setup, request)
    config = setup.configs["loop"]
    assert isinstance(config, LoopConfig)
    while True:
        try:
            return request, setup, make(setup.learner, setup.method, config, setup.task.monitor, request.seconds)
        except RuntimeError as error:
            if not memory.ran_out(error):
                raise
        request, setup = memory.halved(request, setup)


@dataclass(frozen=True)
class _Limits:
    """What may end a training before its last step."""

    seconds: float | None
    until: dict[str, float]
    gate: str


def _follow(fit: Fit, setup: Setup, past: list[Event], limits: _Limits, watcher: Watcher, clock: _Clock) -> Outcome:
    consumers = _consumers(fit, setup, limits, watcher)
    gates = [consumer for consumer in consumers if isinstance(consumer, GoalGate)]
    for gate in gates:
        gate.past = True
    reason = next((r for r in (_feed(consumers, event) for event in past) if r), "")
    for gate in gates:
        gate.past = False
    with fit as events:
        if reason:
            fit.stop(reason)
        for event in events:
            watcher.event(event)
            if stop := _feed(consumers, event):
                fit.stop(stop)
            reason = event.values["reason"] if event.kind == "done" else reason
    return _finish(fit, setup, reason, clock)


def _consumers(fit: Fit, setup: Setup, limits: _Limits, watcher: Watcher) -> list[Consumer]:
    """Who hears the events, each with a reason to stop."""
    config = setup.configs["loop"]
    assert isinstance(config, LoopConfig)
    found: list[Consumer] = [Patience(fit.job.plan.monitor, config.patience), Until(limits.until), Budget(limits.seconds)]
    if isinstance(setup.data.train, EpisodeSplit):
        found.append(GoalGate(setup, fit.job.run, limits.gate, watcher.ask))
    return found


def _feed(consumers: list[Consumer], event: Event) -> str:
    return next((reason for reason in [c.feed(event) for c in consumers] if reason), "")


def _finish(fit: Fit, setup: Setup, reason: str, clock: _Clock) -> Outcome:
    """Put the best weights in place, look at the test split once, and write down what was reached."""
    job = fit.job
    predictor = setup.learner.predictor()
    weights = job.run.load("best", ("weights",))["weights"] if job.run else fit.best_weights
    assert weights is not None, "a finished run was validated"
    predictor.model.load_state_dict(weights)
    config = setup.configs["loop"]
    assert isinstance(config, LoopConfig)
    found = judge(setup.task, setup.data, predictor, setup.learner.seed, config.sure)
    if job.run is not None:
        found = beside_rivals(found, setup.task, setup.data, clock.read()[0])
    outcome = Outcome(setup, job.plan, job.run, reason, found, *clock.read())
    if job.run is not None:
        _keep(job.run, outcome)
    return outcome


def _keep(run: Run, outcome: Outcome) -> None:
    looks = (run.read("result")["test_looks"] if (run.folder / "result.json").exists() else 0) + 1
    run.write("result", {
        "task": outcome.setup.task.name, "reason": outcome.reason, "test_looks": looks,
        "test": outcome.test.metrics, "test_intervals": outcome.test.intervals, "test_details": outcome.test.details,
        "test_rows": "" if outcome.test.scores is None else rows_of(outcome.setup.data.test),
        "seconds": outcome.seconds, "cpu_seconds": outcome.cpu_seconds,
    } | outcome.judgement.to_json())  # fmt: skip
    remember(run, outcome.judgement, outcome.setup.data)
    draw_run(run, outcome.plan.monitor, outcome.test, outcome.setup.data.spec)
    for name, picture in outcome.setup.task.pictures(outcome.predictor, outcome.setup.data, outcome.plan.seed).items():
        run.draw(name, picture)
    report.write(run, outcome.setup.data)
    if (memory := forgetting.of_model(outcome.predictor.model, outcome.setup.data.valid)) is not None:
        run.draw("memory.svg", memory)


def _describe(run: Run, request: Request, setup: Setup, planned: Plan) -> None:
    run.write("spec", setup.data.spec.model_dump())
    run.write("plan", planned.model_dump())
    run.write("config", described(request, setup))  # the last: what has it is a run


def described(request: Request, setup: Setup) -> dict[str, Any]:
    """What `config.json` says of a run; `data_seed` and `configs.data` load the same data again, where that can be done."""
    origin = setup.data.origin or {"name": setup.data.name, "knobs": setup.configs["data"].model_dump(), "seed": request.seed}
    return {
        "format": FORMAT, "lamina": __version__, "data": origin["name"],
        "built_in_data": isinstance(request.data, str) or setup.data.origin is not None, "data_seed": origin["seed"],
        "fingerprint": setup.data.fingerprint, "own_file": dict(origin["own"]) if "own" in origin else None,
        "task": setup.task.name, "model": setup.choice.model, "method": setup.choice.method,
        "configs": {name: config.model_dump() for name, config in setup.configs.items()} | {"data": dict(origin["knobs"])},
        "seed": request.seed, "device": request.device, "quality": request.quality,
        "seconds": request.seconds, "until": dict(request.until), "gate": request.gate,
        "own_module": None if request.net is None else own_module.describe(request.net),
        "warm_start": str(Path(request.warm_start).resolve()) if request.warm_start not in ("", "none") else request.warm_start,
        "origin": setup.origin, "anew": list(setup.anew),
    }  # fmt: skip


def _request_of(described: dict[str, Any], run: Run, named: str) -> Request:
    """The request that made a run; its knobs are all spelled out."""
    if described["own_module"] or not described["built_in_data"]:
        raise UsageError("a run of a built-in model on built-in data", f"`{described['model']}` on `{described['data']}`",
                         "Resume it from Python, where your module and data are.")
    if described.get("weights_only"):
        raise UsageError("a run with all of its training's state", f"`{run.folder}`, where Model.save kept the weights alone",
                         "Train them on from Python: lm.load_run(RUN).fit(data).")
    configs = {name: values for name, values in described["configs"].items() if name != "data"}
    words = {f"{section}.{k}": v for section, values in configs.items() for k, v in values.items()}
    return Request(
        data=data_of_run(described, named), task=described["task"], model=described["model"], method=described["method"], words=words,
        seed=described["seed"], device=described["device"], quality=described["quality"],
        seconds=described["seconds"], until=described["until"], gate=described["gate"], out=run.folder,
        warm_start=described["warm_start"], start=None if run.pointer("last") is None else run.load("last", ("weights",))["weights"],
    )  # fmt: skip
