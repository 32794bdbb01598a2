"""Where to look: the weights of places that were heard, for each question, and what is found there.

`Dot` is the general score of Luong, Pham & Manning 2015, `Additive` the score of Bahdanau, Cho & Bengio 2015.

    B  sequences    T  questions    S  places    D, E  features of a question, of a place
    questions  (B, T, D)        places  (B, S, E)        held  (B, S) bool  places that are no filling
    weights    (B, T, S), each row of which sums to 1    context  (B, T, E)
"""

import torch
from torch import nn


class Dot(nn.Module):
    """score = q' W s."""

    def __init__(self, question: int, place: int, hidden: int = 0) -> None:
        super().__init__()
        self.W = nn.Linear(question, place, bias=False)

    def forward(self, questions: torch.Tensor, places: torch.Tensor, held: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scores = self.W(questions) @ places.transpose(1, 2)  # (B, T, S)
        weights = _weights(scores, held)
        return weights @ places, weights


class Additive(nn.Module):
    """score = v' tanh(W q + U s)."""

    def __init__(self, question: int, place: int, hidden: int) -> None:
        super().__init__()
        self.W, self.U, self.v = nn.Linear(question, hidden), nn.Linear(place, hidden, bias=False), nn.Linear(hidden, 1, bias=False)

    def forward(self, questions: torch.Tensor, places: torch.Tensor, held: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        both = torch.tanh(self.W(questions)[:, :, None] + self.U(places)[:, None])  # (B, T, S, hidden)
        weights = _weights(self.v(both).squeeze(-1), held)
        return weights @ places.to(weights.dtype), weights


def _weights(scores: torch.Tensor, held: torch.Tensor) -> torch.Tensor:
    """Softmax over the places that are held; every row holds at least one."""
    return scores.masked_fill(~held[:, None], -torch.inf).float().softmax(-1).to(scores.dtype)


ATTENTIONS = {"luong": Dot, "bahdanau": Additive}
