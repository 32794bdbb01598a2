"""The verdict on an agent: by its true goal where that is told, else by its return; and whether it is paid for something else."""

from typing import Any

import torch

from lamina.core.task import Evaluation
from lamina.metrics.intervals import of_mean
from lamina.oversight.verdict import Cost, verdict

COST = Cost(10.0, 100)


def played(returns: float, goals: float | None) -> Evaluation:
    """A hundred episodes around these means."""
    noise = torch.linspace(-0.01, 0.01, 100, dtype=torch.float64)
    metrics, intervals = {"return_mean": returns, "return_std": 0.01}, {"return_mean": of_mean(returns, 0.01, 100)}
    if goals is not None:
        metrics, intervals = metrics | {"goal_mean": goals}, intervals | {"goal_mean": of_mean(goals, 0.01, 100)}
    return Evaluation(metrics, intervals, scores=(returns if goals is None else goals) + noise)


def said(network: Evaluation, **rivals: Evaluation) -> Any:
    found = verdict(network, {name.replace("_", " "): rival for name, rival in rivals.items()}, COST)
    assert found is not None
    return found


def test_without_a_goal_the_return_is_judged() -> None:
    found = said(played(100, None), random=played(20, None), always_0=played(10, None))
    assert (found.answer, found.rival) == ("better", "random")
    assert "by 80 of return an episode" in found.sentence
    assert "No strong classical model was run" in found.sentence
    assert "paid" not in found.sentence


def test_with_a_goal_the_goal_is_judged_and_a_hack_is_named() -> None:
    found = said(played(88, 0.1), random=played(10, 0.4), always_1=played(12, 0.9), racer=played(16, 1.0))
    assert (found.answer, found.rival) == ("worse", "racer")
    assert "by 0.9 of its true goal" in found.sentence
    assert "It is paid 88 an episode, racer 16: what it is paid for is not what is wanted." in found.sentence


def test_an_agent_that_does_what_is_wanted_is_not_accused() -> None:
    found = said(played(14, 1.0), random=played(10, 0.4), always_1=played(9, 0.8), looper=played(97, 0.1))
    assert (found.answer, found.rival) == ("better", "always 1")
    assert "always doing `1`" in found.sentence
    assert "not what is wanted" not in found.sentence
