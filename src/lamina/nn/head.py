"""The last layer of a network: dropout (Srivastava et al. 2014) on its features, then one linear map."""

import torch
from torch import nn

from lamina.nn.dropout import Dropout


class Head(nn.Linear):
    """(B, F) -> (B, K). One module, so that the head trains alone on kept features with the same dropout."""

    def __init__(self, features: int, outputs: int, dropout: float = 0.0) -> None:
        super().__init__(features, outputs)
        self.dropout = Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(self.dropout(x))
