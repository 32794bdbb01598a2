"""Every column of a person's table, also those that the reader leaves out, before any of them is chosen as the target."""

from pathlib import Path
from typing import Any

import numpy as np

from lamina.oversight.columns import Cells

PICTURES = ("boxes", "masks", "photos")  # readers


def survey(path: Path) -> list[Cells]:
    """The columns of the table in a file, or in the training file of a folder of tables, in the file's order."""
    from lamina.data.cells import cleaned
    from lamina.data.table_files import open_sheet

    frame = cleaned(open_sheet(_file(path)).frame)
    return [_cells(name, frame[name]) for name in frame.columns]


def is_table(path: Path) -> bool:
    """Whether `survey` can read it. An archive of pictures looks like one of tables by its name."""
    from lamina.data.readers import READERS

    suits = [name for name in ("table", *PICTURES) if path.exists() and READERS[name].suits(path)]
    return suits == ["table"]


def _file(path: Path) -> Path:
    from lamina.data.table_files import is_table as is_one

    if path.is_file():
        return path
    return next(file for file in sorted(path.iterdir()) if file.name.split(".")[0].lower() in ("train", "training") and is_one(file))


def _cells(name: str, words: Any) -> Cells:
    """words: a polars Series of cleaned cells."""
    from lamina.data.cells import dates, numbers
    from lamina.data.columns import PLAIN, meaning

    kind = meaning(name, words).kind
    values = numbers(words)
    present = len(words) - words.null_count()
    if kind == "date":
        return Cells(name, "date", _floats(dates(words)[0]))
    if kind == "number" or (kind == "left out" and values.count() >= PLAIN * max(present, 1)):
        return Cells(name, "number", _floats(values))
    names = words.drop_nulls().unique().sort()
    places = words.replace_strict(names, np.arange(1, len(names) + 1), default=None) if len(names) else words
    return Cells(name, "category", _floats(places), tuple(names.to_list()))


def _floats(values: Any) -> np.ndarray:
    found: np.ndarray = values.cast(float).fill_null(np.nan).to_numpy()
    return found.astype(np.float64)
