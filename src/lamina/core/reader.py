"""What opens a person's own files: an interface, one implementation a kind of data (data/readers/)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from lamina.core.data import Data, Split
from lamina.core.spec import Spec


class Reader(Protocol):
    """Opens `path` with the knobs of its file's Config. Whatever it cannot use it counts in the data's account."""

    def __init__(self, path: Path, config: Any) -> None: ...

    @staticmethod
    def suits(path: Path) -> bool:
        """Whether the path looks like data of this kind; cheap, and never raises."""
        ...

    def data(self, seed: int) -> Data:
        """Everything, split without leaks. Raises DataError, naming file and row, for what cannot be learned from."""
        ...

    def rows(self, spec: Spec) -> Split:
        """All rows, with answers, in the terms of a spec that was learned from other data: what `evaluate RUN DATA` judges."""
        ...

    def inputs(self, spec: Spec) -> tuple[Sequence[str], torch.Tensor]:
        """The name of each row, and the inputs (N, ...), answers not needed: what `predict RUN DATA` answers."""
        ...
