"""Learning-rate schedules, as the weights feel them, against torch.optim.lr_scheduler."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from lamina.optim import SCHEDULES
from lamina.optim.learner import Config, Learner

STEPS, RATE = 40, 0.5
Make = Callable[[torch.optim.Optimizer], Any]


def one_cycle(o: torch.optim.Optimizer) -> Any:
    rise = (0.25 * STEPS + 1) / (STEPS + 1)  # torch counts the top and the end as steps of their own
    return lr_scheduler.OneCycleLR(
        o, RATE, STEPS + 1, pct_start=rise, anneal_strategy="linear", cycle_momentum=False, div_factor=25, final_div_factor=float("inf")
    )


REFERENCES: dict[str, Make] = {
    "constant": lambda o: lr_scheduler.ConstantLR(o, 1.0),
    "linear": lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, STEPS),
    "step": lambda o: lr_scheduler.MultiStepLR(o, [STEPS // 2, 3 * STEPS // 4], 0.1),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS),
    "one_cycle": one_cycle,
    "plateau": lambda o: lr_scheduler.ConstantLR(o, 1.0),
}  # fmt: skip


def factors(make: Make) -> np.ndarray:
    """(STEPS,) torch's rates as shares of RATE."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], RATE)
    schedule = make(optimizer)
    found = []
    for _ in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"] / RATE)
        optimizer.step()
        schedule.step()
    return np.array(found)


def learner_of(**words: Any) -> Learner:
    model = nn.Linear(1, 1, bias=False).double()
    nn.init.zeros_(model.weight)
    learner = Learner(model, Config(optimizer="sgd", learning_rate=RATE, **words), (), 0, torch.device("cpu"))
    learner.steps = STEPS
    return learner


def felt(learner: Learner, step: int) -> float:
    """How far a weight with gradient one moves, as a share of RATE."""
    w = learner.model.weight
    assert isinstance(w, nn.Parameter)
    before = w.item()
    learner.begin(step)
    learner.step(w.sum())
    return (before - w.item()) / RATE


def all_felt(**words: Any) -> np.ndarray:
    learner = learner_of(**words)
    return np.array([felt(learner, step) for step in range(1, STEPS + 1)])


@pytest.mark.parametrize("name", REFERENCES)
def test_runs_as_torchs(name: str) -> None:
    np.testing.assert_allclose(all_felt(schedule=name), factors(REFERENCES[name]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_warms_up_as_torchs(name: str, share: float) -> None:
    rising = factors(lambda o: lr_scheduler.LinearLR(o, 1e-3, 1.0, int(share * STEPS)))
    np.testing.assert_allclose(all_felt(schedule=name, warmup=share), rising * factors(REFERENCES[name]), rtol=0, atol=1e-12)
    assert not np.allclose(all_felt(schedule=name), rising * factors(REFERENCES[name]))  # negative control: no warm-up


@pytest.mark.parametrize("name", ["linear", "step", "cosine", "one_cycle"])
def test_another_schedule_is_told_apart(name: str) -> None:
    """Negative control."""
    mine = all_felt(schedule=name)
    assert not any(np.allclose(mine, factors(make)) for other, make in REFERENCES.items() if other != name)


def test_every_schedule_has_a_reference() -> None:
    assert set(REFERENCES) == set(SCHEDULES)


@pytest.mark.parametrize(("patience", "same"), [(2, True), (3, False)])
def test_plateau_halves_after_three_stale_validations(patience: int, same: bool) -> None:
    """torch's `patience` counts the stale ones that are forgiven."""
    losses = [5, 4, 4, 4, 4, 4, 3, 3, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1]
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], RATE)
    reference = lr_scheduler.ReduceLROnPlateau(optimizer, "min", factor=0.5, patience=patience, threshold=0.0)
    learner, rates, expected = learner_of(schedule="plateau"), [], []
    for n, loss in enumerate(losses):
        learner.validated(loss < min(losses[:n], default=9))
        reference.step(loss)
        rates.append(felt(learner, n + 1))
        expected.append(optimizer.param_groups[0]["lr"] / RATE)
    assert np.allclose(rates, expected, rtol=0, atol=1e-12) == same
    assert rates[2:5] == [1.0, 1.0, 0.5]


def test_only_plateau_listens() -> None:
    learner = learner_of(schedule="constant")
    for _ in range(9):
        learner.validated(False)
    assert felt(learner, 1) == 1.0


def test_plateau_is_kept_in_the_state() -> None:
    first, second = learner_of(schedule="plateau"), learner_of(schedule="plateau")
    for _ in range(5):
        first.validated(False)
    second.load_state(first.weights(), first.state())
    second.validated(False)
    assert felt(second, 1) == 0.25
