"""A wish, as a person says it: data, task, model, method, knobs, and how long."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lamina.core.data import Data
from lamina.core.task import Quality


@dataclass(frozen=True)
class Request:
    """What is to be trained. Empty fields are worked out from the data.

    data: a name or a `Data`; words: knobs by name; seconds: the time allowed (`--for`); until: figures of the
    validation split at which to stop; out: the run folder, or None to train in memory; net: a module of the user's;
    gate: what happens where an agent's reward leaves its goal (verbs/gate.py);
    warm_start: `none`, a run folder or a file of weights to begin from (`--from`); start: the weights themselves, scales included.
    """

    data: str | Data
    task: str = ""
    model: str = ""
    method: str = ""
    words: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    device: str = "auto"
    quality: Quality = "good"
    seconds: float | None = None
    until: Mapping[str, float] = field(default_factory=dict)
    out: Path | None = None
    warm_start: str = ""
    gate: str = "ask"
    net: nn.Module | None = None
    start: Mapping[str, torch.Tensor] | None = None
