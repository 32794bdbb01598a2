"""A network as the judge of many positions at once: folded for speed, on the device that it learns on."""

from typing import Any

import numpy as np
import torch
from torch import nn

from lamina.envs.games.search import Judge
from lamina.nn.folded import folded


def judge_of(model: nn.Module, device: torch.device) -> Judge:
    """What is seen (B, 2, H, W) int8 -> logits (B, A) and values (B,), by a copy of the model as it is now."""
    made: Any = folded(model)

    def judge(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.inference_mode():
            said = made(torch.from_numpy(x).to(device)).float().cpu().numpy()
        return said[:, :-1], said[:, -1]

    return judge
