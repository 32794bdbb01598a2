"""Deep Q-learning (Mnih et al. 2015), with what was added since, each by one knob.

double (van Hasselt, Guez & Silver 2016): the network chooses the next action, the target network says its value. `duelling` is a knob
of the network. prioritized (Schaul et al. 2016): rows are drawn by their last error, and weighed back. ahead: rewards of n steps
(Hessel et al. 2018). One update is a block: some steps of several environments, then as many steps of gradient as asked. Departures:
the error is Huber's, as the paper's clipped error is; priorities change at the end of a block.

    s  x    a  action    r  reward    s'  after    (B, ...)
    y       target       r + gamma^n Q'(s', argmax_a Q(s', a))
    delta   error        y - Q(s, a)
"""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
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
from lamina.methods.collecting import Collector, block_of, blocks, mini_batches
from lamina.methods.replay import Replay
from lamina.methods.rollout import acted_in, told_of

LEAST_PRIORITY = 1e-3  # added to every error, so that no row is forgotten


class Config(knobs.Config):
    """How much is played, remembered and learned."""

    steps: int = knob(50_000, "environment steps in all", low=1, search="log")
    valid_steps: int = knob(5_000, "environment steps between validations", low=1)
    envs: int = knob(8, "environments played side by side", low=1, search="log")
    block: int = knob(128, "environment steps between learning", low=1, search="log")
    gradients: int = knob(64, "steps of gradient after each block", low=1, search="log")
    batch: int = knob(64, "remembered steps in a mini-batch", low=1, search="log")
    memory: int = knob(100_000, "steps that are remembered", low=1, search="log")
    begin: int = knob(1_000, "steps that are played before the first gradient", low=0)
    gamma: float = knob(0.99, "discount of later rewards", low=0, high=1, search="linear")
    target_every: int = knob(640, "environment steps after which the target network is the network again", low=1, search="log")
    explore: float = knob(0.16, "share of the run in which random actions become rare", low=0, high=1, search="linear")
    least_random: float = knob(0.04, "share of random actions from then on", low=0, high=1, search="linear")
    double: bool = knob(True, "the network chooses the next action, the target network values it", search="choice")
    prioritized: bool = knob(False, "draw what was predicted worst more often", search="choice")
    alpha: float = knob(0.6, "how much more: 0 not at all, 1 in proportion to the error", low=0, high=1, search="linear")
    beta: float = knob(0.4, "how far that is weighed back at first; at the end wholly", low=0, high=1, search="linear")
    clip_reward: bool = knob(False, "rewards are learned from as -1, 0 or 1 (Mnih et al. 2015)", search="choice")
    ahead: int = knob(1, "steps whose rewards are counted before the network's own estimate", low=1, search="log")


class WithTarget(nn.Module):
    """A network and the older one that says its targets."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.target = net, deepcopy(net).requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = self.net(x)
        return values

    def expected(self, x: torch.Tensor) -> torch.Tensor:
        """What is expected to come after the best action, (B,)."""
        values: torch.Tensor = self.net(x).amax(1)
        return values


class DQN:
    """Plays, remembers, learns from what it remembers."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "optimizer": "adam", "learning_rate": 1e-3, "optim.clip": 10.0, "optim.flat": True, "precision": "f32", "threads": 1,
    }  # fmt: skip
    parts: ClassVar[tuple[str, ...]] = ("net",)

    def __init__(self, spec: Spec, config: Config, split: EpisodeSplit) -> None:
        acted_in(spec, split, "dqn")
        if not isinstance(spec.target, Actions):
            raise UsageError("one of several actions for `dqn`", f"{spec.target.size} numbers to set in `{split.world.name}`",
                             "Use `--method sac` or `--method ppo`.")
        self.config, self.actions = config, spec.target.size
        self.player = Collector(split, config.envs, config.ahead, config.gamma, config.clip_reward)
        self.replay = Replay(config.memory)
        self.priority = np.zeros(config.memory, np.float32)
        self.largest = 1.0

    @staticmethod
    def wrap(net: nn.Module, spec: Spec) -> nn.Module:
        """The network beside the one that says its targets."""
        return WithTarget(net)

    def prepare(self, model: nn.Module) -> None:
        """The target begins as the network does, also where that began from other weights: set before the first block."""

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        return {}

    def remember_in(self, folder: Path) -> None:
        """Keep what is played in `folder` (core/method.py:Remembering)."""
        self.replay.remember_in(folder)

    def pace(self) -> Pace:
        return blocks(self.config)

    def next_batch(self, learner: Learning, step: int) -> Batch:
        """Play a block and draw the rows of all its mini-batches, (gradients * batch, ...)."""
        self._play(learner, step)
        if step < self.pace().first or not len(self.replay):
            return Batch()
        random = np.random.default_rng(rng.key(learner.seed, step, "replay"))
        places, weight = self._drawn(random, self.config.gradients * self.config.batch, step / max(learner.steps, step))
        return Batch(**self.replay.take(places) | {"place": torch.from_numpy(places), "weight": torch.from_numpy(weight)})

    def _play(self, learner: Learning, step: int) -> None:
        c = self.config
        random = np.random.default_rng(rng.key(learner.seed, step, "act"))
        share = max(c.least_random, 1 - (1 - c.least_random) * step / max(1.0, c.explore * learner.steps))
        times = block_of(self.config) // c.envs
        at_random, other = random.random((times, c.envs)) < share, random.integers(0, self.actions, (times, c.envs))

        def choose(seen: np.ndarray, t: int) -> np.ndarray:
            if at_random[t].all():
                return other[t]
            with torch.inference_mode():
                best: np.ndarray = learner.model.net(torch.from_numpy(seen).to(learner.device)).argmax(1).cpu().numpy()
            return np.where(at_random[t], other[t], best)

        self.priority[self.replay.add(self.player.play(choose, times))] = self.largest

    def _drawn(self, random: np.random.Generator, count: int, progress: float) -> tuple[np.ndarray, np.ndarray]:
        """Places of rows and the weights of their errors, all 1 where none is drawn more often (Schaul et al. 2016, 3.3 and 3.4)."""
        rows = len(self.replay)
        if not self.config.prioritized:
            return random.integers(0, rows, count), np.ones(count, np.float32)
        reach = np.cumsum(self.priority[:rows].astype(np.float64) ** self.config.alpha)
        places = np.searchsorted(reach, random.random(count) * reach[-1], side="right").clip(0, rows - 1)
        chance = self.priority[places].astype(np.float64) ** self.config.alpha / reach[-1]
        beta = self.config.beta + (1 - self.config.beta) * progress
        weight = (rows * chance) ** -beta
        return places, (weight / weight.max()).astype(np.float32)

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        c, device = self.config, learner.device
        told = told_of(self.player.envs)
        if "x" not in batch:
            return told
        self._refresh(learner)
        total, value = torch.zeros((), device=device), torch.zeros((), device=device)
        errors = []
        parts = mini_batches(batch, c.batch)
        for part in parts:
            said, y = q_targets(learner.model, part, c.double)
            loss = (part["weight"] * F.smooth_l1_loss(said, y, reduction="none")).mean()
            learner.step(loss, "net")
            errors.append((y - said).detach().abs())
            total, value = total + loss.detach(), value + said.detach().mean()
        if c.prioritized:
            self._learn_priorities(batch["place"].cpu().numpy(), torch.cat(errors).cpu().numpy())
        return {"loss": total / len(parts), "value": value / len(parts)} | told

    def _refresh(self, learner: Learning) -> None:
        """The target network is the network again, once a number of environment steps have gone by."""
        block, seen = block_of(self.config), self.replay.seen
        if seen // block % max(1, round(self.config.target_every / block)) == 0 or seen <= block * self.pace().first:
            learner.model.target.load_state_dict(learner.model.net.state_dict())

    def _learn_priorities(self, places: np.ndarray, errors: np.ndarray) -> None:
        self.priority[places] = errors + LEAST_PRIORITY
        self.largest = max(self.largest, float(errors.max()) + LEAST_PRIORITY)

    def counters(self, step: int) -> dict[str, float]:
        return {"environment_steps": step * block_of(self.config)}

    def take_episodes(self) -> list[dict[str, Any]]:
        return self.player.envs.take_told()

    def state(self) -> dict[str, Any]:
        kept = {"priority": torch.from_numpy(self.priority[: len(self.replay)].copy())} if self.config.prioritized else {}
        return {"player": self.player.state(), "replay": self.replay.state(), "largest": self.largest} | kept

    def load_state(self, state: dict[str, Any]) -> None:
        self.player.load_state(state["player"])
        self.replay.load_state(state["replay"])
        self.largest = state["largest"]
        if "priority" in state:
            self.priority[: len(state["priority"])] = state["priority"].numpy()


def q_targets(model: Any, batch: Mapping[str, torch.Tensor], double: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """The network's values of what was done, and their targets, (B,) each."""
    said = model.net(batch["x"]).gather(1, batch["action"][:, None]).squeeze(1)
    with torch.no_grad():
        later = model.target(batch["after"])
        best = model.net(batch["after"]).argmax(1, keepdim=True) if double else later.argmax(1, keepdim=True)
        y = batch["reward"] + batch["power"] * (1 - batch["ended"]) * later.gather(1, best).squeeze(1)
    return said, y
