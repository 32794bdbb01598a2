"""What the tasks whose answers are said token by token share: how an answer is searched, and what the loss of the right one is."""

import torch

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.data import Split, batches
from lamina.core.task import Predicting
from lamina.methods.teacher_forcing import loss_of, shifted
from lamina.nn.beam_search import Said, Search, search
from lamina.nn.scaled import behind_scale

AT_ONCE = 64  # answers


class Config(knobs.Config):
    """How an answer is searched."""

    beam: int = knob(5, "answers that are followed side by side", low=1, high=100)
    length_penalty: float = knob(0.6, "power by which long answers are favoured", low=0, high=5)
    coverage: float = knob(0.0, "weight of having looked at everything", low=0, high=5)

    def search(self, most: int, brief: bool = False) -> Search:
        """For answers of at most `most` tokens; `brief`: the first that comes to mind."""
        return Search(1, most) if brief else Search(self.beam, most, self.length_penalty, self.coverage)


def answers(predictor: Predicting, x: torch.Tensor, how: Search) -> list[Said]:
    """What is said of inputs (B, ...)."""
    with predictor.asked() as model:
        return search(*behind_scale(model, x.to(predictor.device)), how)


def loss(predictor: Predicting, split: Split) -> float:
    """The mean loss of a token of the right answers, in nats."""
    total = count = 0.0
    with predictor.asked() as model:
        for batch in batches(split, AT_ONCE):
            batch = batch.to(predictor.device)
            some, tokens = loss_of(model, batch["x"], shifted(batch["y"]), batch["y"])
            total, count = total + some.item(), count + tokens.item()
    return total / count
