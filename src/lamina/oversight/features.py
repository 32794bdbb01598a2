"""What a network sees of its inputs just before its last linear layer: noted by hooks, so that any module will do.

    B  rows    F  features
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from lamina.core.data import Split
from lamina.core.task import Predicting

AT_ONCE = 256  # rows of one forward pass


@contextmanager
def noted_features(model: nn.Module) -> Iterator[list[torch.Tensor]]:
    """A list that holds, after each forward pass, the input of the last nn.Linear that ran."""
    last: list[torch.Tensor] = []

    def note(module: nn.Module, inputs: Any) -> None:
        last[:] = [inputs[0]]

    hooks = [m.register_forward_pre_hook(note) for m in model.modules() if isinstance(m, nn.Linear)]
    try:
        yield last
    finally:
        for hook in hooks:
            hook.remove()


def features(predictor: Predicting, x: torch.Tensor) -> torch.Tensor | None:
    """(B, F) float32 on the processor for inputs (B, ...); None where the model has no linear layer over rows."""
    found = []
    with noted_features(predictor.model) as last:
        for part in x.split(AT_ONCE):
            last.clear()
            predictor(part)
            if not last or last[0].ndim != 2 or len(last[0]) != len(part):
                return None
            found.append(last[0].float().cpu().clone())
    return torch.cat(found) if found else None


def spread(split: Split, most: int) -> torch.Tensor:
    """Places of at most `most` rows of a split, evenly spread: (M,) int64."""
    count = min(most, len(split))
    return torch.arange(count) * len(split) // max(count, 1)
