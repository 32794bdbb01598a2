"""What makes a model learn: an objective and an update rule, as an interface.

A method never holds a generator, whose frame could not be saved: whatever it remembers between
updates is in `state()`.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import nn

from lamina.core.batch import Batch
from lamina.core.data import Split
from lamina.core.spec import Spec


@dataclass(frozen=True)
class Pace:
    """How long a method trains if nobody says otherwise, and how often it is validated, in steps.

    first: the first step that moves weights by the learning rate. Those before it prepare (features are kept, a head is
    fitted); the schedule runs from `first` to the end, and it is steps from `first` on that are timed.
    """

    steps: int
    valid_every: int
    first: int = 1


class Learning(Protocol):
    """What a method sees of the learner (optim/learner.py)."""

    model: Any  # an nn.Module whose children the method knows
    seed: int
    steps: int  # of the whole run; 1 until the plan is made
    rate: float  # the learning rate, before the schedule
    device: torch.device

    def step(self, loss: torch.Tensor, part: str = "") -> None:
        """Differentiate `loss` by the parameters of the model's child `part` and move only those."""
        ...

    @property
    def share(self) -> float:
        """What a loss counts in the gradient: it is one of so many whose gradients are summed."""
        ...

    def step_along(self, part: str = "") -> None:
        """The same where the gradient of `share` times a loss has been added to that of the parameters already."""
        ...

    def settle(self) -> None:
        """Hear that a method has put weights in place itself: what was averaged of them begins anew."""
        ...

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which the forward pass and the loss are computed."""
        ...

    def predictor(self) -> Any:
        """The model that answers, inputs (B, ...) to its output: the average of the weights where one is kept."""
        ...


class Method(Protocol):
    """An objective and an update rule. A *step* is one `update`."""

    defaults: ClassVar[Mapping[str, Any]]  # words for the optimizer and the loop, weaker than the user's
    parts: ClassVar[tuple[str, ...]]  # the model's children with an optimizer each; () is the whole model

    @staticmethod
    def wrap(net: nn.Module, spec: Spec) -> nn.Module:
        """The network as this method trains it: between scales, beside a critic, or as it is."""
        ...

    def prepare(self, model: nn.Module) -> None:
        """What is learned from the data before step 1: scales of input and target."""
        ...

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        """The share of the learning rate that a parameter takes, where that is not the whole."""
        ...

    def pace(self) -> Pace:
        """Steps in all and between validations."""
        ...

    def next_batch(self, learner: Learning, step: int) -> Batch:
        """The batch of one step: from a split, from play, from memory."""
        ...

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        """Learn from one batch; returns scalars for the train event, left on their device."""
        ...

    def counters(self, step: int) -> dict[str, float]:
        """What `step` means in the method's own units: epochs, samples, environment steps."""
        ...

    def state(self) -> dict[str, Any]:
        """All that is remembered between updates, of tensors and plain values."""
        ...

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from a `state()`."""
        ...


@runtime_checkable
class SemiSupervised(Protocol):
    """A method that learns from rows without answers too."""

    def beside(self, unlabelled: Split | None) -> None:
        """Hear of them before the first step; UsageError where there are none."""
        ...


@runtime_checkable
class Remembering(Protocol):
    """A method that remembers more than a state should hold, and keeps it in files of its own as it comes."""

    def remember_in(self, folder: Path) -> None:
        """Hear of the folder before the first step and before a state is loaded; what `state()` returns is on disk by then."""
        ...


@runtime_checkable
class Acting(Protocol):
    """A method that plays episodes."""

    def take_episodes(self) -> list[dict[str, Any]]:
        """Those that ended since the last call, as plain values (envs/vector.py:Record): the train event tells each."""
        ...


@runtime_checkable
class Preferring(Protocol):
    """A method that learns from what somebody prefers."""

    def wants_human(self) -> bool:
        """Whether that is to be a human, as its knobs say."""
        ...

    def ask(self, human: Callable[[Any], float | None]) -> None:
        """Hear of the human: asked about a pair of clips (envs/clips.py), 1 for the first, 0 for the second, 1/2 for both alike, None where
        it cannot be told; EOFError where nothing more is to be asked."""
        ...
