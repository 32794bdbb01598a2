"""Advantage actor-critic (Mnih et al. 2016, Asynchronous methods, in the synchronous form: environments side by side, one update for all).

One update plays a few steps of every environment and moves actor and critic once: up the gradient of log pi(a_t | s_t) A_t, A_t the
rewards of the steps to come, then the critic's value, less the critic's value of s_t (their section 4, with lambda of Schulman et al.
2016, where 1 is the paper). An episode cut off by a time limit is completed by the critic's value of what was seen last.

    A_t  advantage  (T, E)    V_t  value  (T, E)
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.method import Learning, Pace
from lamina.core.spec import Spec
from lamina.envs.episodes import EpisodeSplit
from lamina.methods.rollout import Player, acted_in, behind_scale, estimated, rollouts, told_of, weighed


class Config(knobs.Config):
    """How much is played, and what counts."""

    steps: int = knob(300_000, "environment steps in all", low=1, search="log")
    valid_steps: int = knob(10_000, "environment steps between validations", low=1)
    envs: int = knob(16, "environments played side by side", low=1, search="log")
    horizon: int = knob(8, "steps of each environment in an update", low=1, search="log")
    gamma: float = knob(0.99, "discount of later rewards", low=0, high=1, search="linear")
    gae: float = knob(1.0, "lambda of the advantage estimate: 0 trusts the critic, 1 the rewards", low=0, high=1, search="linear")
    value_weight: float = knob(0.5, "weight of the critic's loss", low=0)
    entropy_weight: float = knob(0.0, "weight of the policy's entropy, which keeps it trying", low=0, search="log")
    scaled: bool = knob(False, "observations and rewards are brought to a common scale while playing", search="choice")
    clip_reward: bool = knob(False, "rewards are learned from as -1, 0 or 1 (Mnih et al. 2015)", search="choice")


class A2C:
    """Plays a little, improves once."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "optimizer": "adam", "learning_rate": 1e-3, "schedule": "linear", "optim.clip": 0.5, "optim.flat": True, "precision": "f32",
        "threads": 1,
    }  # fmt: skip
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: Spec, config: Config, split: EpisodeSplit) -> None:
        self.config = config
        self.player = Player(acted_in(spec, split, "a2c"), config.envs, config.gamma, config.scaled, config.clip_reward)

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
        """Play: (T * E) observations, actions, advantages and returns."""
        c = self.config
        played = self.player.play(learner, c.horizon, step)
        advantage, returns = estimated(learner, played, c.gamma, c.gae)
        return Batch(x=torch.from_numpy(played.x[:-1]).flatten(0, 1), action=torch.from_numpy(played.action).flatten(0, 1),
                     advantage=torch.from_numpy(advantage).flatten(), returns=torch.from_numpy(returns).flatten())

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        c, kind = self.config, self.player.distribution
        output, value = learner.model.both(batch["x"])
        actor = -(kind.log_prob(output, batch["action"]) * batch["advantage"]).mean()
        critic = (value.squeeze(1) - batch["returns"]).square().mean()
        entropy = kind.entropy(output).mean()
        learner.step(weighed(actor, critic, entropy, c))
        return {"actor_loss": actor, "critic_loss": critic, "entropy": entropy} | told_of(self.player.envs)

    def counters(self, step: int) -> dict[str, float]:
        return {"environment_steps": step * self.config.envs * self.config.horizon}

    def take_episodes(self) -> list[dict[str, Any]]:
        return self.player.envs.take_told()

    def state(self) -> dict[str, Any]:
        return self.player.state()

    def load_state(self, state: dict[str, Any]) -> None:
        self.player.load_state(state)
