"""A split of an environment: endless episodes, each begun from its own seed."""

from dataclasses import replace

import numpy as np
import torch

from lamina.core import config as knobs
from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.data import Data
from lamina.core.spec import Actions, Controls, Image, Spec
from lamina.envs import own_env, spaces
from lamina.envs.guarded import Guarded
from lamina.envs.world import World

EPISODES = 100  # of a validation or test
OF_PICTURES = {"valid": 10, "test": 30}  # the same where pictures are seen, which are slow and whose episodes are long


class EpisodeSplit:
    """Episodes of `world`; row i is the episode begun from seed `seed_of(i)`. `count`: of a validation or test."""

    def __init__(self, world: World, spec: Spec, stream: str, seed: int) -> None:
        self.world, self.spec, self.stream, self.seed = world, spec, stream, seed
        self.count = OF_PICTURES.get(stream, EPISODES) if isinstance(spec.input, Image) else EPISODES

    def __len__(self) -> int:
        return self.count

    def of(self, count: int) -> "EpisodeSplit":
        """The same with another number of episodes."""
        found = EpisodeSplit(self.world, self.spec, self.stream, self.seed)
        found.count = count
        return found

    @property
    def target(self) -> spaces.Target:
        """What can be done."""
        found = self.spec.target
        assert isinstance(found, Actions | Controls), "episodes are acted in"
        return found

    def seed_of(self, episode: int, draw: int = 0) -> int:
        """The reset seed of an episode, 31 bits; `draw` names a fresh set of episodes."""
        return rng.key(rng.key(self.seed, draw, self.stream), episode, "episode") >> 32

    def opened(self, render: bool = False) -> Guarded:
        """One environment to act in."""
        return Guarded(self.world, self.spec, render)

    def batch(self, indices: torch.Tensor) -> Batch:
        """The first observation of each episode, (B, D) float32 or (B, C, H, W) uint8."""
        env = self.opened()
        first = [env.begin(self.seed_of(int(i)), int(i)) for i in indices]
        env.close()
        return Batch(x=torch.from_numpy(np.stack(first)))

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        """Episodes are begun in their own order."""
        return torch.arange(len(self))


def load(name: str, seed: int, config: knobs.Config | None = None) -> Data:
    """An environment as data, with the knobs that it has. Of a person's own file it is written down what it was."""
    world = World(name, config)
    spec = world.spec()
    train, valid, test = (EpisodeSplit(world, spec, stream, seed) for stream in ("train", "valid", "test"))
    does = f"{spec.target.size} actions" if spec.target.kind == "actions" else f"{spec.target.size} numbers to set"
    seen = " x ".join(str(n) for n in spec.input.shape)
    sheet = f"{name}: {seen} numbers seen, {does}" + (f"; {world.goal()}" if world.goal() else "")
    found = Data(name, spec, train, valid, test, sheet)
    if not own_env.is_file(name):
        return found
    own = own_env.described(name)
    return replace(found, fingerprint=own["sha256"], origin={"name": name, "knobs": {}, "seed": seed, "own": own})
