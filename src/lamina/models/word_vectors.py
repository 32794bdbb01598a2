"""Two vectors a word: one for the word as it is shown, one for the word as it is to be told (Mikolov, Chen, Corrado & Dean 2013).

What is kept of them in the end is the first. The score of two words is the product of the first's vector with the second's other vector,
    p(o | w) = sigmoid(v_w . u_o)
and `skipgram` or `cbow` move both. V words, D numbers.
"""

import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import FIRST_WORD, Context, Spec, Text


class Config(knobs.Config):
    """How long a vector is."""

    size: int = knob(100, "numbers of a vector", low=1, high=4096, search="log")


class WordVectors(nn.Module):
    """`inputs` (V, D), the vectors of the words, and `outputs` (V, D)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.target, Context) or not isinstance(spec.input, Text):
            raise UsageError("words and what stands around them for the model `word_vectors`", f"`{spec.target.kind}` as target",
                             "Choose another model: `lamina list models`.")
        self.inputs = nn.Parameter((torch.rand(len(spec.input.words), config.size) - 0.5) / config.size)
        self.outputs = nn.Parameter(torch.zeros(len(spec.input.words), config.size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Vectors of words (B, L) int32, as they are numbered in texts: (B, L, D); those of no word are zero."""
        found: torch.Tensor = self.inputs[(x - FIRST_WORD).clamp(min=0).long()] * (x >= FIRST_WORD)[..., None]
        return found
