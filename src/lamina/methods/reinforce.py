"""REINFORCE (Williams 1992): play whole episodes, then make what was done more likely by how much better than expected it ended.

One update is one episode of each environment, begun anew, and one step of gradient up log pi(a_t | s_t) (G_t - b_t). G_t are the rewards
from t on, discounted; the baseline b_t is a learned critic of what is seen (`critic`), the mean return at the same moment of the other
episodes (`mean`), or nothing (`none`). Departure: the differences are divided by their deviation, so that one rate suits any reward.

    G_t  returns  (T, E)    b_t  baseline  (T, E)    T the longest episode; what lies beyond the end of an episode does not count
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.method import Learning, Pace
from lamina.core.spec import Spec
from lamina.envs.episodes import EpisodeSplit
from lamina.envs.greedy import LONGEST
from lamina.methods.rollout import Player, acted_in, behind_scale, told_of, weighed


class Config(knobs.Config):
    """How many episodes, and what they are compared with."""

    updates: int = knob(400, "steps of gradient, each after an episode of every environment", low=1, search="log")
    valid_updates: int = knob(20, "updates between validations", low=1)
    envs: int = knob(16, "episodes of an update, played side by side", low=1, search="log")
    gamma: float = knob(0.99, "discount of later rewards", low=0, high=1, search="linear")
    baseline: Literal["critic", "mean", "none"] = knob("critic", "what a return is compared with", search="choice")
    value_weight: float = knob(0.5, "weight of the critic's loss", low=0)
    entropy_weight: float = knob(0.0, "weight of the policy's entropy, which keeps it trying", low=0, search="log")


class Reinforce:
    """Plays whole episodes, improves once."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "optimizer": "adam", "learning_rate": 5e-3, "schedule": "linear", "optim.clip": 0.5, "optim.flat": True, "precision": "f32",
        "threads": 1,
    }  # fmt: skip
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: Spec, config: Config, split: EpisodeSplit) -> None:
        self.config, self.played = config, 0
        self.player = Player(acted_in(spec, split, "reinforce"), config.envs, config.gamma, False)

    @staticmethod
    def wrap(net: nn.Module, spec: Spec) -> nn.Module:
        """The policy behind a scale that stays as it is; it must have an actor and a critic."""
        return behind_scale(net, spec)

    def prepare(self, model: nn.Module) -> None:
        """Nothing is known of the environment before it is played."""

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        return {}

    def pace(self) -> Pace:
        return Pace(self.config.updates, self.config.valid_updates)

    def next_batch(self, learner: Learning, step: int) -> Batch:
        """An episode of each environment: rows (N) of what was seen and done until each ended."""
        x, action, reward, going = self._episodes(learner, step)
        returns = discounted(reward * going, self.config.gamma)
        self.played += int(going.sum())
        rows = torch.from_numpy(going.flatten().astype(bool))
        told = {"x": x, "action": action, "returns": returns, "value": peers_mean(returns, going)}
        return Batch(**{name: torch.from_numpy(values).flatten(0, 1)[rows] for name, values in told.items()})

    def _episodes(self, learner: Learning, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What is seen, done and earned (T, E), and 1 for the steps before each episode's end."""
        envs, kind = self.player.envs, self.player.distribution
        envs.begin_anew()
        random, going = np.random.default_rng(rng.key(learner.seed, step, "act")), np.ones(envs.count, np.float32)
        told: list[tuple[np.ndarray, ...]] = []
        while going.any() and len(told) < LONGEST:
            seen = envs.seen.copy()
            with torch.inference_mode():
                output = learner.model.actor(torch.from_numpy(seen).to(learner.device)).cpu().numpy()
            action = kind.choose(output, kind.noise(random, envs.count)).astype(kind.dtype)
            reward, ended, _ = envs.step(action)
            told.append((seen, action, reward, going.copy()))
            going *= 1 - ended
        x, action, reward, counts = (np.stack(values) for values in zip(*told, strict=True))
        return x, action, reward, counts

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        c, kind = self.config, self.player.distribution
        output, value = learner.model.both(batch["x"])
        value = value.squeeze(1)
        baseline = {"critic": value.detach(), "mean": batch["value"], "none": torch.zeros_like(value)}[c.baseline]
        apart = batch["returns"] - baseline
        actor = -(kind.log_prob(output, batch["action"]) * apart / (apart.std(correction=0) + 1e-8)).mean()
        critic = (value - batch["returns"]).square().mean()
        entropy = kind.entropy(output).mean()
        learner.step(weighed(actor, critic, entropy, c))
        return {"actor_loss": actor, "critic_loss": critic, "entropy": entropy} | told_of(self.player.envs)

    def counters(self, step: int) -> dict[str, float]:
        return {"environment_steps": self.played}

    def take_episodes(self) -> list[dict[str, Any]]:
        return self.player.envs.take_told()

    def state(self) -> dict[str, Any]:
        return {"player": self.player.state(), "played": self.played}

    def load_state(self, state: dict[str, Any]) -> None:
        self.player.load_state(state["player"])
        self.played = state["played"]


def discounted(reward: np.ndarray, gamma: float) -> np.ndarray:
    """Returns from each step on, (T, E)."""
    returns = np.zeros_like(reward)
    later = np.zeros_like(reward[0])
    for t in reversed(range(len(reward))):
        later = returns[t] = reward[t] + gamma * later
    return returns


def peers_mean(returns: np.ndarray, going: np.ndarray) -> np.ndarray:
    """The mean return at each moment of the other episodes (T, E), those that are over with nothing; 0 where there is no other."""
    others = max(1, returns.shape[1] - 1)
    mean: np.ndarray = ((returns * going).sum(1, keepdims=True) - returns * going) / others
    return mean.astype(np.float32)
