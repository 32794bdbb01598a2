"""A user's own inputs as a batch: arrays, pictures, names of files, rows of numbers or of mixed cells."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from lamina.core.errors import DataError
from lamina.core.spec import Image, Input, Table, Text, Vector
from lamina.data.pictures import as_spec, content_of, read_picture
from lamina.data.words import FILL, encode


def read_all(spec: Input, inputs: Iterable[Any]) -> torch.Tensor:
    """(B, C, H, W) uint8, (B, D) float32 or (B, L) int32; DataError names the input that cannot be taken."""
    if isinstance(inputs, torch.Tensor):  # read before
        return inputs
    given = list(inputs)
    if not given:
        raise DataError("at least one input", "none", "Give a file, a folder or an array.")
    if isinstance(spec, Table):
        from lamina.data.table_rows import read_rows  # polars is loaded where there is a table

        return read_rows(spec, given)
    rows = [read_one(spec, one) for one in given]
    return pad_sequence(rows, batch_first=True, padding_value=FILL) if isinstance(spec, Text) else torch.stack(rows)


def read_one(spec: Input, one: Any) -> torch.Tensor:
    """One input in the shape that the model was trained on; pictures and texts may be tensors that were read before."""
    if isinstance(one, torch.Tensor) and isinstance(spec, Image | Text):
        return one
    if isinstance(spec, Image):
        if isinstance(one, str | Path):
            return read_picture(content_of(Path(one)), spec, str(one))
        if isinstance(one, bytes):
            return read_picture(one, spec, "standard input")
        return as_spec(np.asarray(one), spec, "the array")
    if isinstance(spec, Text):
        return _words(spec, one)
    assert isinstance(spec, Vector), f"{spec.kind} has no reader of single inputs"
    row = torch.as_tensor(_numbers(one)).reshape(-1)
    if len(row) != spec.size:
        columns = f"The columns are: {', '.join(spec.names)}." if spec.names else "Give as many as the model was trained on."
        raise DataError(f"a row of {spec.size} numbers", f"`{len(row)}` of them", columns)
    if not row.isfinite().all():
        raise DataError("finite numbers", f"`{row.tolist()}`", "Fill in the gaps first.")
    return row


def _words(spec: Text, one: Any) -> torch.Tensor:
    if not isinstance(one, str):
        raise DataError("a text", f"`{type(one).__name__}`", "Give a string, or a list of them.")
    found = encode(one, spec.words, spec.length)
    if not len(found):
        raise DataError("a text with a word in it", f"`{one[:40]}`", "Write at least one word.")
    return found


def _numbers(one: Any) -> np.ndarray:
    """Numbers, or their text with commas between; what is too large for float32 becomes infinite."""
    try:
        values = [float(word) for word in str(one).split(",")] if isinstance(one, str | Path) else one
        with np.errstate(over="ignore"):
            return np.array(values, np.float32)
    except (ValueError, TypeError) as error:
        raise DataError("a row of numbers as `5.1,3.5,1.4,0.2`", f"`{one}`", "Separate the numbers by commas.") from error
