"""What a trained network sees in each row: the input of its last linear layer, noted by a hook; for rows of numbers the row itself."""

import time
from typing import Any

import numpy as np
import torch
from torch import nn

from lamina.core.predictor import Predictor, parts
from lamina.oversight.rows import Rows

BATCH = 500


class Features:
    """Features of the first `count` rows. `width`: how many a row has."""

    def __init__(self, predictor: Predictor, rows: Rows, count: int) -> None:
        self.predictor, self.rows, self.count = predictor, rows, count
        self.raw = rows.data.spec.input.kind in ("table", "vector")
        began = time.perf_counter()
        first = self._of(next(rows.batches(min(BATCH, count))))
        self._one, self.width = (time.perf_counter() - began) / len(first), first.shape[1]

    def seconds(self) -> float:
        """About how long `all` will take."""
        return self._one * self.count

    def all(self) -> np.ndarray:
        """(count, width) float32."""
        found: list[np.ndarray] = []
        for x in self.rows.batches(BATCH):
            if sum(map(len, found)) >= self.count:
                break
            found.append(self._of(x).numpy())
        return np.concatenate(found)[: self.count]

    def _of(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1) if self.raw else last_input(self.predictor, x)


def last_input(predictor: Predictor, x: torch.Tensor) -> torch.Tensor:
    """What the last linear layer that ran was given for `x`, (B, F) float32; the output itself where none ran."""
    return torch.cat([_of_one_call(predictor, part) for part in parts(x)])


def _of_one_call(predictor: Predictor, x: torch.Tensor) -> torch.Tensor:
    """Of inputs that go through the model at once; where it looks at their mirror images too, what it saw of the inputs themselves."""
    seen: list[tuple[nn.Module, torch.Tensor]] = []

    def note(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen.append((module, inputs[0]))

    hooks = [module.register_forward_pre_hook(note) for module in predictor.model.modules() if isinstance(module, nn.Linear)]
    try:
        output = predictor(x)
    finally:
        for hook in hooks:
            hook.remove()
    found = next((given for module, given in seen if module is seen[-1][0]), output)
    return found.flatten(1).float().cpu()
