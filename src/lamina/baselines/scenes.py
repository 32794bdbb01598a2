"""The rivals of networks that find objects or answer for every pixel, the strongest last: figures on the test split."""

from lamina.baselines import pixels, windows
from lamina.baselines.rivals import Judge, judged
from lamina.core.data import Data
from lamina.core.task import Evaluation


def of_masks(data: Data, judge: Judge) -> dict[str, Evaluation]:
    """`most frequent` class everywhere, the most frequent `by place`, and `colour and place`: boosting on single pixels."""
    train, classes = data.train, data.spec.target.size
    return judged({
        "most frequent": lambda: pixels.most_frequent(train, classes), "by place": lambda: pixels.by_place(train, classes),
        "colour and place": lambda: pixels.by_colour_and_place(train, classes),
    }, judge, data.test)  # fmt: skip


def of_boxes(data: Data, judge: Judge) -> dict[str, Evaluation]:
    """The `same boxes` for every picture, and `windows`: a linear model of colour and edges, window by window."""
    train, classes = data.train, data.spec.target.size
    return judged({
        "same boxes": lambda: windows.same_boxes(train, classes),
        "windows": lambda: windows.windows_by_colour_and_edges(train, classes),
    }, judge, data.test)  # fmt: skip
