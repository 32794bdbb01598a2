"""An environment by its name: one of ours with its knobs, a Gymnasium id, or a class in a person's own file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import packages_distributions, requires
from typing import TYPE_CHECKING, Any

from lamina.core import config as knobs
from lamina.core.errors import UsageError, missing_package, quoted, unknown
from lamina.core.say import say
from lamina.core.spec import Spec
from lamina.envs import ENVS, own_env, settings, spaces

if TYPE_CHECKING:  # it needs Gymnasium, which only those who play have
    from lamina.envs.arrays import Dynamics
    from lamina.envs.frames import Pictures

ATARI = "ALE/"  # of whose ids


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
        return spaces.flattened(self._seen_as_told(self._opened(render)), self.name)

    def _opened(self, render: bool = False) -> Any:
        """One environment of others, as its author made it but for the settings that were chosen."""
        words = settings.chosen(self.config)
        return own_env.make(self.name, render, words) if own_env.is_file(self.name) else _registered(self.name, render, words)

    def _seen_as_told(self, opened: Any) -> Any:
        pictures = self._pictures(opened)
        if pictures is None:
            return opened
        from lamina.envs.frames import Frames

        return Frames(opened, self.config if isinstance(self.config, pictures) else pictures())

    def _pictures(self, opened: Any) -> "type[Pictures] | None":
        """The knobs of how its pictures are seen, where it shows some."""
        from lamina.envs.frames import Atari, Pictures, shows_pictures

        kind = Atari if self.is_atari() else Pictures
        return kind if shows_pictures(opened.observation_space) else None

    def config_class(self) -> type[knobs.Config]:
        """The Config of its knobs."""
        if self.name in ENVS:
            return knobs.config_of(ENVS[self.name])
        opened = World(self.name)._opened()
        opened.close()
        return settings.config_of(*self._made_by(), self._pictures(opened))

    def is_atari(self) -> bool:
        """Whether it is a game of the Arcade Learning Environment."""
        return self.name.rpartition(":")[2].startswith(ATARI)

    def _made_by(self) -> tuple[Any, Mapping[str, Any]]:
        """What makes an environment of others, and what it is told by whoever registered it."""
        if own_env.is_file(self.name):
            return own_env.maker(self.name), {}
        from gymnasium.envs.registration import load_env_creator

        found = registered(self.name)
        made = load_env_creator(found.entry_point) if isinstance(found.entry_point, str) else found.entry_point
        return made, found.kwargs

    def spec(self) -> Spec:
        """What is seen and what can be done; says what is left out."""
        opened = self.make()
        found = spaces.spec_of(opened, self.name)
        if left_out := spaces.unseen(opened.unwrapped.observation_space):
            say(f"not seen of `{self.name}`: {quoted(left_out)}, which no row of numbers holds")
        opened.close()
        return found

    def solved_at(self) -> float | None:
        """The mean return at which the environment's authors call it solved."""
        ours = self.dynamics()
        if ours is not None:
            return ours.threshold
        if own_env.is_file(self.name):
            return None
        found: float | None = registered(self.name).reward_threshold
        return found

    def has_limit(self) -> bool:
        """Whether its author said after how many steps an episode is cut off."""
        if own_env.is_file(self.name):
            return False
        found = None if self.name in ENVS else registered(self.name)
        return found is None or found.max_episode_steps is not None or "max_num_frames_per_episode" in found.kwargs

    def goal(self) -> str:
        """The true goal in words, where the environment tells of one."""
        ours = self.dynamics()
        return "" if ours is None else ours.goal

    def moves(self) -> tuple[str, ...]:
        """The actions in words, where the environment tells them."""
        ours = self.dynamics()
        return () if ours is None else tuple(ours.moves)

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
        """Whether Gymnasium steps many of it on arrays, as its author chose it."""
        if self.dynamics() is not None or own_env.is_file(self.name) or settings.chosen(self.config):
            return False
        return registered(self.name).vector_entry_point is not None


def gymnasium() -> Any:
    """The Gymnasium package, or the error that says how to get it."""
    try:
        import gymnasium
    except ImportError as error:
        raise missing_package("gymnasium", "rl", "environments") from error
    return gymnasium


def looks_like_id(name: str) -> bool:
    """Whether a data name is meant as a Gymnasium id, as `CartPole-v1`, or `minigrid:MiniGrid-Empty-5x5-v0` of a package."""
    stem, _, version = name.rpartition("-v")
    return bool(stem) and version.isdigit()


def registered(name: str) -> Any:
    """What Gymnasium knows of an id; a package makes its own known as it is imported. UsageError where there is none."""
    package, colon, known = name.rpartition(":")
    gym = gymnasium()
    if colon:
        try:
            import_module(package)
        except ImportError as error:
            raise UsageError(f"the package `{package}`", str(error), f"Install it, as with: pip install {package}.") from error
    if known.startswith(ATARI):
        _of_atari()
    if known not in gym.registry:
        more = "" if colon else "Those of a package are named with it: `minigrid:MiniGrid-Empty-5x5-v0`."
        raise unknown("environment", known, list(gym.registry), more)
    return gym.registry[known]


def refuse_strange(name: str) -> None:
    """UsageError where an id that a run names, and nobody at the keyboard, would import a package that is not made for Gymnasium."""
    package = name.rpartition(":")[0]
    if package and not _for_gymnasium(package):
        raise UsageError("an installed package that is made for Gymnasium, as the run names one to import", f"`{package}`",
                         "A run may be a stranger's: train anew with what you trust.")


def _for_gymnasium(package: str) -> bool:
    """Whether an installed distribution holds the package and needs Gymnasium."""
    names = packages_distributions().get(package, ())
    return any(line.lower().startswith("gymnasium") for name in names for line in requires(name) or ())


def _registered(name: str, render: bool, words: Mapping[str, Any]) -> Any:
    """One environment by its Gymnasium id."""
    gym, found = gymnasium(), registered(name)
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # frames are drawn without a screen
    own = {"frameskip": 1} if found.id.startswith(ATARI) else {}  # frames are skipped where they are seen (envs/frames.py)
    try:
        drawn = {"render_mode": "rgb_array"} if render else {}  # an environment that draws nothing need not know the word
        return gym.make(name, disable_env_checker=True, **own, **words, **drawn)
    except (gym.error.DependencyNotInstalled, ModuleNotFoundError) as error:
        do = "Install them; those of Gymnasium's classic and Box2D environments come with pip install 'lamina[rl]'."
        raise UsageError(f"the packages that `{name}` needs", f"none of them: {error}", do) from error


def _of_atari() -> None:
    """Make Atari's ids known, which a package of their own has; UsageError where it is missing."""
    try:
        import ale_py
    except ImportError as error:
        raise UsageError("the package `ale-py`, which has Atari's games", "no such package", "Install it: pip install ale-py.") from error
    gymnasium().register_envs(ale_py)
