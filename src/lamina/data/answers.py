"""The target of a table: which column it is, which question it asks, and the answer of every row."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import polars as pl
import torch

from lamina.core.errors import DataError, quoted, unknown
from lamina.core.spec import Classes, Labels, Numbers, Target
from lamina.data import cells as reading
from lamina.data.columns import FEW_WORDS, MOST_WORDS, PLAIN

Question = Literal["auto", "classes", "number", "ordered_classes"]
NAMES = ("target", "label", "labels", "class", "y", "outcome", "answer", "price", "species", "diagnosis", "survived", "response", "quality")
BELOW, ABOVE, BETWEEN = "below ", " or more", " to "


@dataclass(frozen=True)
class Answers:
    """`target` of the spec, `y` (N,) int64 or (N, 1) float32, which rows have one, and why the others have none."""

    target: Classes | Numbers
    y: torch.Tensor
    known: np.ndarray
    line: str
    reason: str = "its target is missing"


def target_name(columns: list[str], asked: str) -> tuple[str, str]:
    """The column to predict, and how it was chosen.

    >>> target_name(["rooms", "Price", "town"], "")
    ('Price', 'by its name')
    """
    if asked:
        if asked not in columns:
            raise unknown("column", asked, columns)
        return asked, "as asked"
    named = [column for wanted in NAMES for column in columns if column.lower() == wanted]
    return (named[0], "by its name") if named else (columns[-1], "as the last column")


def answers(name: str, cells: pl.Series, question: Question, cuts: int) -> Answers:
    """What the cleaned cells (N,) of the target column ask, and answer. Raises DataError for one answer only or too many classes."""
    present = cells.drop_nulls()
    if not len(present):
        raise DataError("answers in the target column", f"nothing in `{name}`", "Name another column: `--target COLUMN`.")
    numbers = reading.numbers(cells)
    numeric = numbers.count() >= PLAIN * len(present)
    few = numeric and numbers.n_unique() <= FEW_WORDS + 1 and bool((numbers == numbers.round()).all())
    if question in ("number", "ordered_classes") and not numeric:
        raise DataError(f"numbers in `{name}` for `question={question}`", f"words, as `{present[0]}`", "Leave `question` out.")
    if question == "classes" or (question == "auto" and (few or not numeric)):
        return _classes(name, cells if not (few and numeric) else _whole(numbers))
    return _amounts(name, numbers) if question != "ordered_classes" else _ordered(name, numbers, cuts)


def _whole(numbers: pl.Series) -> pl.Series:
    """Whole numbers in one spelling, so that 1.0 and 1 are one class."""
    return numbers.cast(pl.Int64).cast(pl.String)


def _classes(name: str, cells: pl.Series) -> Answers:
    counts = cells.drop_nulls().value_counts(sort=True)
    words = counts[cells.name].to_list()
    if len(words) < 2:
        raise DataError(f"at least two classes in `{name}`", f"one class, `{words[0]}`, in every row", "Add rows of another class.")
    rows = int(counts["count"].sum())
    if len(words) > MOST_WORDS or (len(words) > FEW_WORDS and len(words) > rows / 2):
        raise DataError(f"at most {MOST_WORDS} classes in `{name}`, of two rows or more each",
                        f"{len(words)} different words in {rows} rows", "Name another column: `--target COLUMN`.")
    names = sorted(words, key=_natural)
    y, known = _indices(cells, names)
    rare = int((counts["count"] < 5).sum())
    line = f"`{name}`: what is to be predicted, {len(names)} classes" + (f", {rare} of them in fewer than 5 rows" if rare else "")
    return Answers(Classes(names=tuple(names)), y, known, line)


def _indices(cells: pl.Series, names: Sequence[str]) -> tuple[torch.Tensor, np.ndarray]:
    """The place of each word in `names`, -1 where it is missing, and where it is not."""
    places = {word: place for place, word in enumerate(names)}
    y = cells.replace_strict(places, default=-1, return_dtype=pl.Int64).fill_null(-1).to_numpy().copy()
    return torch.from_numpy(y), y >= 0


def _natural(word: str) -> tuple[int, float, str]:
    """Numbers by their size, before words."""
    return (0, float(word), "") if word.lstrip("-").isdecimal() else (1, 0.0, word)


def _amounts(name: str, numbers: pl.Series) -> Answers:
    values = numbers.cast(pl.Float64).fill_null(np.nan).to_numpy()
    known = ~np.isnan(values)
    if len(np.unique(values[known])) < 2:
        raise DataError(f"different numbers in `{name}`", f"`{values[known][0]:g}` in every row", "Name another column: `--target COLUMN`.")
    line = f"`{name}`: what is to be predicted, a number from {values[known].min():g} to {values[known].max():g}"
    y = torch.from_numpy(values.astype(np.float32))[:, None]
    return Answers(Numbers(names=(name,)), y, known, line, "its target is missing or no number")


def _ordered(name: str, numbers: pl.Series, cuts: int) -> Answers:
    """A number as classes of about equally many rows: `below 10`, `10 to 20`, `20 or more`."""
    values = numbers.cast(pl.Float64).fill_null(np.nan).to_numpy()
    known = ~np.isnan(values)
    edges = np.unique([float(f"{edge:.4g}") for edge in np.quantile(values[known], np.linspace(0, 1, cuts + 1)[1:-1])])
    edges = edges[(edges > values[known].min()) & (edges <= values[known].max())]
    if not len(edges):
        raise DataError(f"numbers in `{name}` that can be cut into classes", "nearly the same number in every row",
                        "Ask `question=number`.")
    words = [f"{edge:g}" for edge in edges]
    names = [BELOW + words[0], *(a + BETWEEN + b for a, b in pairwise(words)), words[-1] + ABOVE]
    y = torch.from_numpy(np.where(known, np.searchsorted(edges, values, side="right"), -1))
    line = f"`{name}`: what is to be predicted, cut into {len(names)} classes: {quoted(names)}"
    return Answers(Classes(names=tuple(names)), y, known, line, "its target is missing or no number")


def known_answers(target: Target, name: str, cells: pl.Series) -> tuple[torch.Tensor, np.ndarray]:
    """The answers of other rows in the terms of a learned target, and which rows have one; DataError for other classes."""
    if isinstance(target, Numbers):
        values = reading.numbers(cells).cast(pl.Float64).fill_null(np.nan).to_numpy()
        return torch.from_numpy(values.astype(np.float32))[:, None], ~np.isnan(values)
    assert isinstance(target, Classes | Labels), "tables answer classes and numbers"
    numbers = reading.numbers(cells)
    if target.names[0].startswith(BELOW) and target.names[-1].endswith(ABOVE):
        edges = [float(n.split(BETWEEN)[0].removesuffix(ABOVE)) for n in target.names[1:]]
        values = numbers.cast(pl.Float64).fill_null(np.nan).to_numpy()
        return torch.from_numpy(np.searchsorted(edges, values, side="right")), ~np.isnan(values)
    if all(word.lstrip("-").isdecimal() for word in target.names) and numbers.count() == cells.count():
        cells = _whole(numbers)
    strange = cells.filter(cells.is_not_null() & ~cells.is_in(target.names)).unique().sort().to_list()
    if strange:
        raise DataError(f"the classes {quoted(target.names)} in `{name}`", quoted(strange), "Train a new model for other classes.")
    return _indices(cells, target.names)
