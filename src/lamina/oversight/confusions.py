"""The confusion matrix with the rows behind each cell: a click on a count opens them, and no script is needed.

    true classes down, what was said across
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from lamina.core.data import Split
from lamina.core.spec import Image, Input
from lamina.oversight.page import Html, gallery, join, section, table, tag
from lamina.oversight.shown import drawn, name_of

MOST_CLASSES = 20  # of a whole matrix; of more classes the confusions alone are listed
A_CELL, IN_ALL = 12, 240  # rows that are shown: a page must stay small


@dataclass(frozen=True)
class Answers:
    """What was said of the rows of a split: `p` (N, K) probabilities, `y` (N,) true classes."""

    kind: Input
    names: Sequence[str]
    split: Split
    p: torch.Tensor
    y: torch.Tensor


def confusions(found: Answers) -> Html:
    """The section: matrix, then a fold for each cell, the largest confusions first."""
    k = len(found.names)
    counts = torch.bincount(found.y * k + found.p.argmax(1), minlength=k * k).view(k, k)
    cells = [(i, j) for i in range(k) for j in range(k) if counts[i, j]]
    cells.sort(key=lambda c: (c[0] == c[1], -int(counts[c])))
    folds: dict[bool, list[Html]] = {False: [], True: []}
    left = IN_ALL
    for i, j in cells:
        fold, used = _fold(found, i, j, min(left, A_CELL))
        folds[i == j].append(fold)
        left -= used
    matrix = _matrix(found.names, counts) if k <= MOST_CLASSES else ""
    right = tag("details", tag("summary", "right answers"), *folds[True]) if folds[True] else ""
    errors = int(counts.sum() - counts.trace())
    said = f"{errors} of {int(counts.sum())} test rows were answered wrongly. A count leads to the rows behind it."
    return section("What was taken for what", tag("p", said), matrix, *folds[False], right)


def _matrix(names: Sequence[str], counts: torch.Tensor) -> Html:
    rows = [[tag("b", name), *(_cell(counts, i, j) for j in range(len(names)))] for i, name in enumerate(names)]
    return join(table(["true \\ said", *names], rows))


def _cell(counts: torch.Tensor, i: int, j: int) -> Html:
    count = int(counts[i, j])
    if not count:
        return tag("span", "·", kind="quiet")
    colour = "var(--blue)" if i == j else "var(--orange)"
    share = round(15 + 40 * count / max(int(counts[i].sum()), 1))  # of the colour: what is written on it stays readable
    ground = f"background:color-mix(in srgb, {colour} {share}%, var(--paper))"
    return Html(f'<a class="cell" href="#said-{i}-{j}" style="{ground}">{count}</a>')


def _fold(found: Answers, i: int, j: int, most: int) -> tuple[Html, int]:
    """The rows of one cell, the surest first, folded up; and how many are shown."""
    said = found.p.argmax(1)
    rows = ((found.y == i) & (said == j)).nonzero().flatten()
    rows = rows[found.p[rows, j].argsort(descending=True, stable=True)]
    names = found.names
    title = f"{names[i]}, rightly" if i == j else f"{names[i]} taken for {names[j]}"
    x = found.split.batch(rows[:most])["x"]
    pieces = [drawn(found.kind, one, f"{name_of(found.split, row)} ({100 * p:.0f} %)")
              for one, row, p in zip(x, rows.tolist(), found.p[rows[:most], j].tolist(), strict=False)]
    more = tag("p", f"and {len(rows) - most} more", kind="quiet") if len(rows) > most else ""
    inside = gallery(pieces) if isinstance(found.kind, Image) else join(*pieces)
    place = Html(f'<div id="said-{i}-{j}">{join(inside, more)}</div>')  # a link opens the fold around what it leads to
    return tag("details", tag("summary", f"{title}: {len(rows)}"), place), len(pieces)
