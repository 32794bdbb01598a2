"""CIDEr-D: Vedantam, Zitnick & Parikh 2015, how near a caption is to what several people said of the picture, rare words counting more.

Runs of one to four words, weighed by how few pictures' captions have them; the cosine of the caption with each of those people's, clipped
so that a word said twice counts no more than they say it, and lessened where lengths differ (section 5.1). Words are small letters
without marks; the published program cuts texts by Penn Treebank's rules, from which this differs in rare cases such as `don't`.

    n  words of a run    c  a caption    S  what people said of its picture
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

LONGEST, SIGMA, SCALE = 4, 6.0, 10.0  # words of a run; of the Gaussian of lengths; so that figures are from 0 to 10
WORD = re.compile(r"\w+(?:['-]\w+)*")
Runs = Counter[tuple[str, ...]]


def cider(said: Sequence[str], wanted: Sequence[Sequence[str]]) -> list[float]:
    """The figure of each caption `said` against all that are `wanted` of its picture, 0 to 10.

    >>> cider(["a red bus", "two dogs"], [["a red bus"], ["two cats"]])[0] > cider(["a bus", "two dogs"], [["a red bus"], ["two cats"]])[0]
    True
    """
    runs = [[_runs(text) for text in texts] for texts in wanted]
    often = Counter(run for texts in runs for run in set().union(*texts))
    weight = {run: math.log(len(wanted)) - math.log(count) for run, count in often.items()}
    rare = math.log(max(1, len(wanted)))
    return [sum(_near(_runs(text), one, weight, rare) for one in texts) / len(texts) for text, texts in zip(said, runs, strict=True)]


def _runs(text: str) -> Runs:
    words = WORD.findall(text.lower())
    return Counter(tuple(words[i : i + n]) for n in range(1, LONGEST + 1) for i in range(len(words) - n + 1))


def _near(said: Runs, wanted: Runs, weight: dict[tuple[str, ...], float], rare: float) -> float:
    """Eq. (3) and section 5.1, the mean over n."""
    longer = sum(said[run] for run in said if len(run) == 1) - sum(wanted[run] for run in wanted if len(run) == 1)
    total = 0.0
    for n in range(1, LONGEST + 1):
        mine, theirs = ({run: count * weight.get(run, rare) for run, count in runs.items() if len(run) == n} for runs in (said, wanted))
        norms = math.hypot(*mine.values()) * math.hypot(*theirs.values())
        if norms > 0:
            total += sum(min(value, theirs[run]) * theirs[run] for run, value in mine.items() if run in theirs) / norms
    return SCALE * total / LONGEST * math.exp(-(longer**2) / (2 * SIGMA**2))
