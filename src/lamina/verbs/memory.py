"""A mini-batch that the machine has room for: where it would run out, the batch becomes smaller and gradients are summed over more of them.

Measured, not guessed: two examples are learned from, and what the forward pass keeps for the backward pass is counted. On processors a
program that asks for more than there is gets killed without a word; so this is looked at before the first step.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch.autograd.graph import saved_tensors_hooks

from lamina.core import device as machine
from lamina.core import rng
from lamina.core.errors import TrainingError, UsageError
from lamina.core.say import say
from lamina.envs.episodes import EpisodeSplit
from lamina.envs.games.game_split import GameSplit
from lamina.optim.learner import Learner
from lamina.plan import left_as_it_was
from lamina.verbs.request import Request
from lamina.verbs.setup import Setup, method_of, prepare

FEW = 2  # examples that are learned from to measure
PASSING = 3  # times the largest of what is kept: the gradients on either side of that layer, and a copy in a kernel
ROOM = 0.7  # share of the free memory that training may take; libraries that are loaded later and kernels work in the rest
RAN_OUT = ("out of memory", "can't allocate memory", "not enough memory")  # what allocators say: of CUDA and MPS, Linux, Windows
COPIES = 3  # of every weight, made in the first step: its gradient and two moments


def fitted(request: Request, setup: Setup) -> tuple[Request, Setup]:
    """The request and its setup, with a batch that fits into the memory that is free; says so where it is smaller than asked.

    Raises UsageError where there is no room for a single example.
    """
    batch = _batch(setup)
    if batch <= FEW or isinstance(setup.data.train, EpisodeSplit | GameSplit):  # what is played is small
        return request, setup
    each, fixed = _needed(setup)
    room = ROOM * machine.free_memory(setup.learner.device) - fixed
    if each > room:
        raise UsageError(f"room for one example of `{setup.choice.model}`: {_size(each + fixed)}",
                         f"{_size(max(0, room + fixed))} that may be used",
                         "Choose a smaller model, or smaller pictures with `data.size=`.")
    halvings = 0
    while (batch >> halvings) * each > room:
        halvings += 1
    if not halvings:
        return request, setup
    return _lowered(request, setup, batch >> halvings, f"a batch of {batch} needs {_size(batch * each + fixed)}, of {_size(room + fixed)}")


def halved(request: Request, setup: Setup) -> tuple[Request, Setup]:
    """The same with half of the batch, after memory ran out all the same; TrainingError where there is none to halve."""
    batch = _batch(setup)
    if batch < 2:
        raise TrainingError("memory for a step with one example", "less", "Choose a smaller model, or smaller pictures with `data.size=`.")
    return _lowered(request, setup, batch // 2, f"it ran out with a batch of {batch}")


def ran_out(error: RuntimeError) -> bool:
    """Whether an allocator's failure is what the error tells of."""
    return any(sign in str(error) for sign in RAN_OUT)


@contextmanager
def in_words() -> Iterator[None]:
    """What still runs out of memory later says so in three parts."""
    try:
        yield
    except RuntimeError as error:
        if not ran_out(error):
            raise
        raise TrainingError("memory to go on", f"`{str(error).partition(chr(10))[0]}`",
                            "Train with a smaller `batch=`, or close what else runs; states that were saved are whole.") from error


def _batch(setup: Setup) -> int:
    return int(getattr(setup.configs["method"], "batch", 1))


def _lowered(request: Request, setup: Setup, batch: int, why: str) -> tuple[Request, Setup]:
    more = -(-_batch(setup) // batch)
    say(f"memory: {why}; batches are of {batch}, and the gradients of {more} are summed")
    before: Any = setup.configs["optim"]
    words = {word: value for word, value in request.words.items() if word.rpartition(".")[2] not in ("batch", "accumulate")}
    request = replace(request, words={**words, "method.batch": batch, "optim.accumulate": more * before.accumulate})
    return request, prepare(request)


def _needed(setup: Setup) -> tuple[float, float]:
    """Bytes of an example in a training step, and bytes that do not depend on the batch."""
    config = setup.configs["method"].model_copy(update={"batch": FEW})
    few = method_of(setup.choice, config, setup.data)
    parameters = list(setup.learner.model.parameters())
    weights = {p.untyped_storage().data_ptr() for p in parameters}
    kept: dict[int, int] = {}

    def seen(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with left_as_it_was(setup.learner, few), saved_tensors_hooks(seen, lambda tensor: tensor):
        few.prepare(setup.learner.model)
        _one_step(setup.learner, few)
    fixed = COPIES * sum(p.untyped_storage().nbytes() for p in parameters if p.requires_grad)
    return (sum(kept.values()) + PASSING * max(kept.values(), default=0)) / FEW, fixed


def _one_step(learner: Learner, method: Any) -> None:
    step = method.pace().first
    rng.reseed(learner.seed, step, "update")
    learner.begin(step)
    method.update(learner, method.next_batch(learner, step).to(learner.device))


def _size(count: float) -> str:
    """Bytes for a person.

    >>> _size(3.2e9), _size(2.5e6)
    ('3.2 GB', '2.5 MB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
