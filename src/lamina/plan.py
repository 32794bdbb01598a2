"""The plan of a run: what was measured or derived before its first step, written down and never measured again.

One thread and two give different bits, so a resumed run uses the plan it was started with.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Literal

import torch

from lamina.core import config as knobs
from lamina.core import device as machine
from lamina.core import rng
from lamina.core.config import knob
from lamina.core.method import Method
from lamina.optim import finder
from lamina.optim.learner import Learner

WORTH_A_CORE = 0.75  # more threads are taken only when they cut the wall time of a step below this share
SHARE_TO_MEASURE = 0.005  # of the time that `--for` allows, for a second look at how long a step takes
LEAST_TO_SHARE = 0.003  # seconds: in a shorter step the threads wait for each other, and on a busy machine for ever
HOPELESS = 1.5  # a way so many times slower than the best is not measured again
EVENTS_A_SECOND = 8
SECONDS_BETWEEN_SAVES = 60
BUDGET_FOR_STEPS = 0.9  # of `--for`; the rest is validation, saving and the end
STEPS_TO_SPARE = 4  # the machine may be so much faster later than it was measured


class Config(knobs.Config):
    """How the loop works."""

    threads: int = knob(0, "processor threads; 0 measures which number is fastest", low=0)
    precision: Literal["auto", "f32", "bf16"] = knob("auto", "arithmetic; auto takes bf16 where it is native and faster")
    valid_every: int = knob(0, "steps between validations; 0 lets the method choose", low=0)
    log_every: int = knob(0, "steps between train events; 0 makes about eight a second", low=0)
    patience: int = knob(0, "validations without a gain before training stops; 0 never stops", low=0)
    sure: float = knob(0.0, "accuracy that answers which are sure are to have; 0 halves the errors", low=0, high=1)
    monitor: str = knob("", "figure of the validation split that best means; the task's own if left out")
    deterministic: bool = knob(False, "only kernels that repeat bit by bit, also on a GPU")


class Plan(knobs.Config):
    """What the loop follows; `step_seconds` is the measured time of one update."""

    seed: int
    steps: int
    valid_every: int
    log_every: int
    save_every: int
    threads: int
    precision: str
    device: str
    monitor: str
    deterministic: bool
    step_seconds: float
    seconds: float | None
    first: int = 1  # the step from which the schedule runs
    learning_rate: float | None = None  # where the finder chose it


@dataclass(frozen=True)
class _Way:
    threads: int
    precision: str


def make(learner: Learner, method: Method, config: Config, monitor: str, seconds: float | None = None) -> Plan:
    """Measure a few updates, put everything back, and derive the plan.

    `monitor`: the task's figure, unless the config names another. `seconds`: what `--for` allows.
    """
    apply_machine(config.deterministic)
    pace = method.pace()
    with left_as_it_was(learner, method) as restore:
        way, step_seconds = _fastest(learner, method, _ways(learner, config), pace.first, restore)
        torch.set_num_threads(way.threads)
        learner.precision = way.precision
        spent = 0.0 if seconds is None else _seconds_before(learner, method, pace.first)
        rate = _found_rate(learner, method, pace.first)
        if seconds is not None:  # what hangs on one glance at the clock should be looked at longer
            step_seconds = min(step_seconds, _time_updates(learner, method, pace.first, SHARE_TO_MEASURE * seconds))
    steps = pace.steps if seconds is None else _steps_in(seconds - spent, step_seconds, learner.config.schedule, pace.first)
    return Plan(
        seed=learner.seed, steps=steps, valid_every=min(config.valid_every or pace.valid_every, steps),
        log_every=config.log_every or max(1, round(1 / EVENTS_A_SECOND / step_seconds)),
        save_every=max(1, round(SECONDS_BETWEEN_SAVES / step_seconds)),
        threads=way.threads, precision=way.precision, device=str(learner.device),
        monitor=config.monitor or monitor, deterministic=config.deterministic, step_seconds=step_seconds, seconds=seconds,
        first=min(pace.first, steps), learning_rate=rate,
    )  # fmt: skip


def _steps_in(seconds: float, step_seconds: float, schedule: str, first: int) -> int:
    """As many steps as fit after those that prepare; a schedule that does not need to know its end is left to the clock, with
    steps to spare."""
    spare = STEPS_TO_SPARE if schedule == "constant" else 1.0
    return max(1, first - 1, first - 1 + int(seconds * BUDGET_FOR_STEPS * spare / step_seconds))


def _seconds_before(learner: Learner, method: Method, first: int) -> float:
    """What the steps that prepare will take, by one of them."""
    return (first - 1) * _time_updates(learner, method, 1) if first > 1 else 0.0


def _found_rate(learner: Learner, method: Method, first: int) -> float | None:
    """The learning rate where it is to be found; the steps that prepare are done first, as they will be."""
    if learner.config.learning_rate != "auto":
        return None
    update = _updater(learner, method)
    for step in range(1, first):
        update(step)
    return finder.find(lambda batch, rate: update(first + batch, rate)["loss"].item())


def apply(plan: Plan, learner: Learner) -> None:
    """Put the machine and the learner into the plan's mode."""
    apply_machine(plan.deterministic)
    torch.set_num_threads(plan.threads)
    learner.precision, learner.steps, learner.first = plan.precision, plan.steps, plan.first
    if plan.learning_rate is not None:
        learner.rate = plan.learning_rate


def apply_machine(deterministic: bool) -> None:
    """What every run wants of the machine."""
    machine.keep_pages()
    if torch.are_deterministic_algorithms_enabled() != deterministic:  # asking imports torch's compiler, a processor second
        torch.use_deterministic_algorithms(deterministic)


def _ways(learner: Learner, config: Config) -> list[_Way]:
    threads = [config.threads] if config.threads else sorted({1, machine.cores()})
    if learner.device.type != "cpu":
        threads = [config.threads or min(4, machine.cores())]
    precisions = ["f32", "bf16"] if machine.native_bf16(learner.device) else ["f32"]
    return [_Way(t, p) for t in threads for p in (precisions if config.precision == "auto" else [config.precision])]


@contextmanager
def left_as_it_was(learner: Learner, method: Method) -> Iterator[Callable[[], None]]:
    """What is measured leaves no trace: a function that puts everything back, which is called at the end too."""
    before = deepcopy((learner.weights(), learner.state(), method.state()))

    def restore() -> None:
        weights, mine, its = deepcopy(before)
        learner.load_state(weights, mine)
        method.load_state(its)

    yield restore
    restore()


def _fastest(learner: Learner, method: Method, ways: list[_Way], first: int, restore: Callable[[], None]) -> tuple[_Way, float]:
    """The way whose best update from step `first` on is fastest; threads and bf16 must be clearly faster to be chosen."""
    best: dict[_Way, float] = {}
    for _ in range(2 if len(ways) > 1 else 1):  # twice round, as the machine may be busy for a moment
        for way in ways:
            if best and _not_worth_measuring(way, best):
                continue
            torch.set_num_threads(way.threads)
            learner.precision = way.precision
            best[way] = min(best.get(way, 1e9), _time_updates(learner, method, first))
            restore()
    chosen = ways[0]
    for way in [w for w in ways[1:] if w in best]:
        gain_needed = WORTH_A_CORE if way.threads > chosen.threads else 0.9
        if best[way] < gain_needed * best[chosen]:
            chosen = way
    return chosen, best[chosen]


def _not_worth_measuring(way: _Way, best: dict[_Way, float]) -> bool:
    """A way that was hopeless the first time round, or more threads for a step that is too short to share."""
    hopeless = way in best and best[way] > HOPELESS * min(best.values())
    return hopeless or (way.threads > 1 and min(best.values()) < LEAST_TO_SHARE)


def _time_updates(learner: Learner, method: Method, first: int, seconds: float = 0.1) -> float:
    """The fastest of a few updates from step `first` on, after one to warm up."""
    fastest, spent, step = 1e9, 0.0, 0
    update = _updater(learner, method)
    while step < 2 or (spent < seconds and step < 30):
        step += 1
        start = time.perf_counter()
        update(first + step - 1)
        took = time.perf_counter() - start
        if step > 1:
            fastest, spent = min(fastest, took), spent + took
    return fastest


def _updater(learner: Learner, method: Method) -> Callable[..., dict[str, torch.Tensor]]:
    def update(step: int, rate: float | None = None) -> dict[str, torch.Tensor]:
        rng.reseed(learner.seed, step, "update")
        learner.begin(step)
        if rate is not None:
            learner.set_rate(rate)
        values = method.update(learner, method.next_batch(learner, step).to(learner.device))
        if learner.device.type == "cuda":
            torch.cuda.synchronize(learner.device)
        return values

    return update
