"""A table as it was written: text in every cell, and the line of every row."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from lamina.core.data import Refusal


@dataclass(frozen=True)
class Sheet:
    """Rows of text cells, None where a cell is empty.

    name: of the file; frame: (N rows) of String columns; lines: (N,) the line of each row in its file, from 1;
    notes: what was guessed of the file, a sentence each; refused: rows that are no rows of the table.
    """

    name: str
    frame: pl.DataFrame
    lines: np.ndarray
    notes: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()

    def where(self) -> list[str]:
        """What a person calls each row: file and line."""
        return [f"{self.name}:{line}" for line in self.lines.tolist()]


def distinct_names(names: list[str]) -> tuple[list[str], list[str]]:
    """Names of columns, each once and none empty, and what was done about those that were not.

    >>> distinct_names(["a", "", "a"])
    (['a', 'column 2', 'a (2)'], ['column 2 has no name: called `column 2`', 'the name `a` comes twice: the second is called `a (2)`'])
    """
    found: list[str] = []
    notes = []
    for place, given in enumerate(names, 1):
        name = given.strip()
        if not name:
            name = f"column {place}"
            notes.append(f"column {place} has no name: called `{name}`")
        plain, count = name, 1
        while name in found:
            count += 1
            name = f"{plain} ({count})"
        if count > 1:
            notes.append(f"the name `{plain}` comes twice: the second is called `{name}`")
        found.append(name)
    return found, notes
