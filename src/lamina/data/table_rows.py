"""Single rows of a learned table: as a dict by column, as a sequence in the order of the columns, or as the text `5.1,red,,2020-01-01`."""

import csv
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch

from lamina.core.errors import DataError, quoted
from lamina.core.say import say
from lamina.core.spec import Table
from lamina.data.cells import cleaned
from lamina.data.columns import encoded, unseen
from lamina.data.table_files import as_text


def read_rows(table: Table, rows: Sequence[Any]) -> torch.Tensor:
    """(N, D) float32. A tensor is a row that a reader has encoded; DataError for a row that does not belong to the table."""
    written = [place for place, row in enumerate(rows) if not isinstance(row, torch.Tensor)]
    found = [row if isinstance(row, torch.Tensor) else torch.empty(table.shape) for row in rows]
    for place, row in zip(written, _encoded(table, [rows[place] for place in written]), strict=True):
        found[place] = row
    return torch.stack(found)


def _encoded(table: Table, rows: Sequence[Any]) -> torch.Tensor:
    cells = [_cells(table, row) for row in rows]
    frame = cleaned(pl.DataFrame(cells, schema=dict.fromkeys(table.names, pl.String), orient="row"))
    for line in unseen(frame, table):
        say(line)
    return encoded(frame, table, [f"row {place} of those given" for place in range(1, len(cells) + 1)], strict=True)


def _cells(table: Table, row: Any) -> list[str | None]:
    if isinstance(row, Mapping):
        return _by_name(table, row)
    values = _parsed(row, len(table.names)) if isinstance(row, str) else _listed(row)
    if len(values) != len(table.names):
        raise DataError(f"{len(table.names)} cells in a row, empty where they are missing: {quoted(table.names)}",
                        f"`{len(values)}` in `{row}`", "Give them in this order, or as a dict by name.")
    return [as_text(value) for value in values]


def _by_name(table: Table, row: Mapping[Any, Any]) -> list[str | None]:
    known = [name for name in table.names if name in row]
    if not known:
        raise DataError(f"some of the columns {quoted(table.names)}", quoted(map(str, row)), "Name them as in the training table.")
    if strange := [str(name) for name in row if name not in table.names]:
        say(f"columns that are not known, passed over: {quoted(strange)}")
    return [as_text(row.get(name)) for name in table.names]


def _parsed(text: str, wanted: int) -> list[str]:
    """The cells of one line of CSV; parted by semicolons where commas do not give as many as are wanted."""
    found: list[list[str]] = [next(iter(csv.reader([text], delimiter=mark, skipinitialspace=True)), []) for mark in ",;\t"]
    return next((cells for cells in found if len(cells) == wanted), found[0])


def _listed(row: Any) -> list[Any]:
    """The values of a sequence or an array; NaN is a missing one."""
    values = np.asarray(row, dtype=object).reshape(-1).tolist()
    return [None if isinstance(value, float) and value != value else value for value in values]
