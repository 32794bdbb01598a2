"""Proximal policy optimization (Schulman, Wolski, Dhariwal, Radford & Klimov 2017).

One update is one iteration of the paper's Algorithm 1: play `envs` environments for `horizon` steps with the
present policy, estimate advantages (Schulman et al. 2016, GAE), then improve the clipped objective for a few
epochs of mini-batches. Departures: actor and critic share no weights; an episode cut off by a time limit is
completed by the critic's value of what was seen last (Pardo et al. 2018); advantages are normalized over the
whole iteration, which in our trials took fewer steps than over each mini-batch (results/ppo-settings.md).

    s_t  x         observations        (T, E, D)
    a_t  action    actions             (T, E)
    A_t  advantage advantages          (T, E)
    V_t  value     values              (T, E)
    r    ratio     new / old probability of the action taken
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from lamina.core import config as knobs
from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.method import Learning, Pace
from lamina.core.spec import Actions, Spec
from lamina.envs.episodes import EpisodeSplit
from lamina.envs.vector import Envs


class Config(knobs.Config):
    """How much is played and how hard each iteration learns from it."""

    steps: int = knob(100_000, "environment steps in all", low=1, search="log")
    valid_steps: int = knob(5_000, "environment steps between validations", low=1)
    envs: int = knob(8, "environments played side by side", low=1, search="log")
    horizon: int = knob(128, "steps of each environment in an iteration", low=1, search="log")
    epochs: int = knob(10, "times the played steps are gone through in an iteration", low=1, search="log")
    batch: int = knob(128, "played steps in a mini-batch", low=2, search="log")
    gamma: float = knob(0.99, "discount of later rewards", low=0, high=1, search="linear")
    gae: float = knob(0.95, "lambda of the advantage estimate: 0 trusts the critic, 1 the returns", low=0, high=1, search="linear")
    clip_range: float = knob(0.2, "how far the probability of an action may move in an iteration", low=0, high=1, search="linear")
    value_weight: float = knob(0.5, "weight of the critic's loss", low=0)
    entropy_weight: float = knob(0.0, "weight of the policy's entropy, which keeps it trying", low=0, search="log")


class PPO:
    """Plays, estimates, improves."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "optimizer": "adam", "learning_rate": 1e-3, "schedule": "linear", "optim.clip": 0.5, "precision": "f32", "threads": 1,
    }  # fmt: skip
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: Spec, config: Config, split: EpisodeSplit) -> None:
        if not isinstance(spec.target, Actions) or not isinstance(split, EpisodeSplit):
            raise UsageError("an environment with discrete actions for `ppo`", f"`{spec.target.kind}` as target",
                             "Train CartPole-v1, for example.")
        self.config, self.actions = config, spec.target.size
        self.envs = Envs(split, config.envs)

    @staticmethod
    def wrap(net: nn.Module, spec: Spec) -> nn.Module:
        """The policy as it is; it must have an actor and a critic."""
        if not all(isinstance(getattr(net, part, None), nn.Module) for part in ("actor", "critic")):
            raise UsageError("a model with an `actor` and a `critic`", f"`{type(net).__name__}`", "Use `--model policy`.")
        return net

    def prepare(self, model: nn.Module) -> None:
        """Nothing is known of the environment before it is played."""

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        return {}

    def pace(self) -> Pace:
        each = self.config.envs * self.config.horizon
        return Pace(math.ceil(self.config.steps / each), max(1, math.ceil(self.config.valid_steps / each)))

    def next_batch(self, learner: Learning, step: int) -> Batch:
        """Play one iteration: (T * E) observations, actions, their log-probabilities, advantages and returns."""
        c = self.config
        x = np.empty((c.horizon + 1, c.envs, self.envs.seen.shape[1]), np.float32)
        action = np.empty((c.horizon, c.envs), np.int64)
        reward, ended = (np.empty((c.horizon, c.envs), np.float32) for _ in range(2))
        cut: list[tuple[int, int, np.ndarray]] = []
        draws = np.random.default_rng(rng.key(learner.seed, step, "act")).gumbel(size=(c.horizon, c.envs, self.actions))
        for t in range(c.horizon):
            x[t] = self.envs.seen
            action[t] = _act(learner.model, x[t], draws[t], learner.device)
            reward[t], ended[t], truncated = self.envs.step(action[t])
            cut += [(t, i, last) for i, last in truncated]
        x[-1] = self.envs.seen
        return self._estimate(learner, torch.from_numpy(x), torch.from_numpy(action), (reward, ended, cut))

    def _estimate(self, learner: Learning, x: torch.Tensor, action: torch.Tensor, played: Any) -> Batch:
        reward, ended, cut = played
        model, device = learner.model, learner.device
        with torch.no_grad():
            value = model.critic(x.to(device)).squeeze(-1).cpu().numpy()  # (T + 1, E)
            log_prob = F.log_softmax(model.actor(x[:-1].to(device)).cpu(), -1).gather(-1, action[..., None]).squeeze(-1)
            for t, i, last in cut:
                reward[t, i] += self.config.gamma * model.critic(torch.from_numpy(last).to(device)).item()
        advantage = gae(reward, ended, value, self.config.gamma, self.config.gae)
        returns = torch.from_numpy(advantage + value[:-1])
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        return Batch(x=x[:-1].flatten(0, 1), action=action.flatten(), log_prob=log_prob.flatten(),
                     advantage=torch.from_numpy(advantage).flatten(), returns=returns.flatten())

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        c = self.config
        total = torch.zeros(3, device=learner.device)
        for _ in range(c.epochs):
            for rows in torch.randperm(batch.size).to(learner.device).split(c.batch):
                part = {k: v.index_select(0, rows) for k, v in batch.items()}
                actor, critic, entropy = ppo_loss(learner.model, part, c.clip_range)
                learner.step(actor + c.value_weight * critic - c.entropy_weight * entropy)
                total += torch.stack([actor.detach(), critic.detach(), entropy.detach()])
        actor, critic, entropy = total / (c.epochs * math.ceil(batch.size / c.batch))
        finished = self.envs.take_finished()
        told = {"actor_loss": actor, "critic_loss": critic, "entropy": entropy}
        return told | ({"return": torch.tensor(float(np.mean(finished)))} if finished else {})

    def counters(self, step: int) -> dict[str, float]:
        return {"environment_steps": step * self.config.envs * self.config.horizon}

    def state(self) -> dict[str, Any]:
        return self.envs.state()

    def load_state(self, state: dict[str, Any]) -> None:
        self.envs.load_state(state)


def _act(model: Any, x: np.ndarray, gumbel: np.ndarray, device: torch.device) -> np.ndarray:
    """Draw an action from the softmax of the logits: argmax of logits + Gumbel noise (Gumbel 1954)."""
    with torch.inference_mode():
        logits = model.actor(torch.from_numpy(x).to(device)).cpu().numpy()
    chosen: np.ndarray = (logits + gumbel).argmax(-1)
    return chosen


def gae(reward: np.ndarray, ended: np.ndarray, value: np.ndarray, gamma: float, lam: float) -> np.ndarray:
    """Generalized advantage estimates (T, E): eq. (16) of Schulman et al. 2016, never across the end of an episode.

    reward, ended: (T, E); value: (T + 1, E), the last row of what is seen after the last step.
    """
    advantage = np.zeros_like(reward)
    later = np.zeros_like(reward[0])
    for t in reversed(range(len(reward))):
        going = 1 - ended[t]
        delta = reward[t] + gamma * value[t + 1] * going - value[t]
        later = advantage[t] = delta + gamma * lam * going * later
    return advantage


def ppo_loss(model: Any, batch: Mapping[str, torch.Tensor], clip_range: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The clipped surrogate (eq. 7, negated), the critic's squared error, and the mean entropy."""
    log_p = F.log_softmax(model.actor(batch["x"]), -1)
    ratio = (log_p.gather(1, batch["action"][:, None]).squeeze(1) - batch["log_prob"]).exp()
    advantage = batch["advantage"]
    surrogate = torch.min(ratio * advantage, ratio.clamp(1 - clip_range, 1 + clip_range) * advantage)
    critic = (model.critic(batch["x"]).squeeze(1) - batch["returns"]).square().mean()
    return -surrogate.mean(), critic, -(log_p.exp() * log_p).sum(1).mean()
