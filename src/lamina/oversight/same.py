"""Rows of equal inputs: the same twice, the same in training and in the test (a leak), the same with two answers."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from lamina.core.spec import Classes
from lamina.oversight.problems import Problem, Severity
from lamina.oversight.rows import Rows

SOME = 0.01  # share of rows from which the same twice is more than a note
GROUPS_SHOWN = 12
IDENTICAL, NEARLY = "identical", "nearly identical"


def same_rows(rows: Rows, unlikely: bool, what: str = "rows") -> list[Problem]:
    """Problems of rows whose inputs are equal. unlikely: by chance no two would be; else equal rows are natural, and a note."""
    return of_groups(rows, equal(rows), unlikely, what)


def equal(rows: Rows) -> list[np.ndarray]:
    """Groups of two and more rows whose inputs are equal byte by byte, told by their hashes."""
    places: dict[bytes, list[int]] = {}
    for row, one in enumerate(one for x in rows.batches() for one in x.numpy()):
        places.setdefault(hashlib.blake2b(one.tobytes(), digest_size=16).digest(), []).append(row)
    return [np.asarray(members) for members in places.values() if len(members) > 1]


def of_groups(rows: Rows, groups: list[np.ndarray], unlikely: bool, what: str, how: str = IDENTICAL) -> list[Problem]:
    """What groups of equal rows mean, the worst kind first: leaks, contradictions, repetitions."""
    leaks = [group for group in groups if (rows.part[group] == 2).any() and (rows.part[group] != 2).any()]
    torn = [group for group in groups if _contradicts(rows, group)]
    taken = {id(group) for group in [*leaks, *torn]}
    rest = [group for group in groups if id(group) not in taken]
    in_test = sum(int((rows.part[group] == 2).sum()) for group in leaks)
    extra = sum(len(group) - 1 for group in rest)
    sure: Severity = "serious" if how == IDENTICAL else "worth"  # nearly the same may also be two shots of one thing
    leaky: Severity = "serious" if in_test > SOME * max(rows.sizes[2], 1) else sure
    found = [
        (leaks, Problem(f"{how} {what} in training and in the test", leaky if unlikely else "note", in_test,
                        f"{in_test} of {rows.sizes[2]} {what} of the test were seen in training: the figures on the test are too good.",
                        "Keep one of each, or keep them in one part: `--group COLUMN`, or folders of your own.")),
        (torn, Problem(f"{how} {what} with different answers", sure if unlikely else "note", sum(map(len, torn)),
                       "No model can be right about all of them: some answers are wrong, or something that matters is not in the data.",
                       "Look at them and correct the answers.")),
        (rest, Problem(f"{how} {what}", "worth" if unlikely and extra > SOME * len(rows) else "note", extra,
                       "They count more than others, and tell nothing new.", "Remove them if they came in by mistake.")),
    ]  # fmt: skip
    return [_shown(rows, those, problem) for those, problem in found if those]


def _shown(rows: Rows, groups: list[np.ndarray], problem: Problem) -> Problem:
    shown = tuple(tuple(int(i) for i in group[:4]) for group in groups[:GROUPS_SHOWN])
    return replace(problem, where=tuple(" = ".join(_named(rows, group)) for group in shown), shown=shown)


def _named(rows: Rows, group: Iterable[int]) -> list[str]:
    return [f"{rows.name(i)} ({rows.answer(i)})" for i in group]


def _contradicts(rows: Rows, group: np.ndarray) -> bool:
    return isinstance(rows.data.spec.target, Classes) and len(np.unique(rows.y[group])) > 1
