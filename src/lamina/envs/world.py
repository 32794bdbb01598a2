"""An environment by its name: one of ours with its knobs, a Gymnasium id, or a class in a person's own file."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamina.core import config as knobs
from lamina.core.errors import UsageError, missing_package, unknown
from lamina.core.spec import Spec
from lamina.envs import ENVS, own_env, spaces

if TYPE_CHECKING:  # it needs Gymnasium, which only those who play have
    from lamina.envs.arrays import Dynamics


@dataclass(frozen=True)
class World:
    """Which environment, and its knobs where it has some."""

    name: str
    config: knobs.Config | None = None  # None: all as its author chose

    def dynamics(self) -> "Dynamics | None":
        """How many of it are stepped at once on arrays; None for those of others, which are stepped one by one."""
        if self.name not in ENVS:
            return None
        gymnasium()
        thing = ENVS[self.name]
        made: Dynamics = thing(self.config or knobs.config_of(thing)())
        return made

    def make(self, render: bool = False) -> Any:
        """One environment, a `gymnasium.Env` whose observations are a box."""
        ours = self.dynamics()
        if ours is not None:
            from lamina.envs.arrays import Single

            return Single(ours, "rgb_array" if render else None)
        return spaces.flattened(own_env.make(self.name, render) if own_env.is_file(self.name) else _registered(self.name, render))

    def spec(self) -> Spec:
        """What is seen and what can be done."""
        opened = self.make()
        found = spaces.spec_of(opened, self.name)
        opened.close()
        return found

    def solved_at(self) -> float | None:
        """The mean return at which the environment's authors call it solved."""
        ours = self.dynamics()
        if ours is not None:
            return ours.threshold
        if own_env.is_file(self.name):
            return None
        found: float | None = gymnasium().spec(self.name).reward_threshold
        return found

    def goal(self) -> str:
        """The true goal in words, where the environment tells of one."""
        ours = self.dynamics()
        return "" if ours is None else ours.goal

    def reached(self) -> float:
        """The measure of the goal from which it counts as reached."""
        ours = self.dynamics()
        return 1.0 if ours is None else ours.reached

    def draws_frames(self) -> bool:
        """Whether it can be drawn."""
        opened = self.make()
        modes = opened.metadata.get("render_modes", [])
        opened.close()
        return "rgb_array" in modes

    def has_arrays(self) -> bool:
        """Whether Gymnasium steps many of it on arrays."""
        return self.dynamics() is None and not own_env.is_file(self.name) and gymnasium().spec(self.name).vector_entry_point is not None


def gymnasium() -> Any:
    """The Gymnasium package, or the error that says how to get it."""
    try:
        import gymnasium
    except ImportError as error:
        raise missing_package("gymnasium", "rl", "environments") from error
    return gymnasium


def looks_like_id(name: str) -> bool:
    """Whether a data name is meant as a Gymnasium id, as `CartPole-v1`."""
    stem, _, version = name.rpartition("-v")
    return bool(stem) and version.isdigit()


def _registered(name: str, render: bool) -> Any:
    """One environment by its Gymnasium id; unknown ids get the nearest known one."""
    gym = gymnasium()
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # frames are drawn without a screen
    try:
        words = {"render_mode": "rgb_array"} if render else {}  # an environment that draws nothing need not know the word
        return gym.make(name, disable_env_checker=True, **words)
    except gym.error.DependencyNotInstalled as error:
        do = "Install them, for example with pip install 'lamina[rl]'."
        raise UsageError(f"the packages that `{name}` needs", str(error), do) from error
    except (gym.error.Error, ModuleNotFoundError) as error:
        raise unknown("environment", name, list(gym.registry)) from error
