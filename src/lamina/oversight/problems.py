"""What is wrong with the data, found before a network is trained on them: rules that hold for every kind of data.

A problem is said with what it means and what to do. Three degrees: `serious` makes figures untrue or training hopeless,
`worth` costs accuracy and is worth an hour, `note` is good to know. Clean data have no problem above a note.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from lamina.core.data import Account
from lamina.core.spec import Classes, Image, Table, Text, Vector
from lamina.oversight.columns import Cells
from lamina.oversight.rows import PARTS, Rows

Severity = Literal["serious", "worth", "note"]
DEGREES: tuple[Severity, ...] = ("serious", "worth", "note")
UNEVEN = 10  # times as many rows in the largest class as in the smallest
FEW_OF_A_CLASS = 10  # rows to learn a class from
REFUSED_STOPS, REFUSED_IS_WORTH = 0.05, 0.01
EXAMPLES = 12


@dataclass(frozen=True)
class Problem:
    """One problem. `where`: examples by name; `shown`: the same as row numbers, rows that belong together in one tuple."""

    name: str
    severity: Severity
    count: int
    means: str
    do: str
    where: tuple[str, ...] = ()
    shown: tuple[tuple[int, ...], ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """As plain values; `shown` serves the page alone."""
        found = asdict(self) | {"where": list(self.where)}
        del found["shown"]
        return found


def degree(those: np.ndarray, total: int, many: float) -> Severity:
    """More than a note where it concerns more than the share `many` of all."""
    return "worth" if len(those) > many * total else "note"


def about(rows: Rows, those: np.ndarray, severity: Severity, name: str, means: str, do: str) -> list[Problem]:
    """A problem of these rows, one entry for each thing that is wrong; none where there are none."""
    if not len(those):
        return []
    shown: Sequence[int] = list(dict.fromkeys(int(row) for row in those))[:EXAMPLES]
    return [Problem(name, severity, len(those), means, do, rows.names(shown), tuple((row,) for row in shown))]


def problems(rows: Rows, survey: Sequence[Cells] = ()) -> list[Problem]:
    """Everything that is found wrong, the worst first. No network is trained. survey: all columns of a table's file."""
    from lamina.oversight import photos_problems, scenes_problems, tables_problems, texts_problems

    kind = rows.data.spec.input
    found = of_account(rows.data.account) + of_classes(rows)
    if isinstance(kind, Image):
        found += photos_problems.problems(rows) + scenes_problems.problems(rows)
    elif isinstance(kind, Table | Vector):
        found += tables_problems.problems(rows, survey)
    elif isinstance(kind, Text):
        found += texts_problems.problems(rows)
    return ranked(found)


def ranked(found: Sequence[Problem]) -> list[Problem]:
    """The worst first; within a degree what concerns most rows."""
    return sorted(found, key=lambda problem: (DEGREES.index(problem.severity), -problem.count))


def of_account(account: Account) -> list[Problem]:
    """Files or rows that could not be used: one problem a reason."""
    severity: Severity = "serious" if account.share() > REFUSED_STOPS else "worth" if account.share() > REFUSED_IS_WORTH else "note"
    found = []
    for reason, count in account.reasons().items():
        these = [refusal for refusal in account.refused if refusal.reason == reason]
        repair = these[0].repair or "Repair or remove them."
        if severity == "serious":
            repair += f" Until then training stops; to go on without them: `--allow-refused {min(1.0, account.share() + 0.01):.2f}`."
        found.append(Problem(f"refused: {reason}", severity, count, f"{account.share():.1%} of all are left out, of every reason.",
                             repair, tuple(refusal.where for refusal in these[:EXAMPLES])))
    return found


def of_classes(rows: Rows) -> list[Problem]:
    """Classes with too few rows, and classes of very different size."""
    target = rows.data.spec.target
    if not isinstance(target, Classes):
        return []
    counts = np.bincount(rows.y[rows.part == 0], minlength=target.size)
    seen = np.stack([np.bincount(rows.y[rows.part == part], minlength=target.size) for part in range(len(PARTS))])
    return few(counts, target.names) + uneven(counts, target.names) + unseen(seen, target.names)


def few(counts: np.ndarray, names: Sequence[str], what: str = "rows") -> list[Problem]:
    """Classes of which there is too little to learn them, by what there is of each to train on."""
    these = [i for i in np.argsort(counts, kind="stable").tolist() if counts[i] < FEW_OF_A_CLASS]
    if not these:
        return []
    severity: Severity = "serious" if counts[these[0]] < 2 else "worth"
    return [Problem("classes with few examples", severity, len(these),
                    f"Fewer than {FEW_OF_A_CLASS} {what} to train on: what is learned of such a class, and every figure of it, is chance.",
                    "Add examples, join similar classes, or leave the class out.",
                    tuple(f"{names[i]}: {counts[i]}" for i in these[:EXAMPLES]))]


def uneven(counts: np.ndarray, names: Sequence[str], what: str = "rows") -> list[Problem]:
    """Classes of very different size."""
    least, most = int(counts.argmin()), int(counts.argmax())
    if counts[most] < UNEVEN * max(counts[least], 1):
        return []
    means = (f"`{names[most]}` has {counts[most]} {what} to train on, `{names[least]}` {counts[least]}. "
             f"Always saying `{names[most]}` is right in {counts[most] / counts.sum():.1%}, so accuracy alone says little.")
    return [Problem("classes of very different size", "worth", int((counts < counts[most] / UNEVEN).sum()), means,
                    "Look at the figures of each class beside the accuracy; add examples of the small ones.",
                    (f"{names[most]}: {counts[most]}", f"{names[least]}: {counts[least]}"))]


def unseen(seen: np.ndarray, names: Sequence[str], what: str = "row") -> list[Problem]:
    """Classes that training or the test never sees. seen: (parts, K), what each part has of them."""
    found = []
    parts: tuple[tuple[int, Severity], ...] = ((0, "serious"), (2, "worth"))
    for part, severity in parts:
        missing = np.flatnonzero(seen[part] == 0).tolist()
        if missing and seen[part].any():
            found.append(Problem(f"classes without a {what} in `{PARTS[part]}`", severity, len(missing),
                                 "What is not there cannot be learned." if part == 0 else "How well they are known is not measured.",
                                 "Add examples, or cut the parts anew.", tuple(names[i] for i in missing[:EXAMPLES])))
    return found
