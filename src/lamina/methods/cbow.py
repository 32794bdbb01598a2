"""Continuous bag of words (Mikolov, Chen, Corrado & Dean 2013, Efficient estimation of word representations in vector space).

    maximize log sigmoid(u_o . h) + sum over k negatives n of log sigmoid(-u_n . h),    h the mean of v_w over the words w around o

with window, subsampling and negatives as in skipgram.py. Each word around o takes the whole change of h, as in word2vec.c.
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

__all__ = ["CBOW", "Config"]


class CBOW:
    """Each word from the mean of the words around it."""

    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 0.05, "optimizer": "sgd", "precision": "f32"}
    parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: Spec, config: Config, split: Split) -> None:
        self.blocks = word2vec.Blocks("cbow", spec, config, split)

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
