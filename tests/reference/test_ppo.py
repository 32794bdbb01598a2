"""PPO against its papers: the advantages by their definition, the objective by its formula, the draws by their frequencies,
and that it learns which of two arms pays better."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import register
from scipy import stats
from torch import nn

from lamina.core import rng
from lamina.core.spec import Actions, Controls, Spec, Vector
from lamina.envs import episodes
from lamina.methods.distributions import Categorical, distribution_of
from lamina.methods.ppo import PPO, Config, Written, ppo_loss
from lamina.methods.rollout import gae, weighed
from lamina.models.policy import Config as Sizes
from lamina.models.policy import Policy
from lamina.nn.tanh_layers import TanhLayers
from lamina.optim.learner import Config as OptimConfig
from lamina.optim.learner import Learner
from lamina.verbs.request import Request
from lamina.verbs.train import train

CPU = torch.device("cpu")
PULLS = 10  # in an episode of the bandit


class TwoArms(gymnasium.Env[np.ndarray, np.int64]):
    """Arm 1 pays one in eight of ten pulls, arm 0 in two; nothing is to be seen. Ends after ten pulls."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.pulls = 0
        return np.zeros(1, np.float32), {}

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.pulls += 1
        paid = float(self.np_random.random() < (0.2, 0.8)[int(action)])
        return np.zeros(1, np.float32), paid, self.pulls == PULLS, False, {}


@pytest.fixture(autouse=True)
def _games() -> Iterator[None]:
    """The bandit, and a pole whose episodes are often cut off by their time limit, on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    register("TwoArms-v0", TwoArms, reward_threshold=0.7 * PULLS)
    register("ShortPole-v0", "gymnasium.envs.classic_control.cartpole:CartPoleEnv", max_episode_steps=15)
    yield
    del gymnasium.registry["TwoArms-v0"], gymnasium.registry["ShortPole-v0"]
    torch.set_num_threads(before)


def learner(env: str, seed: int = 0, rate: float = 1e-2, **knobs: Any) -> tuple[PPO, Learner]:
    data = episodes.load(env, seed)
    method = PPO(data.spec, Config(**knobs), data.train)  # type: ignore[arg-type]
    rng.reseed(seed, 0, "weights")
    model = method.wrap(Policy(data.spec, Sizes(hidden=(16,))), data.spec)
    return method, Learner(model, OptimConfig(optimizer="adam", learning_rate=rate), (), seed, CPU)


# -- advantages -------------------------------------------------------------------------------------


def by_definition(deltas: np.ndarray, ended: np.ndarray, gamma: float, lam: float) -> np.ndarray:
    """A_t = sum over l of (gamma lambda)^l delta_{t+l}, up to the end of the episode: eq. (16), written out."""
    advantage = np.zeros(deltas.shape)
    for e in range(deltas.shape[1]):
        for t in range(len(deltas)):
            for later in range(t, len(deltas)):
                advantage[t, e] += (gamma * lam) ** (later - t) * deltas[later, e]
                if ended[later, e]:
                    break
    return advantage


@pytest.mark.parametrize(("gamma", "lam"), [(0.99, 0.95), (0.9, 0.0), (0.9, 1.0), (1.0, 1.0), (0.0, 0.5)])
def test_advantages_are_sums_of_discounted_deltas(gamma: float, lam: float) -> None:
    random = np.random.default_rng(0)
    reward, value = random.normal(size=(40, 3)), random.normal(size=(41, 3))
    ended = (random.random((40, 3)) < 0.15).astype(float)
    deltas = reward + gamma * value[1:] * (1 - ended) - value[:-1]
    np.testing.assert_allclose(gae(reward, ended, value, gamma, lam), by_definition(deltas, ended, gamma, lam), atol=1e-12)


def test_lambda_one_is_the_return_less_the_value() -> None:
    """Eq. (18): with lambda one the values between cancel."""
    random = np.random.default_rng(0)
    reward, value, ended = random.normal(size=(12, 1)), random.normal(size=(13, 1)), np.zeros((12, 1))
    ended[-1] = 1
    returns = [sum(0.9 ** (later - t) * reward[later, 0] for later in range(t, 12)) for t in range(12)]
    np.testing.assert_allclose(gae(reward, ended, value, 0.9, 1.0)[:, 0] + value[:-1, 0], returns, atol=1e-12)


def test_negative_control_an_estimate_across_episodes_differs() -> None:
    random = np.random.default_rng(0)
    reward, value, ended = random.normal(size=(40, 1)), random.normal(size=(41, 1)), np.zeros((40, 1))
    ended[20] = 1
    assert np.abs(gae(reward, ended, value, 0.99, 0.95) - gae(reward, 0 * ended, value, 0.99, 0.95))[:21].max() > 0.1


@pytest.mark.parametrize("env", ["CartPole-v1", "ShortPole-v0", "TwoArms-v0"])
def test_a_batch_is_what_the_environments_gave(env: str) -> None:
    """The same actions in environments of our own: observations, returns and normalized advantages by their definition.

    A time limit does not end the future: the value of what was seen last stands for it (Pardo et al. 2018).
    """
    c = {"envs": 3, "horizon": 50, "gamma": 0.9, "gae": 0.8}
    method, mine = learner(env, **c)
    batch = method.next_batch(mine, 1)
    critic, shape = mine.model.critic, (50, 3)
    action = batch["action"].view(shape)
    deltas, ended, seen = np.zeros(shape), np.zeros(shape), np.zeros((*shape, batch["x"].shape[1]), np.float32)
    cuts = 0
    for e in range(3):
        own, episode = gymnasium.make(env), e
        x, _ = own.reset(seed=method.player.envs.split.seed_of(episode))
        for t in range(50):
            seen[t, e] = x
            after, reward, terminated, truncated, _ = own.step(int(action[t, e]))
            with torch.no_grad():
                here, there = critic(torch.tensor(np.stack([x, after]), dtype=torch.float32))[:, 0].tolist()
            deltas[t, e] = reward + (0 if terminated else 0.9 * there) - here
            ended[t, e], x = terminated or truncated, after
            cuts += truncated and not terminated
            if terminated or truncated:
                episode += 3
                x, _ = own.reset(seed=method.player.envs.split.seed_of(episode))
        own.close()
    assert ended.any()
    assert cuts == 0 or env == "ShortPole-v0"
    assert env != "ShortPole-v0" or cuts
    np.testing.assert_array_equal(batch["x"].view(*shape, -1).numpy(), seen)
    advantage = by_definition(deltas, ended, 0.9, 0.8)
    with torch.no_grad():
        value = critic(batch["x"])[:, 0].view(shape).numpy()
        log_prob = mine.model.actor(batch["x"]).log_softmax(1).gather(1, batch["action"][:, None])[:, 0]
    np.testing.assert_allclose(batch["returns"].view(shape).numpy(), advantage + value, atol=1e-4)
    normalized = (advantage - advantage.mean()) / advantage.std()
    np.testing.assert_allclose(batch["advantage"].view(shape).numpy(), normalized, atol=1e-3)
    torch.testing.assert_close(batch["log_prob"], log_prob, atol=1e-6, rtol=0)


def test_advantages_have_mean_zero_and_deviation_one() -> None:
    method, mine = learner("CartPole-v1", envs=4, horizon=64)
    advantage = method.next_batch(mine, 1)["advantage"].double()
    assert advantage.mean().item() == pytest.approx(0, abs=1e-5)
    assert advantage.std(correction=0).item() == pytest.approx(1, abs=1e-4)


# -- the objective ----------------------------------------------------------------------------------

RATIOS = torch.tensor([0.5, 0.79, 0.81, 1.0, 1.19, 1.21, 3.0], dtype=torch.float64)  # around the clip range of 0.2


def objective() -> tuple[Any, dict[str, torch.Tensor]]:
    """A policy in float64 and a batch in which every ratio meets an advantage of either sign."""
    torch.manual_seed(0)
    spec = Spec(input=Vector(size=4), target=Actions(size=3, env="CartPole-v1"))
    model: Any = PPO.wrap(Policy(spec, Sizes(hidden=(8,))), spec).double()
    nn.init.normal_(model.actor[-1].weight)
    x = torch.randn(14, 4, dtype=torch.float64)
    action = torch.arange(14) % 3
    with torch.no_grad():
        log_p = model.actor(x).softmax(1)[torch.arange(14), action].log()
    advantage = torch.cat([torch.full((7,), 1.5), torch.full((7,), -0.7)]).double()
    returns = torch.randn(14, dtype=torch.float64)
    return model, {"x": x, "action": action, "log_prob": log_p - RATIOS.repeat(2).log(), "advantage": advantage, "returns": returns}


def test_the_objective_is_the_papers() -> None:
    """L = mean of min(r A, clip(r, 1 - e, 1 + e) A) (eq. 7), (V - V_target)^2 and S[pi] (eq. 9): values and gradients."""
    model, batch = objective()
    actor, critic, entropy = ppo_loss(model, Categorical(3), batch, 0.2)
    (actor + 0.5 * critic - 0.01 * entropy).backward()
    mine = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    surrogate, errors, entropies = [], [], []
    for i in range(14):
        scores = model.actor(batch["x"][i]).exp()
        p = scores / scores.sum()
        ratio = p[batch["action"][i]] / batch["log_prob"][i].exp()
        clipped = ratio if 0.8 < ratio < 1.2 else torch.tensor(0.8 if ratio < 1 else 1.2, dtype=torch.float64)
        surrogate.append(min(ratio * batch["advantage"][i], clipped * batch["advantage"][i], key=lambda one: one.item()))
        errors.append((model.critic(batch["x"][i])[0] - batch["returns"][i]) ** 2)
        entropies.append(-sum(q * q.log() for q in p))
    means = [torch.stack(part).mean() for part in (surrogate, errors, entropies)]
    (-means[0] + 0.5 * means[1] - 0.01 * means[2]).backward()
    torch.testing.assert_close([actor, critic, entropy], [-means[0], means[1], means[2]], atol=1e-12, rtol=0)
    torch.testing.assert_close(mine, [p.grad for p in model.parameters()], atol=1e-12, rtol=0)


@pytest.mark.parametrize("row", range(14))
def test_the_gradient_is_cut_only_where_the_ratio_went_too_far_in_its_favour(row: int) -> None:
    """Figure 1 of the paper: flat above 1 + e for a gain, below 1 - e for a loss, and nowhere else."""
    model, batch = objective()
    one = {k: v[row : row + 1] for k, v in batch.items()}
    ppo_loss(model, Categorical(3), one, 0.2)[0].backward()
    length = sum(p.grad.abs().sum() for p in model.actor.parameters())
    gain, ratio = batch["advantage"][row] > 0, RATIOS[row % 7]
    assert (length == 0) == bool(ratio > 1.2 if gain else ratio < 0.8)


def test_negative_control_a_wider_range_is_another_objective() -> None:
    model, batch = objective()
    assert ppo_loss(model, Categorical(3), batch, 0.2)[0] != ppo_loss(model, Categorical(3), batch, 0.5)[0]


@pytest.mark.parametrize("entropy_weight", [0.0, 0.3])
@pytest.mark.parametrize("target", [Actions(size=3, env="x"), Controls(low=(-1.0, -2.0), high=(1.0, 2.0), env="x")])
def test_the_gradient_that_is_written_down_is_autograds(target: Any, entropy_weight: float) -> None:
    torch.manual_seed(0)
    spec, kind = Spec(input=Vector(size=4), target=target), distribution_of(target)
    model: Any = PPO.wrap(Policy(spec, Sizes(hidden=(8, 6))), spec).double()
    for p in model.parameters():
        nn.init.normal_(p, std=0.5)
    x = torch.randn(40, 4, dtype=torch.float64)
    action = torch.arange(40) % 3 if isinstance(target, Actions) else torch.randn(40, 2, dtype=torch.float64)
    with torch.no_grad():
        log_prob = kind.log_prob(model.actor(x), action) + 0.3 * torch.randn(40, dtype=torch.float64)  # many beyond the range
    batch = {"x": x, "action": action, "log_prob": log_prob, "advantage": torch.randn(40).double(), "returns": torch.randn(40).double()}
    config = Config(entropy_weight=entropy_weight, value_weight=0.7)
    losses = ppo_loss(model, kind, batch, config.clip_range)
    (0.5 * weighed(*losses, config)).backward()
    expected = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    written = Written.of(SimpleNamespace(model=model, device=torch.device("cpu")), kind)  # type: ignore[arg-type]
    assert written is not None
    for times in (1, 2):  # added to what is there
        found = written.differentiated(batch, config, 0.5, tell=True)
        torch.testing.assert_close(found, tuple(one.detach() for one in losses), atol=1e-12, rtol=0)
        torch.testing.assert_close([p.grad for p in model.parameters()], [times * g for g in expected], atol=1e-12, rtol=0)


def test_networks_of_other_layers_are_left_to_autograd() -> None:
    tanh = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    assert TanhLayers.of(tanh) is not None
    assert TanhLayers.of(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))) is None
    assert TanhLayers.of(nn.Sequential(nn.Linear(4, 8), nn.Tanh())) is None
    assert TanhLayers.of(nn.Sequential(nn.Linear(4, 8, bias=False), nn.Tanh(), nn.Linear(8, 2))) is None
    assert TanhLayers.of(nn.Linear(4, 2)) is None
    tanh[0].requires_grad_(False)
    assert TanhLayers.of(tanh) is None, "what is frozen is not moved"


def test_both_ways_train_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few updates, of which each is many mini-batches; autograd is what is left where nothing is written down."""
    def updated() -> dict[str, torch.Tensor]:
        method, mine = learner("CartPole-v1", envs=4, horizon=64)
        for step in (1, 2):
            mine.begin(step)
            rng.reseed(0, step, "mixed")
            told = method.update(mine, method.next_batch(mine, step))
        return {**mine.model.state_dict(), "entropy": told["entropy"]}

    by_hand = updated()
    monkeypatch.setattr(Written, "of", staticmethod(lambda learner, kind: None))
    torch.testing.assert_close(updated(), by_hand, atol=1e-4, rtol=1e-3)


# -- draws ------------------------------------------------------------------------------------------


def p_value(logits: list[float], noise: np.ndarray) -> float:
    """Of the chi-square test that actions are drawn from the softmax."""
    drawn = Categorical(len(logits)).choose(np.array(logits), noise)
    expected = torch.tensor(logits).double().softmax(0).numpy() * len(noise)
    return float(stats.chisquare(np.bincount(drawn, minlength=len(logits)), expected).pvalue)


LOGITS = [[0.0, 0.0], [0.0, 2.0], [-1.0, 0.5, 1.0, 3.0]]


@pytest.mark.parametrize("logits", LOGITS, ids=str)
def test_actions_are_drawn_from_the_softmax(logits: list[float]) -> None:
    assert p_value(logits, np.random.default_rng(0).gumbel(size=(20_000, len(logits)))) > 0.001


@pytest.mark.parametrize("logits", LOGITS[1:], ids=str)
def test_negative_control_other_noise_is_seen(logits: list[float]) -> None:
    assert p_value(logits, np.random.default_rng(0).normal(size=(20_000, len(logits)))) < 0.001


# -- learning ---------------------------------------------------------------------------------------


def chance(mine: Learner) -> float:
    """The probability of the better arm."""
    with torch.no_grad():
        return mine.model.actor(torch.zeros(1, 1)).softmax(1)[0, 1].item()


def test_one_update_makes_the_better_arm_likelier() -> None:
    for seed in range(3):
        method, mine = learner("TwoArms-v0", seed, envs=4, horizon=64, epochs=4)
        before = chance(mine)
        assert before == pytest.approx(0.5, abs=0.02)
        mine.begin(1)
        method.update(mine, method.next_batch(mine, 1))
        assert chance(mine) > before + 0.02


def test_negative_control_turned_advantages_make_it_less_likely() -> None:
    method, mine = learner("TwoArms-v0", envs=4, horizon=64, epochs=4)
    before, batch = chance(mine), method.next_batch(mine, 1)
    batch["advantage"] = -batch["advantage"]
    mine.begin(1)
    method.update(mine, batch)
    assert chance(mine) < before - 0.02


def test_the_bandit_is_learned_through_the_verb(tmp_path: Path) -> None:
    words = {"steps": 4000, "valid_steps": 1000, "envs": 4, "horizon": 64, "epochs": 4, "learning_rate": 1e-2, "threads": 1}
    outcome = train(Request("TwoArms-v0", words=words, device="cpu", out=tmp_path / "run"))
    assert outcome.setup.task.name == "play"
    assert outcome.test.metrics["return_mean"] == pytest.approx(0.8 * PULLS, abs=0.5)  # four errors of 100 episodes' mean
    assert outcome.test.metrics["solved"] == 1
    assert outcome.reason == "target"
    assert outcome.baselines["random"].metrics["return_mean"] == pytest.approx(0.5 * PULLS, abs=0.8)
    assert not (tmp_path / "run" / "median_episode.gif").exists()  # nothing is to be seen


def test_only_the_returns_of_ended_episodes_are_told() -> None:
    method, mine = learner("TwoArms-v0", envs=2, horizon=PULLS - 1)
    mine.begin(1)
    first = method.update(mine, method.next_batch(mine, 1))
    second = method.update(mine, method.next_batch(mine, 2))
    assert "return" not in first
    assert 0 <= second["return"].item() <= PULLS


def test_what_is_drawn_hangs_on_seed_and_step_alone() -> None:
    method, mine = learner("CartPole-v1", envs=2, horizon=32)
    state = deepcopy(method.state())
    one = method.next_batch(mine, 5)
    method.load_state(state)
    two = method.next_batch(mine, 5)
    method.load_state(state)
    other = method.next_batch(mine, 6)
    assert torch.equal(one["action"], two["action"])
    assert not torch.equal(one["action"], other["action"])
