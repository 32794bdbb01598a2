"""A validation while training asks for the metrics alone: they are those of the whole evaluation, of every task."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from lamina.core.batch import Batch
from lamina.core.data import Data
from lamina.core.spec import Boxes, Image, Mask, Series, Spec
from lamina.data import captions, corpus, pairs, series, tags, word_corpus
from lamina.data.arrays import ArraySplit
from lamina.data.series import Told
from lamina.data.tags import Tagged
from lamina.tasks import TASKS
from lamina.tasks.caption import Describe
from lamina.tasks.saying import Config as SayingConfig
from lamina.tasks.translate import Translate
from lamina.verbs.request import Request
from lamina.verbs.setup import prepare

PICTURES, SIDE = 6, 32


class Marked:
    """Noise with a box in each picture."""

    def __len__(self) -> int:
        return PICTURES

    def batch(self, indices: torch.Tensor) -> Batch:
        count = len(indices)
        x = torch.randint(0, 255, (PICTURES, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0)).byte()[indices]
        boxes = torch.tensor([[4.0, 4, 20, 20]]).expand(count, 4)
        return Batch(x=x, boxes=boxes, box_image=torch.arange(count), box_class=indices % 2, box_weight=torch.ones(count),
                     scale=torch.ones(count))

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        return torch.arange(PICTURES)


def scenes(target: Any) -> Data:
    split: Any = Marked()
    if isinstance(target, Mask):
        split = ArraySplit(split.batch(torch.arange(PICTURES))["x"], torch.arange(SIDE).ge(9).byte().expand(PICTURES, SIDE, SIDE))
    return Data("made", Spec(input=Image(channels=3, height=SIDE, width=SIDE), target=target), split, split, split)


def sequences(task: str) -> Data:
    text = " ".join("abcdefgh"[i * i % 7] * 2 for i in range(3000))
    rows = [(f"{i} ab cd", f"{i * 7} dc") for i in range(40)]
    words = [["x", "y"]] * 12 + [["y", str(i)] for i in range(12)]
    tagged = Tagged(words, [["P", "Q"]] * 24, [str(i) for i in range(24)], np.full(24, "train"))
    return {
        "translate": lambda: pairs.data_of("p", pairs.Pairs(*zip(*rows, strict=True), [str(i) for i in range(40)], np.full(40, "train")),
                                           pairs.Config(), 0),
        "tag": lambda: tags.data_of("t", tagged, tags.Config(), 0),
        "embed": lambda: word_corpus.data_of("e", lambda: iter([text]), word_corpus.Config(), "", 1),
        "caption": lambda: captions.data_of(
            "c", Image(channels=3, height=SIDE, width=SIDE), Marked().batch(torch.arange(PICTURES))["x"],
            captions.Captions(["a b", "b a c"] * (PICTURES // 2), torch.arange(PICTURES), [str(i) for i in range(PICTURES)],
                              np.full(PICTURES, "train"), torch.arange(PICTURES)), captions.Config(), 0),
        "forecast": lambda: series.data_of("f", [Told("", np.sin(np.arange(300, dtype=np.float32))[:, None], [str(i) for i in range(300)])],
                                           Series(names=("a",), past=1, asked="a"), series.Config(ahead=3)),
        "write": lambda: corpus.data_of("w", lambda: iter([text]), corpus.Config(), ""),
    }[task]()  # fmt: skip


SMALL = {"hidden": 8, "embedding": 8}
ASKED = {
    "translate": Request(sequences("translate"), words=SMALL), "tag": Request(sequences("tag"), words=SMALL),
    "embed": Request(sequences("embed")), "write": Request(sequences("write"), words=SMALL),
    "caption": Request(sequences("caption"), words=SMALL), "forecast": Request(sequences("forecast"), words={"hidden": 8}),

    "classify": Request("iris"), "regress": Request("diabetes"), "generate": Request("digits", task="generate"),
    "play": Request("CartPole-v1"),
    "detect": Request(scenes(Boxes(names=("a", "b"))), model="ssd", words={"backbone": "cnn", "strides": "4,8"}),
    "segment": Request(scenes(Mask(names=("a", "b"))), model="deeplab", words={"backbone": "cnn"}),
}


@pytest.mark.parametrize("name", [name for name in TASKS if name != "game"])  # whose validation is of other games: test_games.py
def test_the_metrics_are_the_same(name: str) -> None:
    setup = prepare(ASKED[name])
    assert setup.task.name == name
    if isinstance(setup.task, Describe):
        setup = replace(setup, task=Describe(SayingConfig(beam=1)))
    if isinstance(setup.task, Translate):  # a validation takes answers greedily, the test by a beam
        setup = replace(setup, task=Translate(SayingConfig(beam=1)))
    whole, brief = (setup.task.evaluate(setup.learner.predictor(), setup.data.valid, 0, brief) for brief in (False, True))
    assert brief.metrics.items() <= whole.metrics.items()
    assert setup.task.monitor in brief.metrics
