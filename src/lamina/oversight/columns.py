"""The columns of a table as they lie in memory: what each holds, whether it names its rows, what it alone says of the target."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lamina.core.spec import Classes, Column, Numbers, Table, Vector
from lamina.oversight.rows import Rows

MOST_ROWS = 4000  # to grow trees on: a column that gives the answer away shows it on far fewer
FOLDS = 5
NAME_LIKE = 0.9  # share of different words from which a column of words names its rows
LEAST_ROWS = 20  # below, all values may differ by chance


@dataclass(frozen=True)
class Cells:
    """One column. values: (N,) float, NaN where missing; of a category its place in `categories`, from 1."""

    name: str
    kind: str
    values: np.ndarray
    categories: tuple[str, ...] = ()

    @property
    def missing(self) -> float:
        """The share of cells without a value."""
        return float(np.isnan(self.values).mean())

    @property
    def present(self) -> np.ndarray:
        """The values that are there."""
        found: np.ndarray = self.values[~np.isnan(self.values)]
        return found

    @property
    def distinct(self) -> int:
        """How many different values there are."""
        return len(np.unique(self.present))

    def is_constant(self) -> bool:
        """Whether it says the same in every row, or nothing."""
        return self.distinct <= 1

    def names_rows(self) -> bool:
        """Whether it is a running number or a name of its row: it tells rows apart, and nothing of the next row."""
        present, distinct = self.present, self.distinct
        if len(present) < LEAST_ROWS:
            return False
        if self.kind == "category":
            return distinct > NAME_LIKE * len(present)
        whole = bool((present == np.round(present)).all())
        return self.kind == "number" and whole and distinct == len(present) and present.max() - present.min() < 1.5 * distinct


def cells(rows: Rows) -> list[Cells]:
    """The input columns of rows of a `Vector` or a `Table`."""
    x = rows.inputs().reshape(len(rows), -1)
    return [_cells(column, x[:, i].astype(np.float64)) for i, column in enumerate(_described(rows.data.spec.input, x.shape[1]))]


def _cells(column: Column, values: np.ndarray) -> Cells:
    if column.kind == "category":
        values = np.where(values == 0, np.nan, values)
    return Cells(column.name, column.kind, values, column.categories)


def _described(spec: object, count: int) -> Sequence[Column]:
    if isinstance(spec, Table):
        return spec.columns
    names = spec.names if isinstance(spec, Vector) and spec.names else tuple(f"column {i}" for i in range(count))
    return [Column(name=name) for name in names]


def skill(column: Cells, rows: Rows) -> float:
    """How much of what a trivial model gets wrong a small tree on this column alone gets right, on rows held out: 0 to 1.

    For classes of the errors, for numbers of the squared error. A column of words is ordered by how often each was seen, so
    a word that names its row is of no help on rows held out.
    """
    from sklearn.model_selection import cross_val_predict
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    some = np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).astype(int)
    some = np.random.default_rng(0).permutation(np.unique(some))  # files may be sorted by the answer
    x, y = np.nan_to_num(column.values[some], nan=-1e30)[:, None], rows.y[some].reshape(len(some), -1)[:, 0]
    if isinstance(rows.data.spec.target, Classes):
        counts = np.bincount(y)
        tree = DecisionTreeClassifier(max_depth=6, min_samples_leaf=2, random_state=0)
        wrong, trivial = _wrong(cross_val_predict(tree, x, y, cv=_folds(len(y))), y), 1 - counts.max() / len(y)
        return 1 - wrong / trivial if trivial else 0.0
    tree = DecisionTreeRegressor(max_depth=10, min_samples_leaf=2, random_state=0)
    said = cross_val_predict(tree, x, y, cv=_folds(len(y)))
    return float(1 - np.square(said - y).mean() / max(y.var(), 1e-30))


def _wrong(said: np.ndarray, y: np.ndarray) -> float:
    return float((said != y).mean())


def _folds(rows: int) -> object:
    from sklearn.model_selection import KFold

    return KFold(min(FOLDS, rows))


def answers(rows: Rows) -> Cells:
    """The target as one more column, where it is one class or one number."""
    target = rows.data.spec.target
    values = rows.y.reshape(len(rows), -1)[:, 0].astype(np.float64)
    if isinstance(target, Classes):
        return Cells("", "category", values + 1, target.names)
    assert isinstance(target, Numbers), f"{target.kind} is no single column"
    return Cells(target.names[0], "number", values)
