"""A network as the judge of many positions at once: folded for speed, on the device and in the precision that it learns in."""

import numpy as np
import torch

from lamina.core.predictor import Predictor
from lamina.core.task import Predicting
from lamina.envs.games.search import Judge
from lamina.nn.folded import folded


def judge_of(predictor: Predicting) -> Judge:
    """What is seen (B, 2, H, W) int8 -> logits (B, A) and values (B,), by a copy of the model as it is now."""
    answers = Predictor(folded(predictor.model), predictor.device, predictor.precision)

    def judge(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        said = answers(torch.from_numpy(x)).cpu().numpy()
        return said[:, :-1], said[:, -1]

    return judge
