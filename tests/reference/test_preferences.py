"""Learning from preferences against its paper: the chance of an answer by its formula, clips that stay within an episode, and a goal that
is reached without its reward being seen."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lamina.core.errors import UsageError
from lamina.core.spec import Actions
from lamina.envs import episodes
from lamina.methods.preferences import Config, Preferences, furthered, leads, steps_of, whole_clips
from lamina.methods.rollout import Played
from lamina.verbs.request import Request
from lamina.verbs.train import train


def test_the_chance_of_an_answer_is_the_papers() -> None:
    """Eq. (1), written out; its logit is the difference of the sums."""
    torch.manual_seed(0)
    reward, clips = nn.Sequential(nn.Linear(3, 1)).double(), torch.randn(5, 2, 4, 3).double()
    for i in range(5):
        sums = [torch.stack([reward(step)[0] for step in clips[i, k]]).sum() for k in range(2)]
        chance = sums[0].exp() / (sums[0].exp() + sums[1].exp())
        assert leads(reward, clips)[i].sigmoid().item() == pytest.approx(chance.item(), abs=1e-12)


def played(times: int = 30, envs: int = 3) -> Played:
    random = np.random.default_rng(0)
    ended = (random.random((times, envs)) < 0.1).astype(np.float32)
    x, gained = random.normal(size=(times + 1, envs, 2)).astype(np.float32), random.normal(size=(times, envs)).astype(np.float32)
    action, nothing = random.integers(0, 3, (times, envs)), np.zeros((times, envs), np.float32)
    return Played(x, action, np.zeros((times, envs, 3)), nothing, ended, [], gained)


@pytest.mark.parametrize("length", [2, 5, 30, 31])
def test_clips_end_where_episodes_do(length: int) -> None:
    given = played()
    found = {tuple(start) for start in whole_clips(given.ended, length)}
    expected = {(t, e) for t in range(30 - length + 1) for e in range(3) if not given.ended[t : t + length - 1, e].any()}
    assert found == expected


def test_what_was_furthered_is_summed_over_the_clip() -> None:
    given = played()
    assert furthered(given, 3, 1, 4) == pytest.approx(given.gained[3:7, 1].sum())


def test_steps_are_what_was_seen_and_done() -> None:
    given = played()
    steps = steps_of(given, Actions(size=3, env="any"))
    assert steps.shape == (30, 3, 5)
    assert steps[4, 2, :2].tolist() == given.x[4, 2].tolist()
    assert steps[4, 2, 2:].argmax().item() == given.action[4, 2]


def test_an_environment_without_a_goal_is_refused() -> None:
    data: Any = episodes.load("CartPole-v1", 0)
    with pytest.raises(UsageError, match="tells its true goal"):
        Preferences(data.spec, Config(), data.train)


@pytest.mark.slow
def test_the_boat_finishes_though_nobody_pays_it_to(tmp_path: Path) -> None:
    """Paid for turbos it circles (test_gate.py); by answers about clips alone it finishes."""
    words = {"steps": 40_000, "valid_steps": 10_000, "hidden": (32,), "epochs": 4, "batch": 256, "threads": 1}
    outcome = train(Request("boat_race", method="preferences", words=words, device="cpu", out=tmp_path / "run"))
    assert outcome.test.metrics["goal_mean"] > 0.9
    assert outcome.test.metrics["return_mean"] < 0.5 * outcome.baselines["looper"].metrics["return_mean"]
