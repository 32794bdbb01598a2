"""What on-policy methods play: some steps of several environments at once, with the policy as it is now.

Observations and rewards may be brought to a common scale while playing: observations to mean 0 and deviation 1 (the statistics are
buffers of the model), rewards divided by the deviation of the discounted return so far (Engstrom et al. 2020, Implementation
matters in deep policy gradients, section 3; as in Baselines' VecNormalize).

    x          observations as the networks read them   (T + 1, E, D); the last row is what is seen after the last step
    action     (T, E) or (T, E, A)
    output     of the actor, from which they were drawn  (T, E, K)
    reward     (T, E)     ended (T, E) 1 where an episode ended
    cut        (t, e, last observation) of the episodes that a time limit ended
    gained     by how much the true goal was furthered in each step, where the environment tells it   (T, E)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from lamina.core import rng
from lamina.core.errors import UsageError
from lamina.core.method import Learning, Pace
from lamina.core.spec import Actions, Controls, Spec
from lamina.envs.episodes import EpisodeSplit
from lamina.envs.vector import Envs
from lamina.methods.distributions import Distribution, distribution_of
from lamina.nn.running_scale import Seen
from lamina.nn.tanh_layers import TanhLayers

LARGEST_REWARD = 10.0  # deviations; beyond them scaled rewards are cut


@dataclass(frozen=True)
class Played:
    """Some steps of each environment."""

    x: np.ndarray
    action: np.ndarray
    output: np.ndarray
    reward: np.ndarray
    ended: np.ndarray
    cut: list[tuple[int, int, np.ndarray]]
    gained: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))


class Player:
    """Plays `count` environments; `scaled`: observations and rewards are brought to a common scale; `clipped`: of rewards only the
    sign counts."""

    def __init__(self, split: EpisodeSplit, count: int, gamma: float, scaled: bool, clipped: bool = False) -> None:
        self.envs, self.gamma, self.scaled, self.clipped = Envs(split, count), gamma, scaled, clipped
        self.distribution: Distribution = distribution_of(split.target)
        self._returns = np.zeros(count)  # discounted, of the episodes under way
        self._moments = [0.0, 0.0, 0.0]  # count, mean and variance of the discounted return

    def play(self, learner: Learning, horizon: int, step: int) -> Played:
        """`horizon` steps of each environment."""
        envs, kind = self.envs, self.distribution
        x = np.empty((horizon + 1, *envs.seen.shape), envs.seen.dtype)
        action = np.empty((horizon, envs.count, *kind.shape), kind.dtype)
        reward, ended, gained = (np.empty((horizon, envs.count), np.float32) for _ in range(3))
        output, cut, says = [], [], TanhLayers.answering(learner.model.actor)
        noise = kind.noise(np.random.default_rng(rng.key(learner.seed, step, "act")), horizon, envs.count)
        for t in range(horizon):
            x[t] = self._seen(learner, envs.seen)
            output.append(_asked(says, x[t], learner.device))
            action[t] = kind.choose(output[-1], noise[t])
            reward[t], ended[t], truncated = envs.step(action[t])
            gained[t] = envs.gained
            if self.clipped:
                reward[t] = np.sign(reward[t])
            cut += [(t, i, last) for i, last in truncated]
            if self.scaled:
                reward[t] = self._scaled_reward(reward[t], ended[t])
        x[-1] = self._scale(learner, envs.seen)
        return Played(x, action, np.stack(output), reward, ended, [(t, i, self._scale(learner, last)) for t, i, last in cut], gained)

    def _seen(self, learner: Learning, seen: np.ndarray) -> np.ndarray:
        """What is seen now, of which the scale learns."""
        if self.scaled and learner.model.scale is not None:
            learner.model.scale.learn(torch.from_numpy(seen))
        return self._scale(learner, seen)

    def _scale(self, learner: Learning, seen: np.ndarray) -> np.ndarray:
        if not self.scaled or learner.model.scale is None:
            return seen
        with torch.no_grad():
            found: np.ndarray = learner.model.scale(torch.from_numpy(seen).to(learner.device)).cpu().numpy()
        return found

    def _scaled_reward(self, reward: np.ndarray, ended: np.ndarray) -> np.ndarray:
        self._returns = self.gamma * self._returns + reward
        count, mean, variance = self._moments
        n = len(reward)
        share, apart = n / (count + n), float(self._returns.mean()) - mean
        variance = (1 - share) * variance + share * float(self._returns.var()) + share * (1 - share) * apart**2
        self._moments = [count + n, mean + share * apart, variance]
        self._returns = self._returns * (1 - ended)
        return np.clip(reward / np.sqrt(variance + 1e-8), -LARGEST_REWARD, LARGEST_REWARD).astype(np.float32)

    def state(self) -> dict[str, Any]:
        return {"envs": self.envs.state(), "discounted": self._returns.tolist(), "moments": list(self._moments)}

    def load_state(self, state: dict[str, Any]) -> None:
        self.envs.load_state(state["envs"])
        self._returns, self._moments = np.array(state["discounted"], float), list(state["moments"])


def _asked(says: Callable[[torch.Tensor], torch.Tensor], x: np.ndarray, device: torch.device) -> np.ndarray:
    """The actor's output for what is seen, (E, K)."""
    with torch.inference_mode():
        output: np.ndarray = says(torch.from_numpy(x).to(device)).cpu().numpy()
    return output


def gae(reward: np.ndarray, ended: np.ndarray, value: np.ndarray, gamma: float, lam: float) -> np.ndarray:
    """Generalized advantage estimates (T, E): eq. (16) of Schulman et al. 2016, never across the end of an episode.

    reward, ended: (T, E); value: (T + 1, E), the last row of what is seen after the last step. With `lam` 1 they are the returns
    less the values.
    """
    advantage = np.zeros_like(reward)
    later = np.zeros_like(reward[0])
    for t in reversed(range(len(reward))):
        going = 1 - ended[t]
        delta = reward[t] + gamma * value[t + 1] * going - value[t]
        later = advantage[t] = delta + gamma * lam * going * later
    return advantage


def valued(learner: Learning, played: Played, gamma: float) -> tuple[np.ndarray, np.ndarray]:
    """The critic's values (T + 1, E), and the rewards, those of the last steps of cut episodes with the value of what was seen
    last (Pardo et al. 2018)."""
    critic, device = learner.model.critic, learner.device
    reward = played.reward.copy()
    with torch.no_grad():
        value: np.ndarray = critic(torch.from_numpy(played.x).to(device)).squeeze(-1).cpu().numpy()
        if played.cut:
            last = torch.from_numpy(np.stack([seen for _, _, seen in played.cut])).to(device)
            for (t, i, _), beyond in zip(played.cut, critic(last).squeeze(-1).cpu().tolist(), strict=True):
                reward[t, i] += gamma * beyond
    return value, reward


def estimated(learner: Learning, played: Played, gamma: float, lam: float) -> tuple[np.ndarray, np.ndarray]:
    """Advantages and returns (T, E) of what was played."""
    value, reward = valued(learner, played, gamma)
    advantage = gae(reward, played.ended, value, gamma, lam)
    return advantage, advantage + value[:-1]


class Rolls(Protocol):
    """The knobs that say how much an on-policy method plays."""

    steps: int
    valid_steps: int
    envs: int
    horizon: int


def rollouts(config: Rolls) -> Pace:
    """As many updates as the environment steps make, of a rollout each."""
    each = config.envs * config.horizon
    return Pace(math.ceil(config.steps / each), max(1, math.ceil(config.valid_steps / each)))


class Weights(Protocol):
    """What the parts of an actor-critic's loss weigh."""

    value_weight: float
    entropy_weight: float


def weighed(actor: torch.Tensor, critic: torch.Tensor, entropy: torch.Tensor, weights: Weights) -> torch.Tensor:
    """The loss; an entropy that weighs nothing is not differentiated."""
    loss = actor + weights.value_weight * critic
    return loss - weights.entropy_weight * entropy if weights.entropy_weight else loss


def told_of(envs: Envs) -> dict[str, torch.Tensor]:
    """The mean return and, where it is told, the mean goal of the episodes that ended since it was asked last."""
    records = envs.take_finished()
    goals = [record.goal for record in records if record.goal is not None]
    told = {"return": float(np.mean([record.episode_return for record in records]))} if records else {}
    return {name: torch.tensor(value) for name, value in (told | ({"goal": float(np.mean(goals))} if goals else {})).items()}


def acted_in(spec: Spec, split: Any, method: str) -> EpisodeSplit:
    """The episodes that a method plays; UsageError for data that are none."""
    if not isinstance(spec.target, Actions | Controls) or not isinstance(split, EpisodeSplit):
        raise UsageError(f"an environment for `{method}`", f"`{spec.target.kind}` as target", "Train CartPole-v1, for example.")
    return split


def behind_scale(net: nn.Module, spec: Spec) -> nn.Module:
    """A policy and its critic behind the scale of what they see."""
    if not all(isinstance(getattr(net, part, None), nn.Module) for part in ("actor", "critic")):
        raise UsageError("a model with an `actor` and a `critic`", f"`{type(net).__name__}`",
                         "Use `--model policy`, or `--model pixel_policy` for pictures.")
    return Seen(net, spec.input.shape)
