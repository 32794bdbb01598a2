"""What off-policy methods play: a block of steps of several environments, as rows of a replay memory.

A row holds the rewards of n steps (Sutton 1988; Hessel et al. 2018), never across the end of an episode: where it ends earlier, so do they.
The last n - 1 steps of a block wait for the next one, as what follows them is not known yet.

    T  steps of a block    E  environments    n  steps that a row looks ahead
"""

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch

from lamina.core.batch import Batch
from lamina.core.method import Pace
from lamina.envs.episodes import EpisodeSplit
from lamina.envs.vector import Envs
from lamina.methods.replay import Rows

Choose = Callable[[np.ndarray, int], np.ndarray]  # what is seen (E, D), step of the block -> actions (E,) or (E, A)


class Blocks(Protocol):
    """The knobs that say how much an off-policy method plays between learning."""

    steps: int
    valid_steps: int
    envs: int
    block: int
    begin: int


def block_of(config: Blocks) -> int:
    """Environment steps of an update: whole steps of all environments."""
    return config.envs * math.ceil(config.block / config.envs)


def blocks(config: Blocks) -> Pace:
    """As many updates as the environment steps make, of a block each; the first to learn comes after `begin` steps."""
    each = block_of(config)
    return Pace(math.ceil(config.steps / each), max(1, math.ceil(config.valid_steps / each)), 1 + math.ceil(config.begin / each))


def mini_batches(batch: Batch, size: int) -> list[dict[str, torch.Tensor]]:
    """The rows of an update by `size` at a time."""
    return [dict(zip(batch, rows, strict=True)) for rows in zip(*(values.split(size) for values in batch.values()), strict=True)]


class Collector:
    """Plays `count` environments and looks `ahead` steps ahead, with discount `gamma`; `clipped`: of rewards the sign counts."""

    def __init__(self, split: EpisodeSplit, count: int, ahead: int, gamma: float, clipped: bool = False) -> None:
        self.envs, self.ahead, self.gamma, self.clipped = Envs(split, count), ahead, gamma, clipped
        self._waiting: dict[str, np.ndarray] = {}

    def play(self, choose: Choose, steps: int) -> Rows:
        """`steps` of each environment; rows in the order of time."""
        told: dict[str, list[np.ndarray]] = {name: [] for name in ("x", "action", "reward", "after", "over", "ended")}
        for t in range(steps):
            seen = self.envs.seen.copy()
            action = choose(seen, t)
            reward, over, cut = self.envs.step(action)
            reward = np.sign(reward) if self.clipped else reward
            after, ended = self.envs.seen.copy(), over.copy()
            for i, last in cut:
                after[i], ended[i] = last, 0
            for name, value in zip(told, (seen, action, reward, after, over, ended), strict=True):
                told[name].append(value)
        block = {name: np.stack(values) for name, values in told.items()}
        if self._waiting:
            block = {name: np.concatenate([self._waiting[name], values]) for name, values in block.items()}
        whole = max(0, len(block["reward"]) - self.ahead + 1)
        self._waiting = {name: values[whole:] for name, values in block.items()} if self.ahead > 1 else {}
        return looked_ahead(block, whole, self.ahead, self.gamma)

    def state(self) -> dict[str, Any]:
        return {"envs": self.envs.state(), "waiting": {name: torch.from_numpy(values) for name, values in self._waiting.items()}}

    def load_state(self, state: dict[str, Any]) -> None:
        self.envs.load_state(state["envs"])
        self._waiting = {name: values.numpy() for name, values in state["waiting"].items()}


def looked_ahead(block: dict[str, np.ndarray], whole: int, ahead: int, gamma: float) -> Rows:
    """Rows (whole * E, ...) of a block (T, E, ...), each with the rewards of up to `ahead` steps."""
    envs = np.arange(block["reward"].shape[1])
    total, going = np.zeros((whole, len(envs)), np.float32), np.ones((whole, len(envs)), bool)
    last = np.zeros((whole, len(envs)), int)  # of the steps that a row takes in
    for k in range(ahead):
        total += np.where(going, gamma**k * block["reward"][k : k + whole], 0).astype(np.float32)
        last = np.where(going, k, last)
        going &= block["over"][k : k + whole] == 0
    end = np.arange(whole)[:, None] + last
    rows = {
        "x": block["x"][:whole], "action": block["action"][:whole], "reward": total, "after": block["after"][end, envs],
        "ended": block["ended"][end, envs], "power": (gamma ** (last + 1)).astype(np.float32),
    }  # fmt: skip
    return {name: values.reshape(-1, *values.shape[2:]) for name, values in rows.items()}
