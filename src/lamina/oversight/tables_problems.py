"""What is wrong with a table: columns that say nothing or too much, gaps, values far out, the same row twice."""

from collections.abc import Sequence

import numpy as np

from lamina.oversight import shift
from lamina.oversight.columns import Cells, cells, skill
from lamina.oversight.problems import EXAMPLES, Problem, Severity
from lamina.oversight.rows import Rows
from lamina.oversight.same import same_rows

GIVES_AWAY = 0.98  # of a trivial model's errors that one column alone avoids
MANY_MISSING = 0.2
FAR = 10.0  # robust deviations from the median
FAR_IN_LOG = 6.0  # the same of logarithms, so that a column with a long tail is no alarm
STANDS_FOR_NOTHING = 0.005  # share of one far value from which it must be a code, as -999
MOST_COLUMNS = 300
ROWS_A_COLUMN = 5
LEFT_OUT, LEAVE_OUT = "Nothing: training leaves them out.", "Leave them out: `drop=COLUMN` for a table, or out of the file."


def problems(rows: Rows, survey: Sequence[Cells] = ()) -> list[Problem]:
    """What is found in rows of numbers or mixed columns; survey: all columns of the file, where the reader left some out."""
    columns = cells(rows)
    out = [column for column in survey if column.name not in {kept.name for kept in columns}]
    found = _empty(columns, False) + _named(columns, False) + _empty(out, True) + _named(out, True) + _gaps(columns)
    found += _leaks(columns[:MOST_COLUMNS], rows)
    return found + _far(columns, rows) + _few(columns, rows) + same_rows(rows, _is_fine(columns)) + _unlike(columns, rows)


def _empty(columns: Sequence[Cells], out: bool) -> list[Problem]:
    names = tuple(column.name for column in columns if column.is_constant())
    return _about(names, "columns that say nothing", "note", "The same value in every row, or none.", LEFT_OUT if out else LEAVE_OUT)


def _named(columns: Sequence[Cells], out: bool) -> list[Problem]:
    names = tuple(column.name for column in columns if column.names_rows())
    return _about(names, "columns that number or name the rows", "note" if out else "worth",
                  "Every row has a value of its own, so it tells nothing of a new row; a network may learn the rows by heart.",
                  LEFT_OUT if out else LEAVE_OUT)


def _gaps(columns: list[Cells]) -> list[Problem]:
    gaps = sorted((column for column in columns if column.missing > 0), key=lambda column: -column.missing)
    if not gaps:
        return []
    severity: Severity = "worth" if gaps[0].missing > MANY_MISSING else "note"
    return [Problem("missing values", severity, len(gaps), "Columns with empty cells. A gap is filled in training, and marked as one.",
                    "Nothing, if cells are missing by chance; if being missing means something, write what.",
                    tuple(f"{column.name}: {column.missing:.1%}" for column in gaps[:EXAMPLES]))]


def _leaks(columns: list[Cells], rows: Rows) -> list[Problem]:
    known = [(skill(column, rows), column) for column in columns if not column.is_constant() and not column.names_rows()]
    found = []
    for gained, column in known:
        if gained >= GIVES_AWAY:
            found.append(Problem(
                f"`{column.name}` gives the answer away", "serious", 1,
                f"A small tree on this column alone avoids {gained:.1%} of a trivial model's error on rows held out. It may have been "
                "written down after the answer was known, or be the answer in other words.",
                f"If it is not known when you want to predict, leave it out: `drop={column.name}`.", (column.name,)))
    return found


def _far(columns: list[Cells], rows: Rows) -> list[Problem]:
    found = []
    for column in columns:
        if column.kind != "number" or column.is_constant():
            continue
        far = _far_rows(column.values)
        values, counts = np.unique(column.values[far], return_counts=True)
        code = values[counts > max(2, STANDS_FOR_NOTHING * len(rows))]
        if len(code):
            found.append(Problem(f"`{column.name}` has a number that stands for something else", "worth", int(counts.max()),
                                 f"`{code[0]:g}` is far from all other values and comes again and again: it may stand for a gap.",
                                 "Empty those cells.", rows.names(np.flatnonzero(column.values == code[0]))))
        elif len(far):
            found.append(Problem(f"values far out in `{column.name}`", "note", len(far),
                                 f"Most lie near {np.median(column.present):g}; the farthest is {_farthest(column.values, far):g}.",
                                 "Check unit and decimal point of these rows.", rows.names(far)))
    return found


def _farthest(values: np.ndarray, far: np.ndarray) -> float:
    middle = np.nanmedian(values)
    return float(max(values[far], key=lambda value: abs(value - middle)))


def _far_rows(values: np.ndarray) -> np.ndarray:
    """Rows whose value is far from the median, also of logarithms where all values have one."""
    far = _deviations(values) > FAR
    positive = values[~np.isnan(values)] > 0
    if far.any() and positive.all():
        far &= _deviations(np.log(values)) > FAR_IN_LOG
    found: np.ndarray = np.flatnonzero(far)
    return found


def _deviations(values: np.ndarray) -> np.ndarray:
    """Distance from the median in robust standard deviations (Iglewicz & Hoaglin 1993); 0 where most values are equal."""
    distance = np.abs(values - np.nanmedian(values))
    scale = 1.4826 * np.nanmedian(distance)
    return np.nan_to_num(distance / scale) if scale > 0 else np.zeros(len(values))


def _few(columns: list[Cells], rows: Rows) -> list[Problem]:
    if rows.sizes[0] >= ROWS_A_COLUMN * len(columns):
        return []
    return [Problem("few rows for so many columns", "worth", rows.sizes[0],
                    f"{rows.sizes[0]} rows to train on and {len(columns)} columns: chance alone makes some columns look useful.",
                    "Add rows, or leave out columns that cannot matter. Trust intervals, not figures.")]


def _is_fine(columns: list[Cells]) -> bool:
    """Whether rows hold enough that two of them are not equal by chance: a column of which most values differ."""
    return any(column.kind == "number" and column.distinct > len(column.present) / 2 for column in columns)


def _unlike(columns: list[Cells], rows: Rows) -> list[Problem]:
    area, low = shift.told_apart(np.stack([column.values for column in columns], 1), rows.part)
    return [unlike(area)] if low > shift.MARGIN else []


def unlike(area: float) -> Problem:
    """The test is unlike the rows trained on."""
    return Problem("the test is unlike the rows trained on", "worth", 1,
                   f"A small model tells them apart ({area:.2f}, where 0.5 is guessing and 1 is always): figures on the test say how "
                   "the network does on other data than it learned from.",
                   "If new data will look like the test, say so in the split (`--time`, `--group`); if not, cut the parts anew.")


def _about(names: tuple[str, ...], name: str, severity: Severity, means: str, do: str) -> list[Problem]:
    return [Problem(name, severity, len(names), means, do, names[:EXAMPLES])] if names else []


