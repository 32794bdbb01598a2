"""The plan of a run: what was measured or derived before its first step, written down and never measured again.

One thread and two give different bits, so a resumed run uses the plan it was started with.
"""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Literal

import torch

from lamina.core import config as knobs
from lamina.core import device as machine
from lamina.core import rng
from lamina.core.config import knob
from lamina.core.method import Method
from lamina.optim.learner import Learner

WORTH_A_CORE = 0.75  # more threads are taken only when they cut the wall time of a step below this share
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


@dataclass(frozen=True)
class _Way:
    threads: int
    precision: str


def make(learner: Learner, method: Method, config: Config, monitor: str, seconds: float | None = None) -> Plan:
    """Measure a few updates, put everything back, and derive the plan.

    `monitor`: the task's figure, unless the config names another. `seconds`: what `--for` allows.
    """
    apply_machine(config.deterministic)
    way, step_seconds = _fastest(learner, method, _ways(learner, config))
    pace = method.pace()
    steps = pace.steps if seconds is None else _steps_in(seconds, step_seconds, learner.config.schedule)
    return Plan(
        seed=learner.seed, steps=steps, valid_every=min(config.valid_every or pace.valid_every, steps),
        log_every=config.log_every or max(1, round(1 / EVENTS_A_SECOND / step_seconds)),
        save_every=max(1, round(SECONDS_BETWEEN_SAVES / step_seconds)),
        threads=way.threads, precision=way.precision, device=str(learner.device),
        monitor=config.monitor or monitor, deterministic=config.deterministic, step_seconds=step_seconds, seconds=seconds,
    )  # fmt: skip


def _steps_in(seconds: float, step_seconds: float, schedule: str) -> int:
    """As many steps as fit; a schedule that does not need to know its end is left to the clock, with steps to spare."""
    spare = STEPS_TO_SPARE if schedule == "constant" else 1.0
    return max(1, int(seconds * BUDGET_FOR_STEPS * spare / step_seconds))


def apply(plan: Plan, learner: Learner) -> None:
    """Put the machine and the learner into the plan's mode."""
    apply_machine(plan.deterministic)
    torch.set_num_threads(plan.threads)
    learner.precision, learner.steps = plan.precision, plan.steps


def apply_machine(deterministic: bool) -> None:
    """What every run wants of the machine."""
    machine.keep_pages()
    torch.use_deterministic_algorithms(deterministic)


def _ways(learner: Learner, config: Config) -> list[_Way]:
    threads = [config.threads] if config.threads else sorted({1, machine.cores()})
    if learner.device.type != "cpu":
        threads = [config.threads or min(4, machine.cores())]
    precisions = ["f32", "bf16"] if machine.native_bf16(learner.device) else ["f32"]
    return [_Way(t, p) for t in threads for p in (precisions if config.precision == "auto" else [config.precision])]


def _fastest(learner: Learner, method: Method, ways: list[_Way]) -> tuple[_Way, float]:
    """The way whose best update is fastest; threads and bf16 must be clearly faster to be chosen."""
    before = deepcopy((learner.weights(), learner.state(), method.state()))

    def restore() -> None:
        weights, mine, its = deepcopy(before)
        learner.load_state(weights, mine)
        method.load_state(its)

    best: dict[_Way, float] = {}
    for _ in range(2 if len(ways) > 1 else 1):  # twice round, as the machine may be busy for a moment
        for way in ways:
            if best and _not_worth_measuring(way, best):
                continue
            torch.set_num_threads(way.threads)
            learner.precision = way.precision
            best[way] = min(best.get(way, 1e9), _time_updates(learner, method))
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


def _time_updates(learner: Learner, method: Method, seconds: float = 0.1) -> float:
    """The fastest of a few updates, after one to warm up."""
    fastest, spent, step = 1e9, 0.0, 0
    update = _updater(learner, method)
    while step < 2 or (spent < seconds and step < 30):
        step += 1
        start = time.perf_counter()
        update(step)
        took = time.perf_counter() - start
        if step > 1:
            fastest, spent = min(fastest, took), spent + took
    return fastest


def _updater(learner: Learner, method: Method) -> Callable[[int], None]:
    def update(step: int) -> None:
        rng.reseed(learner.seed, step, "update")
        learner.begin(step)
        method.update(learner, method.next_batch(learner, step).to(learner.device))
        if learner.device.type == "cuda":
            torch.cuda.synchronize(learner.device)

    return update
