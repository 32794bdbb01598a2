"""The rivals of a network by the kind of its input: one function a kind, all with the same promise.

A function takes the data and a judge, and gives the figures of the trivial, the linear and the strong classical rival
on the test split, in this order; what would take longer than the network is left out.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lamina.core.data import Data, Split
from lamina.core.registry import Registry
from lamina.core.task import Evaluation

Judge = Callable[[Any, Split], Evaluation]  # (rival that answers as a `Predictor`, split) -> figures

RIVALS = Registry("rivals", {
    "image": "lamina.baselines.photos:of_pictures",
    "vector": "lamina.baselines.boosting:of_tables",
    "table": "lamina.baselines.boosting:of_tables",
    "series": "lamina.baselines.series:of_series",
    "text": "lamina.baselines.texts:of_texts",
})  # fmt: skip


def judged(learn: Mapping[str, Callable[[], Any]], judge: Judge, test: Split) -> dict[str, Evaluation]:
    """The figures of rivals that are each learned by a function, with the seconds it took to learn and to answer."""
    found = {}
    for name, one in learn.items():
        start = time.perf_counter()
        figures = judge(one(), test)
        found[name] = replace(figures, seconds=time.perf_counter() - start)
    return found


def rivals(data: Data, judge: Judge) -> dict[str, Evaluation]:
    """Figures of the rivals on the test split, the strongest last."""
    found: dict[str, Evaluation] = RIVALS[data.spec.input.kind](data, judge)
    return found
