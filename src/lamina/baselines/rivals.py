"""The rivals of a network by the kind of its input: one function a kind, all with the same promise.

A function takes the data and a judge, and gives the figures of the trivial, the linear and the strong classical rival
on the test split, in this order; what would take longer than the network is left out.
"""

from collections.abc import Callable
from typing import Any

from lamina.core.data import Data, Split
from lamina.core.registry import Registry
from lamina.core.task import Evaluation

Judge = Callable[[Any, Split], Evaluation]  # (rival that answers as a `Predictor`, split) -> figures

RIVALS = Registry("rivals", {
    "image": "lamina.baselines.tables:trivial_and_linear",
    "vector": "lamina.baselines.tables:trivial_and_linear",
    "table": "lamina.baselines.tables:trivial_and_linear",
    "text": "lamina.baselines.texts:of_texts",
})  # fmt: skip


def rivals(data: Data, judge: Judge) -> dict[str, Evaluation]:
    """Figures of the rivals on the test split, the strongest last."""
    found: dict[str, Evaluation] = RIVALS[data.spec.input.kind](data, judge)
    return found
