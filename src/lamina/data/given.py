"""What a user hands over in Python, in the terms of a spec that was already learned: one input or many, rows with answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lamina.core.errors import DataError, quoted
from lamina.core.spec import Classes, Image, Input, Labels, Spec, Table, Text, Tokens
from lamina.data import texts
from lamina.data.arrays import ArraySplit, Divisible
from lamina.data.inputs import read_all


def rows_of(spec: Spec, x: Any, y: Any, weight: Any = None) -> Divisible:
    """Inputs (N, ...) and targets (N,) or (N, K) as rows of a known spec; DataError for what does not belong to it."""
    inputs, _ = inputs_of(spec.input, x)
    y = np.asarray(y)
    if y.ndim == 0 or len(inputs) != len(y):
        raise DataError("as many inputs as targets", f"`{len(inputs)}` inputs and `{y.size if y.ndim == 0 else len(y)}` targets",
                        "Check how the arrays were made.")
    if isinstance(spec.input, Text):
        return texts.rows_of(spec, [str(one) for one in inputs], _answers(spec, y))
    return ArraySplit(read_all(spec.input, inputs), _answers(spec, y), checked_weight(weight, len(y)))


def checked_weight(weight: Any, rows: int) -> torch.Tensor | None:
    """Weights (N,) of rows, float32, none negative, one above zero; None for None."""
    if weight is None:
        return None
    found = torch.as_tensor(np.array(weight, np.float32))
    if found.shape != (rows,):
        raise DataError(f"one weight for each of the {rows} rows", f"shape `{tuple(found.shape)}`", "Check `sample_weight`.")
    if not found.isfinite().all() or (found < 0).any() or not (found > 0).any():
        raise DataError("weights of zero or more, one of them above zero", f"`{found.min():g}` to `{found.max():g}`",
                        "Check `sample_weight`.")
    return found


def inputs_of(spec: Input, x: Any) -> tuple[Sequence[Any], bool]:
    """The inputs one by one, and whether `x` was a single one.

    Pictures: a path, (H, W) or (H, W, C) is one, a list or (N, H, W[, C]) many; tensors have their channels first.
    Rows: `5.1,3.5` or (D,) is one, a list of them or (N, D) many; of a table also a dict by column, and a frame. Texts: a
    string is one, a list of them many.
    """
    if isinstance(x, str | Path | Mapping):
        return [x], True
    if isinstance(spec, Text | Tokens):
        return [str(one) for one in x], False
    if isinstance(spec, Table) and hasattr(x, "columns"):  # a frame of polars or pandas
        return [dict(zip(x.columns, row, strict=True)) for row in x.to_numpy().astype(object)], False
    if isinstance(x, list | tuple) and (isinstance(spec, Image) or not x or not np.isscalar(x[0])):
        return [_channels_last(spec, one) for one in x], False
    array = np.asarray(_channels_last(spec, x), dtype=object if isinstance(spec, Table) else None)
    return ([array], True) if _is_one(spec, array) else (list(array), False)


def _is_one(spec: Input, array: np.ndarray) -> bool:
    if not isinstance(spec, Image):
        return array.ndim <= 1
    many = array.ndim == 3 and (array.shape[1:] == (spec.height, spec.width) or array.shape[2] not in (1, 3, 4))
    return array.ndim <= 3 and not many


def _channels_last(spec: Input, one: Any) -> Any:
    """A tensor as an array: (C, H, W) becomes (H, W, C), (N, C, H, W) becomes (N, H, W, C)."""
    if not isinstance(one, torch.Tensor):
        return one
    one = one.detach().cpu()
    if isinstance(spec, Image) and one.ndim in (3, 4):
        one = one.movedim(-3, -1)
    return one.numpy()


def _answers(spec: Spec, y: np.ndarray) -> torch.Tensor:
    if isinstance(spec.target, Classes):
        return _class_indices(spec.target, y.reshape(-1))
    table = y.reshape(len(y), -1)
    if table.shape[1] != spec.target.size or table.dtype.kind not in "fiub" or not np.isfinite(table).all():
        raise DataError(f"{spec.target.size} finite numbers a row as target", f"`{table.dtype}` {y.shape}", "Check the targets.")
    if isinstance(spec.target, Labels) and not np.isin(table, (0, 1)).all():
        raise DataError("labels of 0 and 1", f"`{table.max()}`", "Check the targets.")
    return torch.as_tensor(np.array(table, np.float32))


def _class_indices(target: Classes, y: np.ndarray) -> torch.Tensor:
    places = {name: i for i, name in enumerate(target.names)}
    found, inverse = np.unique(y, return_inverse=True)
    strange = [name for name in found if str(name) not in places]
    if strange:
        raise DataError(f"the classes {quoted(target.names)}", quoted(strange), "Train a new model for other classes.")
    return torch.as_tensor([places[str(name)] for name in found])[torch.as_tensor(inverse)]
