"""Which questions data can answer: each with the command that trains it, and what a model that looks at nothing would score.

The same column can be asked in two ways: how many degrees will it be, a number; or will it be hot or cold, ordered classes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from shlex import quote
from typing import Any

import numpy as np

from lamina.core.data import Data
from lamina.core.spec import Boxes, Classes, Image, Labels, Mask, Table, Vector
from lamina.oversight.columns import Cells, answers, cells
from lamina.oversight.rows import Rows
from lamina.oversight.scenes_measures import boxes_of, shares_of

LIKE_A_TARGET = (
    "target", "label", "labels", "class", "y", "outcome", "answer", "price", "species", "diagnosis", "survived", "response", "quality",
    "score", "rating", "churn", "default", "sentiment", "category", "grade", "income", "salary", "sales", "cost",
)  # fmt: skip
MOST_CLASSES, FEW_NUMBERS, CUTS = 50, 20, 3
LEAST_OF_A_CLASS = 2
MOSTLY_MISSING = 0.5


@dataclass(frozen=True)
class Question:
    """A question that the data can answer. `figure` and `value`: what the trivial model scores; `trivial`: the same in words."""

    asks: str
    task: str
    target: str
    command: str
    trivial: str
    figure: str = ""
    value: float | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def questions(rows: Rows, data: Data, word: str, others: Sequence[Cells] = ()) -> list[Question]:
    """Every sensible question, the most likely first. word: DATA as the user wrote it; others: columns that can be asked for in place of
    the target, where the reader takes `--target`."""
    target = data.spec.target
    if others:
        return [question for column in ranked(others) for question in of_column(column, word)]
    found = [_classes(rows, word)] if isinstance(target, Classes) else []
    if isinstance(target, Labels):
        found = [_labels(rows, target, word)]
    if isinstance(target, Boxes | Mask):
        found = [_scenes(rows, target, word)]
    if not found:
        found = [_amount(answers(rows), f"lamina train {quote(word)}")]
    return found + ([_generate(word)] if isinstance(data.spec.input, Image) else [])


def columns_of(rows: Rows) -> list[Cells]:
    """The inputs of a table and its target, as columns any of which could be asked for."""
    own = answers(rows)
    if not own.name:
        own = Cells("target", own.kind, own.values, own.categories)
    return [*cells(rows), own] if isinstance(rows.data.spec.input, Table | Vector) else [own]


def ranked(columns: Sequence[Cells]) -> list[Cells]:
    """Columns that make sense as a target: named like one, then the last, then categories, then numbers."""
    last = columns[-1].name if columns else ""
    sensible = [column for column in columns if _is_sensible(column)]
    return sorted(sensible, key=lambda c: (c.name.lower() not in LIKE_A_TARGET, c.name != last, c.kind != "category"))


def _is_sensible(column: Cells) -> bool:
    if column.kind not in ("number", "category") or column.is_constant() or column.names_rows() or column.missing > MOSTLY_MISSING:
        return False
    if column.kind == "number":
        return True
    counts = np.unique(column.present, return_counts=True)[1]
    return len(counts) <= MOST_CLASSES and int(np.sort(counts)[-2]) >= LEAST_OF_A_CLASS


def of_column(column: Cells, word: str) -> list[Question]:
    """A category is asked as classes; a number as a number, and as ordered classes: how many degrees, hot or cold."""
    command = f"lamina train {quote(word)} --target {quote(column.name)}"
    if column.kind == "category":
        return [_which(column, command)]
    if is_few(column):
        return [_which(column, command), _amount(column, command + " question=number")]
    return [_amount(column, command), _ordered(column, command + " question=ordered_classes")]


def is_few(column: Cells) -> bool:
    """Whether numbers are so few and whole that the reader takes them for classes."""
    whole = bool((column.present == np.round(column.present)).all())
    return column.kind == "number" and whole and column.distinct <= FEW_NUMBERS


def _which(column: Cells, command: str) -> Question:
    values, counts = np.unique(column.present, return_counts=True)
    most = values[counts.argmax()]
    name = column.categories[int(most) - 1] if column.categories else f"{most:g}"
    share = float(counts.max() / counts.sum())
    return Question(f"Which `{column.name}` is it? {len(values)} classes", "classify", column.name, command,
                    f"always `{name}`: {share:.1%} right", "accuracy", share)


def _amount(column: Cells, command: str) -> Question:
    spread = float(column.present.std())
    asks = f"How much is `{column.name}`? A number from {column.present.min():g} to {column.present.max():g}"
    return Question(asks, "regress", column.name, command,
                    f"always the mean, {column.present.mean():.4g}: off by {spread:.4g} (rmse)", "rmse", spread)


def _ordered(column: Cells, command: str) -> Question:
    """The same number cut into classes of about equally many rows, by the reader's rule."""
    edges = np.unique(np.quantile(column.present, np.linspace(0, 1, CUTS + 1)[1:-1]))
    counts = np.bincount(np.searchsorted(edges, column.present, side="right"))
    share = float(counts.max() / counts.sum())
    words = " or ".join(["low", "middle", "high"] if len(counts) == CUTS else ["low", "high"])
    asks = f"Is `{column.name}` {words}? The number cut at {' and '.join(f'{edge:.4g}' for edge in edges)}"
    return Question(asks, "classify", column.name, command,
                    f"always the largest class: {share:.1%} right", "accuracy", share)


def _classes(rows: Rows, word: str) -> Question:
    own = answers(rows)
    counts = np.bincount(rows.y)
    what = {"image": "picture", "text": "text"}.get(rows.data.spec.input.kind, "row")
    share = float(counts.max() / counts.sum())
    names = ", ".join(own.categories[:4]) + (" ..." if len(own.categories) > 4 else "")
    return Question(f"Which class is a {what}? {len(own.categories)} classes: {names}", "classify", "", f"lamina train {quote(word)}",
                    f"always `{own.categories[int(counts.argmax())]}`: {share:.1%} right", "accuracy", share)


def _labels(rows: Rows, target: Labels, word: str) -> Question:
    often = (rows.y.mean(0) > 0.5).astype(rows.y.dtype)
    share = float((rows.y == often).all(1).mean())
    return Question(f"Which of {target.size} labels hold?", "classify", "", f"lamina train {quote(word)}",
                    f"always the labels that hold mostly: every label right in {share:.1%}", "accuracy", share)


def _scenes(rows: Rows, target: Boxes | Mask, word: str) -> Question:
    """What is where: as boxes, or as a class for every pixel."""
    names = ", ".join(target.names[:4]) + (" ..." if target.size > 4 else "")
    if isinstance(target, Boxes):
        boxes = boxes_of(rows)
        counts = np.bincount(boxes.classes, minlength=target.size)
        trivial = (f"{len(boxes.classes) / len(rows):.3g} boxes a picture, always `{target.names[int(counts.argmax())]}`: "
                   f"{counts.max() / counts.sum():.1%} of the classes right, and no place")
        return Question(f"What is where in a picture? Boxes of {target.size} classes: {names}", "detect", "", f"lamina train {quote(word)}",
                        trivial)
    shares = shares_of(rows)[:, : target.size].mean(0)
    share = float(shares.max() / shares.sum())
    return Question(f"Which class is each pixel? {target.size} classes: {names}", "segment", "", f"lamina train {quote(word)}",
                    f"always `{target.names[int(shares.argmax())]}`: {share:.1%} of the pixels right", "accuracy", share)


def _generate(word: str) -> Question:
    return Question("What could be another one? New pictures in the manner of these", "generate", "",
                    f"lamina train {quote(word)} --task generate", "no trivial model; `train` compares with principal components")
