"""Loops as machine code where numba is installed, as they are where it is not."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import TypeVar

Loop = TypeVar("Loop", bound=Callable[..., object])


def jit(loop: Loop) -> Loop:
    """The loop, compiled at its first call and kept on disk for the next process."""
    if find_spec("numba") is None:
        return loop
    from numba import njit

    made: Loop = njit(cache=True, error_model="numpy")(loop)
    return made
