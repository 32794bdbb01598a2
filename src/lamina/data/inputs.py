"""A user's own inputs as a batch: arrays, pictures, names of files, rows of numbers."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lamina.core.errors import DataError
from lamina.core.spec import Image, Input, Vector
from lamina.data.pictures import as_spec, content_of, read_picture


def read_all(spec: Input, inputs: Iterable[Any]) -> torch.Tensor:
    """(B, C, H, W) uint8 or (B, D) float32; DataError names the input that cannot be taken."""
    rows = [read_one(spec, one) for one in inputs]
    if not rows:
        raise DataError("at least one input", "none", "Give a file, a folder or an array.")
    return torch.stack(rows)


def read_one(spec: Input, one: Any) -> torch.Tensor:
    """One input in the shape that the model was trained on."""
    if isinstance(spec, Image):
        if isinstance(one, str | Path):
            return read_picture(content_of(Path(one)), spec, str(one))
        if isinstance(one, bytes):
            return read_picture(one, spec, "standard input")
        return as_spec(np.asarray(one), spec, "the array")
    assert isinstance(spec, Vector), f"{spec.kind} has no reader of single inputs"
    row = torch.as_tensor(_numbers(one)).reshape(-1)
    if len(row) != spec.size:
        columns = f"The columns are: {', '.join(spec.names)}." if spec.names else "Give as many as the model was trained on."
        raise DataError(f"a row of {spec.size} numbers", f"`{len(row)}` of them", columns)
    if not row.isfinite().all():
        raise DataError("finite numbers", f"`{row.tolist()}`", "Fill in the gaps first.")
    return row


def _numbers(one: Any) -> np.ndarray:
    """Numbers, or their text with commas between; what is too large for float32 becomes infinite."""
    try:
        values = [float(word) for word in str(one).split(",")] if isinstance(one, str | Path) else one
        with np.errstate(over="ignore"):
            return np.array(values, np.float32)
    except (ValueError, TypeError) as error:
        raise DataError("a row of numbers as `5.1,3.5,1.4,0.2`", f"`{one}`", "Separate the numbers by commas.") from error
