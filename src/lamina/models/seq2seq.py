"""An LSTM reads a text in both directions, another one says the answer token by token and looks back at what was read.

Sutskever, Vinyals & Le 2014; how the second one looks is said in models/decoder.py. Where we depart: cells begin from a layer on the
states of both directions; head and embedding share their weights (Press & Wolf 2017).

B pairs, S places heard, T tokens said, D embedding, H hidden, V tokens:
x       (B, S)      int32   tokens heard, 0 fills up
said    (B, T)      int32   tokens said so far, the first is BEGIN
s       (B, S, 2H)          states of the encoder
"""

import torch
from torch import nn

from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.speaker import State
from lamina.core.spec import FILL, Spec, Tokens
from lamina.models import decoder
from lamina.models.decoder import Decoder, Says
from lamina.nn.recurrent import Recurrent, ends_of


class Config(decoder.Config):
    """How large the two networks are, and how the second looks at the first."""

    both: bool = knob(True, "the encoder reads in both directions")


class Encoder(nn.Module):
    """Tokens (B, S) -> states of both directions (B, S, 2H), places that are held (B, S), and lengths (B,)."""

    def __init__(self, tokens: int, config: Config) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, config.embedding, padding_idx=FILL)
        self.cells = Recurrent(config.cell, config.embedding, config.hidden, config.layers, config.both, config.dropout)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        held = x != FILL
        lengths = held.sum(1).clamp(min=1)
        s = self.cells(self.dropout(self.embedding(x)), lengths)
        return s, held | (lengths[:, None] == 1) & (torch.arange(x.shape[1], device=x.device) == 0), lengths


class Seq2Seq(Says):
    """Tokens (B, S) heard -> tokens said (core/speaker.py)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Tokens) or not isinstance(spec.target, Tokens):
            raise UsageError("pairs of texts for the model `seq2seq`", f"`{spec.input.kind}` and `{spec.target.kind}`",
                             "Choose another model: `lamina list models`.")
        self.encoder = Encoder(spec.input.size, config)
        self.both, width = config.both, config.hidden * (2 if config.both else 1)
        self.decoder = Decoder(spec.target.size, width, width, config)
        self.head = self.decoder.tied_head()

    def hear(self, x: torch.Tensor) -> tuple[State, State]:
        """(memory, state) of what was read."""
        s, held, lengths = self.encoder(x)
        return {"places": s, "held": held}, self.decoder.begin(ends_of(s, lengths, self.both))
