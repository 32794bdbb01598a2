"""Soft actor-critic (Haarnoja et al. 2018, Soft actor-critic algorithms and applications): a policy that earns much and stays as random
as it can, learned from what it remembers.

One update is a block: some steps of several environments, then as many steps of gradient as asked, each of both critics, the policy and
the temperature, as in the paper's Algorithm 1. The temperature is learned so that the entropy is -A (their section 5).

    s  x    a  action    r  reward    s'  after            (B, ...)
    Q  values of both critics                              (2, B)
    y  r + gamma^n (min Q'(s', a') - alpha log pi(a'|s'))  (B,)     eq. (3) and (5)
    alpha  temperature
"""

import math
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.method import Learning, Pace
from lamina.core.spec import Controls, Spec
from lamina.envs.episodes import EpisodeSplit
from lamina.methods.collecting import Collector, block_of, blocks, mini_batches
from lamina.methods.distributions import squashed
from lamina.methods.replay import Replay
from lamina.methods.rollout import acted_in, told_of


class Config(knobs.Config):
    """How much is played, remembered and learned."""

    steps: int = knob(20_000, "environment steps in all", low=1, search="log")
    valid_steps: int = knob(2_000, "environment steps between validations", low=1)
    envs: int = knob(4, "environments played side by side", low=1, search="log")
    block: int = knob(32, "environment steps between learning", low=1, search="log")
    gradients: int = knob(32, "steps of gradient after each block", low=1, search="log")
    batch: int = knob(256, "remembered steps in a mini-batch", low=1, search="log")
    memory: int = knob(1_000_000, "steps that are remembered", low=1, search="log")
    begin: int = knob(500, "random steps before the first gradient", low=0)
    gamma: float = knob(0.99, "discount of later rewards", low=0, high=1, search="linear")
    follow: float = knob(0.005, "how far the target critics follow the critics in a step of gradient", low=0, high=1, search="log")
    temperature: float = knob(1.0, "first temperature: what a unit of entropy is worth in reward", low=1e-6, search="log")
    ahead: int = knob(1, "steps whose rewards are counted before the critics' own estimate", low=1, search="log")


class Tempered(nn.Module):
    """A soft policy beside older critics, which say targets, and the temperature."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.target = net, deepcopy(net.critics).requires_grad_(False)
        self.temperature = Temperature()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        controls: torch.Tensor = self.net(x)
        return controls

    def expected(self, x: torch.Tensor) -> torch.Tensor:
        """What the less hopeful critic expects to come after the best controls, (B,)."""
        critics: Any = self.net.critics
        values: torch.Tensor = critics(x, self.net(x)).amin(0)
        return values


class Temperature(nn.Module):
    """alpha = exp of the one number that is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.log_alpha = nn.Parameter(torch.zeros(()))

    def forward(self) -> torch.Tensor:
        return self.log_alpha.exp()


class SAC:
    """Plays, remembers, learns from what it remembers."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "optimizer": "adam", "learning_rate": 1e-3, "optim.flat": True, "precision": "f32", "threads": 1,
    }  # fmt: skip
    parts: ClassVar[tuple[str, ...]] = ("net.actor", "net.critics", "temperature")

    def __init__(self, spec: Spec, config: Config, split: EpisodeSplit) -> None:
        acted_in(spec, split, "sac")
        if not isinstance(spec.target, Controls):
            raise UsageError("numbers to set for `sac`", f"one of {spec.target.size} actions in `{split.world.name}`",
                             "Use `--method ppo` or `--method dqn`.")
        self.config, self.actions = config, spec.target.size
        self.player, self.replay = Collector(split, config.envs, config.ahead, config.gamma), Replay(config.memory)

    @staticmethod
    def wrap(net: nn.Module, spec: Spec) -> nn.Module:
        """The policy and its critics beside older critics and the temperature."""
        if not all(isinstance(getattr(net, part, None), nn.Module) for part in ("actor", "critics")):
            raise UsageError("a model with an `actor` and `critics`", f"`{type(net).__name__}`", "Use `--model soft_policy`.")
        return Tempered(net)

    def prepare(self, model: nn.Module) -> None:
        """The first temperature is that of the knobs."""
        model.temperature.log_alpha.data.fill_(math.log(self.config.temperature))  # type: ignore[union-attr, operator]

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        return {}

    def remember_in(self, folder: Path) -> None:
        """Keep what is played in `folder` (core/method.py:Remembering)."""
        self.replay.remember_in(folder)

    def pace(self) -> Pace:
        return blocks(self.config)

    def next_batch(self, learner: Learning, step: int) -> Batch:
        """Play a block and draw the rows of all its mini-batches, (gradients * batch, ...)."""
        c, random = self.config, np.random.default_rng(rng.key(learner.seed, step, "act"))
        noise = random.standard_normal((block_of(self.config) // c.envs, c.envs, self.actions), np.float32)
        first = self.pace().first
        if step < first:
            noise = random.uniform(-1, 1, noise.shape).astype(np.float32)

        def choose(seen: np.ndarray, t: int) -> np.ndarray:
            if step < first:
                return noise[t]
            with torch.inference_mode():
                output = learner.model.net.actor(torch.from_numpy(seen).to(learner.device))
                return squashed(output, torch.from_numpy(noise[t]).to(learner.device))[0].cpu().numpy()

        self.replay.add(self.player.play(choose, len(noise)))
        if step < first or not len(self.replay):
            return Batch()
        places = np.random.default_rng(rng.key(learner.seed, step, "replay")).integers(0, len(self.replay), c.gradients * c.batch)
        return Batch(**self.replay.take(places))

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        c = self.config
        told = told_of(self.player.envs)
        if "x" not in batch:
            return told
        total = torch.zeros(4, device=learner.device)
        parts = mini_batches(batch, c.batch)
        for part in parts:
            total += self._learn(learner, part)
        critic, actor, entropy, value = total / len(parts)
        alpha = learner.model.temperature().detach()
        return {"critic_loss": critic, "actor_loss": actor, "entropy": entropy, "value": value, "temperature": alpha} | told

    def _learn(self, learner: Learning, part: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """A step of gradient of the critics, the policy and the temperature, in this order."""
        model, noise = learner.model, torch.randn(2, *part["action"].shape).to(learner.device)
        alpha = model.temperature().detach()
        values = model.net.critics(part["x"], part["action"])
        critic_loss = 0.5 * (values - soft_targets(model, part, alpha, noise[0])).square().mean(1).sum()  # eq. (5)
        learner.step(critic_loss, "net.critics")
        action, log_p = squashed(model.net.actor(part["x"]), noise[1])
        actor_loss = (alpha * log_p - model.net.critics(part["x"], action).min(0).values).mean()  # eq. (7)
        learner.step(actor_loss, "net.actor")
        entropy = -log_p.detach().mean()
        learner.step(model.temperature.log_alpha * (entropy + self.actions), "temperature")  # eq. (18), of log alpha as in the paper's code
        with torch.no_grad():
            torch._foreach_lerp_(list(model.target.parameters()), list(model.net.critics.parameters()), self.config.follow)
        return torch.stack([critic_loss.detach(), actor_loss.detach(), entropy, values.detach().mean()])

    def counters(self, step: int) -> dict[str, float]:
        return {"environment_steps": step * block_of(self.config)}

    def take_episodes(self) -> list[dict[str, Any]]:
        return self.player.envs.take_told()

    def state(self) -> dict[str, Any]:
        return {"player": self.player.state(), "replay": self.replay.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.player.load_state(state["player"])
        self.replay.load_state(state["replay"])


def soft_targets(model: Any, batch: Mapping[str, torch.Tensor], alpha: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """y of eq. (3) and (5), (B,)."""
    with torch.no_grad():
        action, log_p = squashed(model.net.actor(batch["after"]), noise)
        later = model.target(batch["after"], action).min(0).values - alpha * log_p
        return batch["reward"] + batch["power"] * (1 - batch["ended"]) * later
