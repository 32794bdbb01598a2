"""One environment, asked with care: whatever it throws, and what is not as Gymnasium has it, is said with its step and its episode."""

from typing import Any

import numpy as np

from lamina.core.errors import TrainingError, quoted
from lamina.core.spec import Spec
from lamina.envs import own_env, spaces
from lamina.envs.world import World

SEED = "unexpected keyword argument 'seed'"  # of what is thrown where there is no place for it
TAKE_SEED = "Write `reset(self, *, seed=None, options=None)`, call `super().reset(seed=seed)`, draw from `self.np_random`."
MEND = "Mend the environment; the last saved state is kept."


class Faulty(TrainingError):
    """What an environment did wrong: its `kind`, "throws", "seed", "form" or "shape", and what came `where`, without its name."""

    kind, where = "throws", ""


class Guarded:
    """An environment of `world` whose observations are read as `spec` has them, (D,) float32 or (C, H, W) uint8; it counts its steps."""

    def __init__(self, world: World, spec: Spec, render: bool = False) -> None:
        self.world, self.length, self.episode = world, 0, 0
        self._env, self._read, self._shape = world.make(render), spaces.reader(spec), spec.input.shape
        self.shape: tuple[int, ...] = self._env.action_space.shape or ()  # of an action
        self.draws: bool = self._env.render_mode is not None

    def begin(self, seed: int, episode: int) -> np.ndarray:
        """The first observation of episode number `episode`, which `seed` begins."""
        self.length, self.episode = 0, episode
        try:
            found = self._env.reset(seed=seed)
        except Exception as error:
            if SEED in str(error):
                raise self._fault("seed", "a `reset` that takes a seed", f"`{error}`", TAKE_SEED) from error
            raise self._fault("throws", "a `reset` without an error", self._thrown(error)) from error
        if not isinstance(found, tuple) or len(found) != 2:
            raise self._fault("form", "an observation and a dict from `reset`", _kinds(found), "Write `return observation, {}`.")
        return self._seen(found[0])

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """What is seen, the reward, whether the episode is terminated or truncated, and what else is told."""
        self.length += 1
        try:
            found = self._env.step(action)
        except Exception as error:
            raise self._fault("throws", "a step without an error", self._thrown(error)) from error
        if not isinstance(found, tuple) or len(found) != 5 or not isinstance(found[4], dict):
            do = "Write `return observation, reward, terminated, truncated, {}`."
            raise self._fault("form", "five values from `step`, the last a dict", _kinds(found), do)
        observation, reward, terminated, truncated, info = found
        seen = self._seen(observation)
        try:
            return seen, float(reward), bool(terminated), bool(truncated), info
        except (ValueError, TypeError) as error:
            came = f"`{reward!r}`, `{terminated!r}`, `{truncated!r}`"
            raise self._fault("form", "a number as reward, and whether the episode is terminated or truncated", came) from error

    @property
    def place(self) -> str:
        """Where it is, in words."""
        return _place(self.length, self.episode)

    def frame(self) -> np.ndarray:
        """What it looks like now, (H, W, 3) uint8."""
        frame: np.ndarray = self._env.render()
        return frame

    def close(self) -> None:
        self._env.close()

    def _seen(self, observation: Any) -> np.ndarray:
        try:
            return self._read(observation)
        except (ValueError, TypeError) as error:
            came = f"an observation of shape {np.shape(observation)} instead of {self._shape}"
            raise self._fault("shape", "observations of always the same shape", came) from error

    def _thrown(self, error: Exception) -> str:
        line = own_env.line_of(self.world.name, error) if own_env.is_file(self.world.name) else 0
        words = f"{type(error).__name__}: {error}".partition("\n")[0]
        return f"`{words}`" + (f", line {line}" if line else "")

    def _fault(self, kind: str, expected: str, came: str, do: str = MEND) -> Faulty:
        found = fault(self.world, expected, came, (self.length, self.episode), do)
        found.kind, found.where = kind, f"{came} {self.place}"
        return found


def fault(world: World, expected: str, came: str, at: tuple[int, int], do: str = MEND) -> Faulty:
    """What an environment did wrong, with step and episode; step 0 is its beginning."""
    return Faulty(expected, f"{came} from `{world.name}` {_place(*at)}", do)


def not_finite(world: World, step: int, episode: int) -> Faulty:
    """The same where it told numbers that are none."""
    return fault(world, "finite observations and rewards", "NaN or infinity", (step, episode))


def _place(step: int, episode: int) -> str:
    return f"{f'in step {step}' if step else 'at the beginning'} of episode {episode}"


def _kinds(found: Any) -> str:
    values = found if isinstance(found, tuple) else (found,)
    return quoted(type(value).__name__ for value in values)
