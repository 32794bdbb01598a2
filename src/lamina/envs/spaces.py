"""What an environment's spaces say in our terms: the spec, observations as arrays, actions in the environment's units.

A box of numbers is read as a row; bytes of height x width x channels as a picture, channels first; whatever else (`Discrete`, `Dict`,
`Tuple` ...) as Gymnasium flattens it, a discrete one as a one among noughts, words left out. Actions are one of several, or numbers
within bounds, of which networks speak as -1 to 1.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.core.errors import UsageError
from lamina.core.spec import Actions, Controls, Image, Spec, Vector

Target = Actions | Controls
MOST_CHANNELS = 48  # of what is taken for a picture: sixteen of three colours


def flattened(env: Any, name: str) -> Any:
    """The environment, with observations that are a box; UsageError for those that no row of numbers holds."""
    from gymnasium import spaces, wrappers

    if isinstance(env.observation_space, spaces.Box):
        return env
    if left_out := unseen(env.observation_space):
        env = wrappers.FilterObservation(env, [key for key in env.observation_space if key not in left_out])
    if not _of_numbers(env.observation_space):
        raise UsageError("observations that a row of numbers holds", f"`{name}`: {env.observation_space}",
                         "Wrap it so that they are a `Box`, or a `Dict` of such.")
    return wrappers.FlattenObservation(env)


def unseen(space: Any) -> tuple[str, ...]:
    """Those observations of several that no row of numbers holds, as words, where there are others beside them."""
    from gymnasium import spaces

    if not isinstance(space, spaces.Dict):
        return ()
    found = tuple(key for key, one in space.items() if not _of_numbers(one))
    return found if len(found) < len(space) else ()


def _of_numbers(space: Any) -> bool:
    from gymnasium import spaces

    if isinstance(space, spaces.Dict | spaces.Tuple):
        inner = space.values() if isinstance(space, spaces.Dict) else space
        return all(_of_numbers(one) for one in inner)
    return isinstance(space, spaces.Box | spaces.Discrete | spaces.MultiBinary | spaces.MultiDiscrete)


def spec_of(env: Any, name: str) -> Spec:
    """Input and target of an environment whose observations are a box; UsageError for actions of another kind."""
    seen = env.observation_space
    if seen.dtype == np.uint8 and len(seen.shape) == 3 and seen.shape[2] <= MOST_CHANNELS:
        return Spec(input=Image(channels=seen.shape[2], height=seen.shape[0], width=seen.shape[1]), target=_target(env.action_space, name))
    return Spec(input=Vector(size=int(np.prod(seen.shape))), target=_target(env.action_space, name))


def _target(space: Any, name: str) -> Target:
    from gymnasium import spaces

    if isinstance(space, spaces.Discrete):
        return Actions(size=int(space.n), env=name, start=int(space.start))
    if isinstance(space, spaces.Box) and np.isfinite(space.low).all() and np.isfinite(space.high).all():
        low, high = ([float(v) for v in bound.reshape(-1)] for bound in (space.low, space.high))
        return Controls(low=tuple(low), high=tuple(high), env=name)
    raise UsageError("an environment with one of several actions, or with numbers within bounds", f"`{name}`: {space}",
                     "Wrap it so that its actions are a `Discrete` or a bounded `Box` space.")


Read = Callable[[Any], np.ndarray]  # an observation as it comes -> (C, H, W) uint8 of a picture, else (D,) float32


def reader(spec: Spec) -> Read:
    """How observations are read, each into its own array, as an environment may write the next over it; ValueError for another shape."""
    shape = spec.input.shape
    if isinstance(spec.input, Image):
        return lambda observation: np.asarray(observation, np.uint8).transpose(2, 0, 1).copy().reshape(shape)
    return lambda observation: np.array(observation, np.float32).reshape(shape)


def in_units(actions: np.ndarray, target: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Actions (E,) or (E, A) of a network as the environment takes them, (E, *shape): numbers beyond -1 and 1 are cut there."""
    if isinstance(target, Actions):
        return actions + target.start if target.start else actions
    low, high = np.asarray(target.low, np.float32), np.asarray(target.high, np.float32)
    inside = low + (np.clip(actions, -1, 1) + 1) / 2 * (high - low)
    return np.clip(inside, low, high).astype(np.float32).reshape(len(actions), *shape)
