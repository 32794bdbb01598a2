"""DQN and SAC against the formulas of their papers, in plain torch, and that they learn which of two arms pays better."""

from collections.abc import Iterator
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import register

from lamina.core.spec import Actions, Controls, Spec, Vector
from lamina.envs import episodes
from lamina.methods.dqn import DQN, Config, WithTarget, q_targets
from lamina.methods.sac import SAC, Tempered, soft_targets
from lamina.methods.sac import Config as SACConfig
from lamina.models.q_network import Config as Sizes
from lamina.models.q_network import QNetwork
from lamina.models.soft_policy import Config as SoftSizes
from lamina.models.soft_policy import SoftPolicy
from lamina.verbs.request import Request
from lamina.verbs.train import train

DISCRETE = Spec(input=Vector(size=3), target=Actions(size=4, env="any"))
NUMBERS = Spec(input=Vector(size=3), target=Controls(low=(-1.0, -1.0), high=(1.0, 1.0), env="any"))


class Tune(gymnasium.Env[np.ndarray, np.ndarray]):
    """One number to set; what it pays is largest at 0.5. Nothing is to be seen; ends after ten steps."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-2, 2, (1,), np.float32)
    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return np.zeros(1, np.float32), -abs(float(action[0]) - 0.5), self.steps == 10, False, {}


@pytest.fixture(autouse=True)
def _games() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    register("Tune-v0", Tune)
    yield
    del gymnasium.registry["Tune-v0"]
    torch.set_num_threads(before)


def rows(target: Any, count: int = 12) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    action = torch.arange(count) % target.size if isinstance(target, Actions) else torch.rand(count, target.size).double() * 2 - 1
    x, after = torch.randn(2, count, 3).double()
    return {
        "x": x, "action": action, "reward": torch.randn(count).double(), "after": after,
        "ended": (torch.arange(count) % 3 == 0).double(), "power": torch.full((count,), 0.9, dtype=torch.float64),
    }  # fmt: skip


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("duelling", [False, True])
def test_q_targets_are_the_papers(double: bool, duelling: bool) -> None:
    torch.manual_seed(1)
    model = WithTarget(QNetwork(DISCRETE, Sizes(hidden=(8,), duelling=duelling)).double())
    other = QNetwork(DISCRETE, Sizes(hidden=(8,), duelling=duelling)).double()
    model.target.load_state_dict(other.state_dict())
    batch = rows(DISCRETE.target)
    said, y = q_targets(model, batch, double)
    for i in range(12):
        mine, its = model.net(batch["after"][i]), other(batch["after"][i])
        later = its[mine.argmax()] if double else its.max()
        expected = batch["reward"][i] + (0 if batch["ended"][i] else 0.9 * later)
        assert y[i].item() == pytest.approx(expected.item(), abs=1e-12)
        assert said[i].item() == pytest.approx(model.net(batch["x"][i])[batch["action"][i]].item(), abs=1e-12)
    assert not y.requires_grad


def test_negative_control_the_two_targets_differ() -> None:
    torch.manual_seed(1)
    model = WithTarget(QNetwork(DISCRETE, Sizes(hidden=(8,))).double())
    model.target.load_state_dict(QNetwork(DISCRETE, Sizes(hidden=(8,))).double().state_dict())
    batch = rows(DISCRETE.target)
    assert not torch.equal(q_targets(model, batch, True)[1], q_targets(model, batch, False)[1])


def test_duelling_streams_are_told_apart_by_the_mean() -> None:
    """Eq. (9): the mean over the actions is the value of the state."""
    net = QNetwork(DISCRETE, Sizes(hidden=(8,), duelling=True))
    x = torch.randn(5, 3)
    assert net.head.value is not None
    torch.testing.assert_close(net(x).mean(1, keepdim=True), net.head.value(net.body(x)))


def test_soft_targets_are_the_papers() -> None:
    torch.manual_seed(1)
    model = Tempered(SoftPolicy(NUMBERS, SoftSizes(hidden=(8,))).double())
    for p in model.target.parameters():
        p.data.add_(0.1)
    batch, noise, alpha = rows(NUMBERS.target), torch.randn(12, 2).double(), torch.tensor(0.3, dtype=torch.float64)
    y = soft_targets(model, batch, alpha, noise)
    for i in range(12):
        mean, log_std = model.net.actor(batch["after"][i]).chunk(2)
        u = mean + log_std.exp() * noise[i]
        log_p = (torch.distributions.Normal(mean, log_std.exp()).log_prob(u) - torch.log(1 - u.tanh() ** 2)).sum()
        q = model.target(batch["after"][i : i + 1], u.tanh()[None])
        expected = batch["reward"][i] + (0 if batch["ended"][i] else 0.9 * (q.min() - 0.3 * log_p))
        assert y[i].item() == pytest.approx(expected.item(), abs=1e-9)


def drawn(priority: np.ndarray, alpha: float, beta: float) -> tuple[np.ndarray, np.ndarray]:
    data: Any = episodes.load("CartPole-v1", 0)
    method = DQN(data.spec, Config(prioritized=True, alpha=alpha, beta=beta, memory=len(priority)), data.train)
    method.replay.add({"reward": np.zeros(len(priority), np.float32)})
    method.priority[:] = priority
    return method._drawn(np.random.default_rng(0), 40_000, 0.0)


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.5, 0.4), (0.0, 1.0)])
def test_rows_are_drawn_by_their_priority_and_weighed_back(alpha: float, beta: float) -> None:
    priority = np.array([0.1, 1.0, 2.0, 7.0])
    places, weight = drawn(priority, alpha, beta)
    chance = priority**alpha / (priority**alpha).sum()
    np.testing.assert_allclose(np.bincount(places, minlength=4) / len(places), chance, atol=0.01)
    expected = (4 * chance) ** -beta
    np.testing.assert_allclose(weight, (expected / expected.max())[places], rtol=1e-5)


def test_a_wrong_kind_of_action_says_which_method_fits() -> None:
    pendulum, pole = episodes.load("Pendulum-v1", 0), episodes.load("CartPole-v1", 0)
    with pytest.raises(Exception, match="one of several actions for `dqn`") as caught:
        DQN(pendulum.spec, Config(), pendulum.train)  # type: ignore[arg-type]
    assert "sac" in str(caught.value)
    with pytest.raises(Exception, match="numbers to set for `sac`") as caught:
        SAC(pole.spec, SACConfig(), pole.train)  # type: ignore[arg-type]
    assert "dqn" in str(caught.value)


@pytest.mark.parametrize("method", ["sac", "ppo", "a2c", "reinforce"])
def test_a_number_is_tuned(method: str) -> None:
    words = {
        "sac": {"steps": 800, "valid_steps": 800, "begin": 200, "hidden": (32,), "batch": 64, "learning_rate": 3e-3},
        "ppo": {"steps": 8_000, "valid_steps": 8_000, "hidden": (16,), "learning_rate": 5e-3, "envs": 8, "horizon": 64, "scaled": False},
        "a2c": {"steps": 30_000, "valid_steps": 30_000, "hidden": (16,), "learning_rate": 5e-3},
        "reinforce": {"updates": 120, "valid_updates": 120, "hidden": (16,), "learning_rate": 1e-2},
    }[method]  # fmt: skip
    outcome = train(Request("Tune-v0", method=method, words={**words, "threads": 1}, device="cpu"))
    assert outcome.test.metrics["return_mean"] > -2.0  # a tenth of 2 each step; doing nothing returns -5
    assert outcome.test.metrics["return_mean"] <= 0
