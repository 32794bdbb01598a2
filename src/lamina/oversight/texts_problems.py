"""What is wrong with texts: the same text twice, empty ones, very long ones, words that training never saw."""

import numpy as np

from lamina.core.spec import FILL, UNKNOWN, Text
from lamina.oversight.problems import Problem, Severity
from lamina.oversight.rows import Rows
from lamina.oversight.same import of_groups

SHORT_IS_NATURAL = 3  # words: that two texts of so few are equal says nothing
MANY_STRANGE = 0.2  # share of a part's words that training does not know
MANY = 0.05


def problems(rows: Rows) -> list[Problem]:
    """What is found in texts."""
    kind = rows.data.spec.input
    assert isinstance(kind, Text), "texts are words"
    ids = [row[row != FILL] for x in rows.batches() for row in x.numpy()]
    lengths = np.asarray([len(one) for one in ids])
    groups = [group for group in _equal(ids) if lengths[group[0]] > SHORT_IS_NATURAL]
    return of_groups(rows, groups, unlikely=True, what="texts") + _lengths(rows, lengths, kind.length) + _strange(rows, ids)


def _equal(ids: list[np.ndarray]) -> list[np.ndarray]:
    """Groups of texts of the same words in the same order; a word that is not known is like no other."""
    places: dict[bytes, list[int]] = {}
    for row, one in enumerate(ids):
        if (one != UNKNOWN).all():
            places.setdefault(one.tobytes(), []).append(row)
    return [np.asarray(group) for group in places.values() if len(group) > 1]


def _lengths(rows: Rows, lengths: np.ndarray, most: int) -> list[Problem]:
    empty, cut = np.flatnonzero(lengths == 0), np.flatnonzero(lengths >= most)
    return [
        *_about(rows, empty, "texts without a word", "Nothing can be learned from them.", "Remove them."),
        *_about(rows, cut, "texts that are cut", f"Only their first {most} words are read; half of all texts have {np.median(lengths):g}.",
                f"Read more of them: `data.length={2 * most}`, or let it be if what matters stands at the beginning."),
    ]


def _about(rows: Rows, those: np.ndarray, name: str, means: str, do: str) -> list[Problem]:
    severity: Severity = "worth" if len(those) > MANY * len(rows) else "note"
    return [Problem(name, severity, len(those), means, do, rows.names(those))] if len(those) else []


def _strange(rows: Rows, ids: list[np.ndarray]) -> list[Problem]:
    """A test whose words training does not know is another kind of text."""
    shares = np.asarray([(one == UNKNOWN).mean() if len(one) else 0.0 for one in ids])
    train, test = (float(shares[rows.part == part].mean()) if rows.sizes[part] else 0.0 for part in (0, 2))
    if test - train < MANY_STRANGE:
        return []
    worst = np.argsort(-shares * (rows.part == 2), kind="stable")[:12]
    means = f"{test:.0%} of the test's words were not seen in training ({train:.0%} there)."
    return [Problem("a test of other words", "worth", rows.sizes[2], means,
                    "Train on texts like those you want answers for.", rows.names(worst))]
