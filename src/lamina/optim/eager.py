"""torch's optimizers without its compiler, which they import at their first use: one processor second of every process that trains.

`Optimizer.__init__`, `state_dict` and the like are wrapped so that `torch.compile` does not look into them, and `step` so that it may; both
import `torch._dynamo` when they are called. Nothing of ours is compiled, so the wrapped functions themselves are told to stand for their
guarded forms, in the attribute in which torch keeps these, and a step is called beneath its wrappers. Where a later torch keeps
them elsewhere, this does nothing.
"""

import inspect
from collections.abc import Callable
from typing import Any

import torch

GUARDED = "__dynamo_disable"  # torch/_compile.py


def stay_eager() -> None:
    """Let the functions of all optimizers stand for their guarded forms."""
    for member in vars(torch.optim.Optimizer).values():
        plain = getattr(member, "__wrapped__", None)
        if plain is not None and not hasattr(plain, GUARDED):
            setattr(plain, GUARDED, plain)


def step_of(optimizer: torch.optim.Optimizer) -> Callable[[], Any]:
    """The optimizer's step, beneath what wraps it; nothing of ours hooks into a step."""
    plain: Any = inspect.unwrap(type(optimizer).step)

    @torch.no_grad()
    def step() -> None:
        plain(optimizer)

    return step
