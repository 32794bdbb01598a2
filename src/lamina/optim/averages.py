"""Weights that answer in the place of those that learn: a mean of them over time.

`Following` is the exponential average, which follows every step (Polyak & Juditsky 1992, with the decay of
TensorFlow's `ExponentialMovingAverage`: a young average forgets faster). `Checkpoints` is the plain mean of a few points
of the last fifth of the run (Vaswani et al. 2017, section 6.1, who take the last five states they wrote; Izmailov et al.
2018). Statistics of normalizations are averaged as weights are; counters are those of the model.

    theta   `model`    the weights that learn
    mean    `module`   the weights that answer, once `ready`
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Protocol

from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn, get_swa_multi_avg_fn

LAST = 0.2  # share of the run, at its end, from which checkpoints are averaged


class Average(Protocol):
    """A mean of the weights of a model."""

    module: nn.Module

    def ready(self) -> bool:
        """Whether the mean answers yet."""

    def begin(self, step: int, steps: int) -> None:
        """Step number `step` of `steps` is about to be made."""

    def moved(self, part: str, moves: int) -> None:
        """The weights of `part` have been moved, `moves` times so far."""

    def settle(self) -> None:
        """Begin anew from the weights as they are."""

    def state(self) -> dict[str, Any]:
        """What a resumed run needs beside the mean itself."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""


class Following:
    """mean <- decay mean + (1 - decay) theta, after every move."""

    def __init__(self, model: nn.Module, parts: Sequence[str], decay: float) -> None:
        self.module = deepcopy(model).requires_grad_(False)
        self.decay, self._model = decay, model
        self._pairs = {part: _Pairs(self.module, model, part) for part in parts}

    def ready(self) -> bool:
        return True

    def begin(self, step: int, steps: int) -> None:
        """Nothing: it follows moves, not steps."""

    def moved(self, part: str, moves: int) -> None:
        self._pairs[part].mix(get_ema_multi_avg_fn(min(self.decay, (1 + moves) / (10 + moves))), None)

    def settle(self) -> None:
        self.module.load_state_dict(self._model.state_dict())

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """The mean is all there is."""


class Checkpoints:
    """mean = (theta_1 + ... + theta_n) / n of the weights at n points, evenly spaced over the last fifth of the run."""

    def __init__(self, model: nn.Module, count: int) -> None:
        self.module = deepcopy(model).requires_grad_(False)
        self.count, self.taken = count, 0
        self._pairs = _Pairs(self.module, model, "")

    def ready(self) -> bool:
        return self.taken > 0

    def begin(self, step: int, steps: int) -> None:
        """The weights before a step are those after the one before it; the last point lies before the last step."""
        if step in {steps - round(i * LAST * steps / self.count) for i in range(self.count)}:
            self._pairs.mix(get_swa_multi_avg_fn(), self.taken)
            self.taken += 1

    def moved(self, part: str, moves: int) -> None:
        """Nothing: points are of steps."""

    def settle(self) -> None:
        self.taken = 0

    def state(self) -> dict[str, Any]:
        return {"taken": self.taken}

    def load_state(self, state: dict[str, Any]) -> None:
        self.taken = state["taken"]


class _Pairs:
    """Means and the numbers that they follow, and counters that are only copied, of one part of the model."""

    def __init__(self, averaged: nn.Module, model: nn.Module, part: str) -> None:
        means = averaged.get_submodule(part).state_dict(keep_vars=True)
        theirs = model.get_submodule(part).state_dict(keep_vars=True)
        floats = [name for name, mean in means.items() if mean.is_floating_point()]
        self._means, self._theirs = [means[name] for name in floats], [theirs[name] for name in floats]
        self._counters = [(mean, theirs[name]) for name, mean in means.items() if not mean.is_floating_point()]

    def mix(self, rule: Any, taken: int | None) -> None:
        """Move the means by a rule of torch.optim.swa_utils, the plain one of which copies where nothing was `taken`."""
        rule(self._means, self._theirs, taken)
        for kept, its in self._counters:
            kept.copy_(its)
