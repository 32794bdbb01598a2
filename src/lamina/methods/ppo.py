"""Proximal policy optimization (Schulman, Wolski, Dhariwal, Radford & Klimov 2017).

One update is one iteration of the paper's Algorithm 1: play `envs` environments for `horizon` steps with the
present policy, estimate advantages (Schulman et al. 2016, GAE), then improve the clipped objective for a few
epochs of mini-batches. Departures: actor and critic share no weights; an episode cut off by a time limit is
completed by the critic's value of what was seen last (Pardo et al. 2018); advantages are normalized over the
whole iteration, which in our trials took fewer steps than over each mini-batch (results/ppo-settings.md). For networks of tanh layers the
gradient is written down (`Written`).

    s_t  x         observations        (T, E, D)
    a_t  action    actions             (T, E)
    A_t  advantage advantages          (T, E)
    V_t  value     values              (T, E)
    r    ratio     new / old probability of the action taken
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.method import Learning, Pace
from lamina.core.spec import Spec
from lamina.envs.episodes import EpisodeSplit
from lamina.methods.distributions import Distribution
from lamina.methods.rollout import Player, acted_in, behind_scale, estimated, rollouts, told_of, weighed
from lamina.nn.tanh_layers import TanhLayers

Losses = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # actor, critic, entropy
UNTOLD: Losses = (torch.tensor(torch.nan),) * 3


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
    scaled: bool = knob(False, "observations and rewards are brought to a common scale while playing", search="choice")
    clip_reward: bool = knob(False, "rewards are learned from as -1, 0 or 1 (Mnih et al. 2015)", search="choice")


class PPO:
    """Plays, estimates, improves."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "optimizer": "adam", "learning_rate": 1e-3, "schedule": "linear", "optim.clip": 0.5, "optim.flat": True, "precision": "f32",
        "threads": 1,
    }  # fmt: skip
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: Spec, config: Config, split: EpisodeSplit) -> None:
        self.config = config
        self.player = Player(acted_in(spec, split, "ppo"), config.envs, config.gamma, config.scaled, config.clip_reward)

    @staticmethod
    def wrap(net: nn.Module, spec: Spec) -> nn.Module:
        """The policy behind the scale of what it sees; it must have an actor and a critic."""
        return behind_scale(net, spec)

    def prepare(self, model: nn.Module) -> None:
        """Nothing is known of the environment before it is played."""

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        return {}

    def pace(self) -> Pace:
        return rollouts(self.config)

    def next_batch(self, learner: Learning, step: int) -> Batch:
        """Play one iteration: (T * E) observations, actions, their log-probabilities, advantages and returns."""
        c, kind = self.config, self.player.distribution
        played = self.player.play(learner, c.horizon, step)
        action = torch.from_numpy(played.action)
        log_prob = kind.log_prob(torch.from_numpy(played.output), action)
        return Batch(x=torch.from_numpy(played.x[:-1]).flatten(0, 1), action=action.flatten(0, 1), log_prob=log_prob.flatten(),
                     **normalized(*estimated(learner, played, c.gamma, c.gae)))

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        return improved(learner, self.player.distribution, batch, self.config) | told_of(self.player.envs)

    def counters(self, step: int) -> dict[str, float]:
        return {"environment_steps": step * self.config.envs * self.config.horizon}

    def take_episodes(self) -> list[dict[str, Any]]:
        return self.player.envs.take_told()

    def state(self) -> dict[str, Any]:
        return self.player.state()

    def load_state(self, state: dict[str, Any]) -> None:
        self.player.load_state(state)


def normalized(advantage: np.ndarray, returns: np.ndarray) -> dict[str, torch.Tensor]:
    """Advantages of mean 0 and deviation 1 over all that was played, and returns, (T * E,) each."""
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    return {"advantage": torch.from_numpy(advantage).flatten(), "returns": torch.from_numpy(returns).flatten()}


def improved(learner: Learning, kind: Distribution, batch: Mapping[str, torch.Tensor], c: Config,
             part: str = "") -> dict[str, torch.Tensor]:
    """Some epochs of mini-batches that move `part` of the model; the mean losses of the last one."""
    told: list[Losses] = []
    written = Written.of(learner, kind)
    for epoch in range(c.epochs):
        for some in mixed(batch, c.batch, learner.device):
            if written is None:
                losses = ppo_loss(learner.model, kind, some, c.clip_range)
                learner.step(weighed(*losses, c), part)
            else:
                losses = written.differentiated(some, c, learner.share, tell=epoch == c.epochs - 1)
                learner.step_along(part)
            if epoch == c.epochs - 1:
                told.append(losses)
    means = (torch.stack([one.detach() for one in each]).mean() for each in zip(*told, strict=True))
    return dict(zip(("actor_loss", "critic_loss", "entropy"), means, strict=True))


def mixed(batch: Mapping[str, torch.Tensor], size: int, device: torch.device) -> Iterator[Mapping[str, torch.Tensor]]:
    """All rows in a new order, by `size` at a time; where that is all of them, as they are."""
    count = len(batch["x"])
    if count <= size:
        yield batch
        return
    order = torch.randperm(count).to(device)
    parts = {name: values.index_select(0, order).split(size) for name, values in batch.items()}
    for n in range(math.ceil(count / size)):
        yield {name: values[n] for name, values in parts.items()}


def ppo_loss(model: Any, kind: Distribution, batch: Mapping[str, torch.Tensor], clip_range: float) -> Losses:
    """The clipped surrogate (eq. 7, negated), the critic's squared error, and the mean entropy."""
    output, value = model.both(batch["x"])
    ratio = (kind.log_prob(output, batch["action"]) - batch["log_prob"]).exp()
    advantage = batch["advantage"]
    surrogate = torch.min(ratio * advantage, ratio.clamp(1 - clip_range, 1 + clip_range) * advantage)
    critic = (value.squeeze(1) - batch["returns"]).square().mean()
    return -surrogate.mean(), critic, kind.entropy(output).mean()


class Written:
    """The loss and its gradient for an actor and a critic of tanh layers, without autograd, which costs more there than what it does."""

    def __init__(self, actor: TanhLayers, critic: TanhLayers, kind: Distribution) -> None:
        self.actor, self.critic, self.kind = actor, critic, kind

    @staticmethod
    def of(learner: Learning, kind: Distribution) -> "Written | None":
        """For a learner's model, or None where it is of other layers or on an accelerator."""
        if learner.device.type != "cpu":
            return None
        actor, critic = TanhLayers.of(learner.model.actor), TanhLayers.of(learner.model.critic)
        return Written(actor, critic, kind) if actor is not None and critic is not None else None

    @torch.no_grad()
    def differentiated(self, batch: Mapping[str, torch.Tensor], c: Config, share: float, tell: bool) -> Losses:
        """Adds `share` of the gradient of the weighed sum of the losses to that of the parameters. Returns the losses, as `ppo_loss` has
        them, if asked to `tell`; that is a tenth of the time."""
        output, value = self.actor.forward(batch["x"]), self.critic.forward(batch["x"])
        advantage, each = batch["advantage"], share / len(value)
        said = self.kind.differentiated(output, batch["action"])
        ratio = (said.log_prob - batch["log_prob"]).exp_()
        free, clipped = ratio * advantage, ratio.clamp_(1 - c.clip_range, 1 + c.clip_range).mul_(advantage)
        error = value.squeeze(1) - batch["returns"]
        moving = (free <= clipped) * free  # d ratio = ratio d log pi; what is clipped does not move
        self.actor.backward(said.gradient(moving.mul_(-each), -c.entropy_weight * each))
        self.critic.backward((error * (2 * c.value_weight * each))[:, None])
        return (-torch.minimum(free, clipped).mean(), error.square().mean(), said.entropy.mean()) if tell else UNTOLD
