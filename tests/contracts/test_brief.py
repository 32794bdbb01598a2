"""A validation while training asks for the metrics alone: they are those of the whole evaluation, of every task."""

from typing import Any

import pytest
import torch

from lamina.core.batch import Batch
from lamina.core.data import Data
from lamina.core.spec import Boxes, Image, Mask, Spec
from lamina.data.arrays import ArraySplit
from lamina.tasks import TASKS
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


ASKED = {
    "classify": Request("iris"), "regress": Request("diabetes"), "generate": Request("digits", task="generate"),
    "play": Request("CartPole-v1"),
    "detect": Request(scenes(Boxes(names=("a", "b"))), model="ssd", words={"backbone": "cnn", "strides": "4,8"}),
    "segment": Request(scenes(Mask(names=("a", "b"))), model="deeplab", words={"backbone": "cnn"}),
}


@pytest.mark.parametrize("name", TASKS)
def test_the_metrics_are_the_same(name: str) -> None:
    setup = prepare(ASKED[name])
    assert setup.task.name == name
    whole, brief = (setup.task.evaluate(setup.learner.predictor(), setup.data.valid, 0, brief) for brief in (False, True))
    assert brief.metrics.items() <= whole.metrics.items()
    assert setup.task.monitor in brief.metrics
