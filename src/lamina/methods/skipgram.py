"""Skip-gram with negative sampling (Mikolov, Sutskever, Chen, Corrado & Dean 2013, Distributed representations of words and phrases).

    maximize log sigmoid(u_o . v_w) + sum over k negatives n of log sigmoid(-u_n . v_w)                         eq. (4)

for each word o and each word w around it, w within a window whose reach is drawn anew for each o; frequent words are passed over with
probability 1 - sqrt(t / f) - t / f, as word2vec.c has it; negatives are drawn by the frequency of words to the power 3/4. Where we
depart: the pairs of a window share their negatives (`shared`), so that they are fetched once.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from lamina.core.batch import Batch
from lamina.core.data import Split
from lamina.core.method import Learning, Pace
from lamina.core.spec import Spec
from lamina.methods import word2vec
from lamina.methods.word2vec import Config

__all__ = ["Config", "Skipgram"]


class Skipgram:
    """Each word from the words around it, one by one."""

    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 0.025, "optimizer": "sgd", "precision": "f32"}
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: Spec, config: Config, split: Split) -> None:
        self.blocks = word2vec.Blocks("skipgram", spec, config, split)

    @staticmethod
    def wrap(net: nn.Module, spec: Spec) -> nn.Module:
        """The vectors as they are."""
        return net

    def prepare(self, model: nn.Module) -> None:
        return None

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        return {}

    def pace(self) -> Pace:
        return self.blocks.pace()

    def next_batch(self, learner: Learning, step: int) -> Batch:
        return self.blocks.next_batch(learner, step)

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        return self.blocks.update(learner, batch)

    def counters(self, step: int) -> dict[str, float]:
        return self.blocks.counters(step)

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        return None
