"""The loop's contract: however a training is left, what was kept is whole, and going on equals never having stopped."""

import json
import math
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.core import run as running
from lamina.core.errors import Interrupted, LaminaError, TrainingError
from lamina.core.events import Event
from lamina.core.run import Run
from lamina.core.task import is_better
from lamina.loop import Fit, Job
from lamina.plan import Plan
from lamina.verbs import train as training
from lamina.verbs.consumers import Budget, Patience, Until
from lamina.verbs.evaluate import evaluate
from lamina.verbs.request import Request
from lamina.verbs.setup import prepare
from lamina.verbs.trained import open_run

STEPS = 20
PLAN = Plan(
    seed=0, steps=STEPS, valid_every=6, log_every=4, save_every=5, threads=1, precision="f32", device="cpu", monitor="accuracy",
    deterministic=False, step_seconds=0.001, seconds=None,
)  # fmt: skip
WORDS = {"points": "60", "hidden": "6", "batch": "16", "dropout": "0.3", "ema": "0.9", "schedule": "plateau", "accumulate": "2"}


def request(folder: Path | None, **words: str) -> Request:
    return Request("spiral", model="mlp", words=WORDS | words, device="cpu", out=folder)


def begin(folder: Path | None, plan: Plan = PLAN, **words: str) -> Fit:
    """A training that can begin; None keeps it in memory."""
    wish = request(folder, **words)
    setup = prepare(wish)
    run = None
    if folder is not None:
        run = Run.create(folder)
        training._describe(run, wish, setup, plan)
    return Fit(Job(setup.learner, setup.method, setup.task, setup.data, plan, run))


def again(folder: Path, **words: str) -> Fit:
    """The same training, opened where it stopped."""
    setup, run = prepare(request(folder, **words)), Run.open(folder)
    run.lock()
    fit = Fit(Job(setup.learner, setup.method, setup.task, setup.data, run.read_as("plan", Plan), run))
    fit.resume()
    return fit


def let_go(fit: Fit) -> None:
    assert fit.job.run is not None
    fit.job.run.unlock()


def to_the_end(fit: Fit) -> list[Event]:
    with fit.job.run or nullcontext(), fit as events:
        return list(events)


def told(folder: Path) -> list[tuple[int, str, str]]:
    return [(e.step, e.kind, json.dumps(dict(e.values))) for e in Run(folder).told()]


def kept(folder: Path) -> dict[str, bytes]:
    """All files of the states that `last` and `best` point to; json.dumps keeps every bit of a float."""
    states = {name: folder / "states" / (folder / name).read_text() for name in ("last", "best")}
    return {f"{name}/{f.name}": f.read_bytes() for name, state in states.items() for f in sorted(state.iterdir())}


def snapshot(folder: Path) -> dict[str, bytes]:
    files = [*sorted((folder / "states").rglob("*")), folder / "last", folder / "best"]
    return {str(p): p.read_bytes() for p in files if p.is_file()}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[tuple[int, str, str]], dict[str, bytes]]:
    """The run that is never stopped."""
    folder = tmp_path_factory.mktemp("reference") / "run"
    to_the_end(begin(folder))
    return told(folder), kept(folder)


Reference = tuple[list[tuple[int, str, str]], dict[str, bytes]]


def same(folder: Path, reference: Reference) -> None:
    to_the_end(again(folder))
    assert told(folder) == reference[0]
    assert kept(folder) == reference[1]


def test_the_events_are_those_of_the_plan(reference: Reference) -> None:
    steps = [(4, "train"), (5, "saved"), (6, "train"), (6, "valid"), (8, "train"), (10, "saved"), (12, "train"), (12, "valid"),
             (15, "saved"), (16, "train"), (18, "train"), (18, "valid"), (20, "train"), (20, "saved"), (20, "valid"),
             (20, "done")]  # fmt: skip
    assert [(step, kind) for step, kind, _ in reference[0]] == steps


@pytest.mark.parametrize("place", range(15))
def test_left_by_a_break_at_any_event(place: int, tmp_path: Path, reference: Reference) -> None:
    fit = begin(tmp_path / "run")
    with fit as events:
        left_at = next(event for i, event in enumerate(events) if i == place)
    let_go(fit)
    assert Run(tmp_path / "run").pointer("last") == left_at.step
    assert list(events) == [], "what was closed stays closed"
    same(tmp_path / "run", reference)


@pytest.mark.parametrize("place", [0, 1, 2, 3, 13, 14])
def test_left_by_a_consumer_that_raises(place: int, tmp_path: Path, reference: Reference) -> None:
    fit = begin(tmp_path / "run")
    with pytest.raises(ZeroDivisionError), fit as events:  # noqa: PT012
        for i, _ in enumerate(events):
            1 // (place - i)
    let_go(fit)
    same(tmp_path / "run", reference)


def test_left_at_every_event_in_turn(tmp_path: Path, reference: Reference) -> None:
    fit = begin(tmp_path / "run")
    shown = 0
    while True:
        with fit as events:
            event = next(events, None)
        let_go(fit)
        if event is None or event.kind == "done":
            break
        shown += 1
        fit = again(tmp_path / "run")
    assert shown >= STEPS // PLAN.log_every
    same(tmp_path / "run", reference)


def test_a_held_iterator(tmp_path: Path, reference: Reference) -> None:
    fit = begin(tmp_path / "run")
    with fit as events:
        held = iter(events)
        first = next(held)
    let_go(fit)
    assert (first.step, first.kind) == (4, "train")
    assert Run(tmp_path / "run").pointer("last") == 4
    assert next(held, None) is None
    same(tmp_path / "run", reference)


def test_killed_between_any_two_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: Reference) -> None:
    """The disk as kill -9 leaves it before each file that is replaced and each flush: every one resumes to the same end."""
    folder, moments = tmp_path / "run", []

    def seen(work: Any) -> Any:
        def first_copied(*words: Any) -> None:
            moments.append(shutil.copytree(folder, tmp_path / str(len(moments))))
            work(*words)
        return first_copied

    fit = begin(folder)
    with monkeypatch.context() as patched:
        for name in ("replace", "_flush"):
            patched.setattr(running, name, seen(getattr(running, name)))
        to_the_end(fit)
    pointers = [[Run(moment).pointer(name) for name in ("last", "best")] for moment in moments]
    assert [6, None] in pointers, "no moment between the two pointers: the test tested nothing"
    for moment in moments:
        same(moment, reference)


def test_left_before_the_first_step(tmp_path: Path, reference: Reference) -> None:
    fit = begin(tmp_path / "run")
    with fit:
        pass
    let_go(fit)
    same(tmp_path / "run", reference)


def test_a_valid_event_is_on_disk_with_its_state_before_it_is_shown(tmp_path: Path) -> None:
    fit, best = begin(tmp_path / "run"), []
    with fit as events:
        for event in events:
            if event.kind == "valid":
                run = Run(tmp_path / "run")
                lines = [e for e in run.told() if e.kind == "valid"]
                assert (lines[-1].step, lines[-1].values) == (event.step, event.values)
                state = run.load("last")
                assert run.pointer("last") == event.step
                assert all(torch.equal(state["weights"][k], v) for k, v in fit.job.learner.weights().items())
                best.append((event.values["accuracy"], -event.values["loss"], event.step))
                assert run.pointer("best") == state["rest"]["best"]["step"] == max(best)[2]
    let_go(fit)
    assert len(best) == 4


def test_closed_without_saving(tmp_path: Path) -> None:
    fit = begin(tmp_path / "run")
    with fit as events:
        for event in events:
            if event.step == 8:
                before = snapshot(tmp_path / "run")
                fit.close(save=False)
    let_go(fit)
    assert event.step == 8
    assert snapshot(tmp_path / "run") == before
    assert Run(tmp_path / "run").pointer("last") == 6


# -- what goes wrong ----------------------------------------------------------------------------------


def broken(monkeypatch: pytest.MonkeyPatch, thing: Any, name: str, when: int, error: BaseException) -> None:
    """`thing.name` raises at its call number `when`."""
    right: Callable[..., Any] = getattr(thing, name)
    calls = 0

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == when:
            raise error
        return right(*args, **kwargs)

    monkeypatch.setattr(thing, name, call)


@pytest.mark.parametrize("step", [1, 3, 6, 7, 11, 20])
def test_an_update_that_raises_leaves_the_last_state(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: Reference
) -> None:
    fit = begin(tmp_path / "run")
    broken(monkeypatch, fit.job.method, "update", step, RuntimeError("broken"))
    with pytest.raises(RuntimeError, match="broken"), fit as events:  # noqa: PT012
        for event in events:
            last = event
            before = snapshot(tmp_path / "run")
    let_go(fit)
    if step > 4:
        assert last.step < step
        assert snapshot(tmp_path / "run") == before
    same(tmp_path / "run", reference)


FAILURES = [("task.evaluate", 1), ("task.evaluate", 3), ("run.tell", 2), ("run.tell", 4), ("learner.check", 2)]


@pytest.mark.parametrize(("place", "when"), FAILURES)
def test_what_fails_after_an_update_saves_no_half_step(
    place: str, when: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: Reference
) -> None:
    fit = begin(tmp_path / "run")
    thing, name = place.split(".")
    broken(monkeypatch, getattr(fit.job, thing), name, when, RuntimeError("broken"))
    with pytest.raises(RuntimeError, match="broken"):
        to_the_end(fit)
    let_go(fit)
    same(tmp_path / "run", reference)


def test_a_loss_that_is_not_finite_keeps_the_last_state(tmp_path: Path) -> None:
    words = {"learning_rate": "1e30", "accumulate": "1", "schedule": "constant"}
    fit = begin(tmp_path / "run", PLAN.model_copy(update={"save_every": 1}), **words)
    with pytest.raises(TrainingError, match="finite") as raised:
        to_the_end(fit)
    let_go(fit)
    assert "learning_rate" in raised.value.do
    state = Run(tmp_path / "run").load("last")
    assert all(v.isfinite().all() for v in state["weights"].values())
    before = snapshot(tmp_path / "run")
    with pytest.raises(TrainingError, match="finite"):
        to_the_end(again(tmp_path / "run", **words))
    assert snapshot(tmp_path / "run") == before


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("step", [1, 6, 9])
def test_ctrl_c_in_an_update_ends_it_saves_and_says_how_to_resume(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: Reference
) -> None:
    fit, right = begin(tmp_path / "run"), signal.getsignal(signal.SIGINT)
    update = fit.job.method.update

    def interrupted(*args: Any) -> Any:
        if fit.step + 1 == step:
            interrupt()
        return update(*args)

    monkeypatch.setattr(fit.job.method, "update", interrupted)
    with pytest.raises(Interrupted) as raised:
        to_the_end(fit)
    let_go(fit)
    assert f"step {step}" in str(raised.value)
    assert f"lamina train --resume {tmp_path / 'run'}" in str(raised.value)
    assert raised.value.exit_code == 130
    assert signal.getsignal(signal.SIGINT) is right
    assert Run(tmp_path / "run").pointer("last") == step
    same(tmp_path / "run", reference)


def test_a_second_ctrl_c_leaves_without_saving(tmp_path: Path, reference: Reference) -> None:
    fit = begin(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt), fit as events:  # noqa: PT012
        for event in events:
            if event.step == 8:
                interrupt()
                interrupt()
    let_go(fit)
    assert Run(tmp_path / "run").pointer("last") == 6
    same(tmp_path / "run", reference)


# -- stopping ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", range(14))
def test_stopped_at_any_event_is_judged_and_done(place: int, tmp_path: Path) -> None:
    fit, seen = begin(tmp_path / "run"), []
    with fit as events:
        for i, event in enumerate(events):
            seen.append(event)
            if i == place:
                fit.stop("enough")
    let_go(fit)
    assert (event.kind, event.values["reason"], event.step) == ("done", "enough", seen[place].step)
    assert [e.step for e in seen if e.kind == "valid"][-1] == event.step
    first = told(tmp_path / "run")
    state = Run(tmp_path / "run").load("last")
    assert state["rest"]["validated"] == event.step
    assert state["rest"]["best"]["step"] == event.values["best_step"] == Run(tmp_path / "run").pointer("best")
    fit = again(tmp_path / "run")
    fit.stop("enough")
    to_the_end(fit)
    assert told(tmp_path / "run") == first, "a stopped run that is resumed and stopped again tells nothing twice"


def test_in_memory_as_on_disk(reference: Reference, tmp_path: Path) -> None:
    fit = begin(None)
    events = [(e.step, e.kind, json.dumps(dict(e.values))) for e in to_the_end(fit)]
    assert events == reference[0]
    to_the_end(begin(tmp_path / "run"))
    best = Run(tmp_path / "run").load("best")["weights"]
    assert fit.best_weights is not None
    assert all(torch.equal(fit.best_weights[name], w) for name, w in best.items())


def test_another_seed_is_another_run(reference: Reference) -> None:
    """Negative control: the comparison sees a difference."""
    events = to_the_end(begin(None, PLAN.model_copy(update={"valid_every": 7})))
    assert [(e.step, e.kind, json.dumps(dict(e.values))) for e in events] != reference[0]


def test_a_resumed_run_measures_nothing_and_counts_its_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = begin(tmp_path / "run")
    with fit as events:
        next(events)
    let_go(fit)

    def measured(*args: Any) -> Plan:
        raise AssertionError("a plan is made once")

    monkeypatch.setattr(training, "make", measured)
    plan = (tmp_path / "run" / "plan.json").read_bytes()
    outcome = training.resume(tmp_path / "run")
    assert outcome.plan == PLAN
    assert (tmp_path / "run" / "plan.json").read_bytes() == plan
    assert evaluate(tmp_path / "run").looks == 2
    best = Run(tmp_path / "run").load("best")["weights"]
    for answers in (outcome.predictor.model, open_run(tmp_path / "run").predictor.model):
        assert all(torch.equal(best[name], w) for name, w in answers.state_dict().items())
    done = json.loads(told(tmp_path / "run")[-1][2])
    assert outcome.valid.metrics == {name: done[name] for name in outcome.valid.metrics}


def test_a_failed_training_lets_go_of_its_run(tmp_path: Path) -> None:
    """In one process, as in a notebook: what was interrupted can be resumed at once."""
    def watch(event: Event) -> None:
        interrupt()

    wish = request(tmp_path / "run", epochs="4", threads="1", log_every="1")
    with pytest.raises(Interrupted):
        training.train(wish, training.Watcher(event=watch))
    assert training.resume(tmp_path / "run").reason == "steps"


# -- consumers and events ----------------------------------------------------------------------------

FIGURES = st.sampled_from([0.0, 0.25, 0.5, 1.0, math.nan, math.inf])
TOLD = st.lists(st.builds(
    Event, step=st.integers(0, 100), kind=st.sampled_from(["train", "valid", "saved"]),
    values=st.fixed_dictionaries({"accuracy": FIGURES, "loss": FIGURES}), time=st.floats(0, 20),
), max_size=12)  # fmt: skip
MAKERS: list[Callable[[], Any]] = [
    lambda: Patience("accuracy", 2), lambda: Patience("loss", 0), lambda: Until({"accuracy": 0.5, "loss": 0.5}), lambda: Budget(10.0),
]  # fmt: skip


@pytest.mark.parametrize("make", MAKERS)
@settings(max_examples=40, deadline=None)
@given(events=TOLD, place=st.integers(0, 12))
def test_consumers_are_folds_over_what_stands_on_disk(make: Callable[[], Any], events: list[Event], place: int) -> None:
    """Fed with the events as they happened, or with the first ones read back from events.jsonl: the same state and answers."""
    live, rebuilt = make(), make()
    answers = [live.feed(event) for event in events]
    from_disk = [Event.from_json(e.to_json()) for e in events[:place]] + events[place:]
    assert [rebuilt.feed(event) for event in from_disk] == answers
    assert str(vars(live)).replace("'", "") == str(vars(rebuilt)).replace("'", "")


PLAIN = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=40, deadline=None)
@given(st.builds(
    Event, step=st.integers(0), kind=st.sampled_from(["train", "valid", "sample", "note", "saved", "done"]),
    values=st.dictionaries(st.text(), PLAIN | st.lists(PLAIN)), time=st.floats(0, 1e12),
))  # fmt: skip
def test_an_event_survives_its_line(event: Event) -> None:
    line = event.to_json()
    back = Event.from_json(line)
    assert back == event
    assert back.to_json() == line
    assert len(line.splitlines()) == 1


@settings(max_examples=40, deadline=None)
@given(st.floats())
def test_a_figure_that_is_not_finite_becomes_a_word_of_strict_json(value: float) -> None:
    line = Event(1, "valid", {"loss": value}).to_json()
    back = json.loads(line, parse_constant=pytest.fail)["values"]["loss"]
    assert repr(float(back)) == repr(value)


def test_a_first_figure_that_is_not_a_number_is_beaten_by_any_that_is() -> None:
    assert is_better("loss", {"loss": 3.0}, {"loss": math.nan})
    assert not is_better("loss", {"loss": math.nan}, {"loss": 3.0})
    assert not is_better("loss", {"loss": math.nan}, {"loss": math.nan})
    assert is_better("loss", {"loss": math.nan}, None)


def test_errors_say_three_things() -> None:
    error = LaminaError("a", "b", "C.")
    assert str(error) == "expected a; came b. C."
