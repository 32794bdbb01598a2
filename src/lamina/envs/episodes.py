"""A split of an environment: endless episodes, each begun from its own seed."""

import os
from typing import Any

import numpy as np
import torch

from lamina.core import rng
from lamina.core.batch import Batch
from lamina.core.data import Data
from lamina.core.errors import UsageError, missing_package, unknown
from lamina.core.spec import Actions, Spec, Vector

EPISODES = 100  # of a validation or test


class EpisodeSplit:
    """Episodes of the environment `env`; row i is the episode begun from seed `seed_of(i)`."""

    def __init__(self, env: str, stream: str, seed: int) -> None:
        self.env, self.stream, self.seed = env, stream, seed

    def __len__(self) -> int:
        return EPISODES

    def seed_of(self, episode: int, draw: int = 0) -> int:
        """The reset seed of an episode, 31 bits; `draw` names a fresh set of episodes."""
        return rng.key(rng.key(self.seed, draw, self.stream), episode, "episode") >> 32

    def batch(self, indices: torch.Tensor) -> Batch:
        """The first observation of each episode, (B, D) float32."""
        env = make(self.env)
        first = [env.reset(seed=self.seed_of(int(i)))[0] for i in indices]
        env.close()
        return Batch(x=torch.from_numpy(np.stack(first).astype(np.float32)).flatten(1))

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        """Episodes are begun in their own order."""
        return torch.arange(len(self))


def gymnasium() -> Any:
    """The Gymnasium package, or the error that says how to get it."""
    try:
        import gymnasium
    except ImportError as error:
        raise missing_package("gymnasium", "rl", "environments") from error
    return gymnasium


def make(env: str, render: bool = False) -> Any:
    """One environment by its Gymnasium id; unknown ids get the nearest known one."""
    gym = gymnasium()
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # frames are drawn without a screen
    try:
        words = {"render_mode": "rgb_array"} if render else {}  # an environment that draws nothing need not know the word
        return gym.make(env, disable_env_checker=True, **words)
    except gym.error.DependencyNotInstalled as error:
        do = "Install them, for example with pip install 'lamina[rl]'."
        raise UsageError(f"the packages that `{env}` needs", str(error), do) from error
    except (gym.error.Error, ModuleNotFoundError) as error:
        raise unknown("environment", env, list(gym.registry)) from error


def looks_like_id(name: str) -> bool:
    """Whether a data name is meant as a Gymnasium id, as `CartPole-v1`."""
    stem, _, version = name.rpartition("-v")
    return bool(stem) and version.isdigit()


def load(env: str, seed: int) -> Data:
    """An environment as data: flat observations, discrete actions."""
    opened = make(env)
    gym = gymnasium()
    spaces = opened.observation_space, opened.action_space
    opened.close()
    if not isinstance(spaces[0], gym.spaces.Box) or not _from_zero(spaces[1]):
        raise UsageError("an environment with a box of observations and discrete actions from 0", f"`{env}`: {spaces[0]}, {spaces[1]}",
                         "CartPole-v1, Acrobot-v1 and LunarLander-v3 are such.")
    spec = Spec(input=Vector(size=int(np.prod(spaces[0].shape))), target=Actions(size=int(spaces[1].n), env=env))
    train, valid, test = (EpisodeSplit(env, stream, seed) for stream in ("train", "valid", "test"))
    sheet = f"{env}: {spec.input.shape[0]} numbers seen, {spaces[1].n} actions (Gymnasium)"
    return Data(env, spec, train, valid, test, sheet)


def _from_zero(actions: Any) -> bool:
    return isinstance(actions, gymnasium().spaces.Discrete) and actions.start == 0
