"""Loops as machine code where numba is installed, as they are where it is not."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeVar

Loop = TypeVar("Loop", bound=Callable[..., object])


def jit(loop: Loop) -> Loop:
    """The loop, compiled at its first call and kept on disk for the next process."""
    return _compiled(loop, cache=True)


def jit_anew(loop: Loop) -> Loop:
    """The same, compiled in each process: a function that calls itself crashes when it is loaded from disk (numba 0.68)."""
    return _compiled(loop, cache=False)


def _compiled(loop: Loop, cache: bool) -> Loop:
    if find_spec("numba") is None:
        return loop
    from numba import njit

    made: Any = njit(cache=cache, error_model="numpy")(loop)
    return made
