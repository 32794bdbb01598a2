"""An LSTM reads a text in both directions, another one says the answer token by token and looks back at what was read.

Sutskever, Vinyals & Le 2014 without looking back (`attention=none`), where all must pass through the last state; Bahdanau, Cho & Bengio
2015, who look before each step; Luong, Pham & Manning 2015, who look after it. Where we depart: Luong's attentional vector is not fed
to the next step, so that all steps of a known answer are one call of the fast kernel; cells begin from a layer on the states of both
directions; head and embedding share their weights where both have the same width (Press & Wolf 2017).

B pairs, S places heard, T tokens said, D embedding, H hidden, V tokens:
x       (B, S)      int32   tokens heard, 0 fills up
said    (B, T)      int32   tokens said so far, the first is BEGIN
s       (B, S, 2H)          states of the encoder
h       (B, T, H)           states of the decoder
c       (B, T, 2H)          context, the mean of s by the weights of attention
"""

from typing import Literal

import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.speaker import State
from lamina.core.spec import FILL, Spec, Tokens
from lamina.nn.attention import ATTENTIONS
from lamina.nn.recurrent import Recurrent, ends_of


class Config(knobs.Config):
    """How large the two networks are, and how the second looks at the first."""

    cell: Literal["lstm", "gru", "rnn"] = knob("lstm", "kind of cell", search="choice")
    embedding: int = knob(256, "numbers that stand for a token", low=1, search="log")
    hidden: int = knob(256, "hidden units of a layer and direction", low=1, search="log")
    layers: int = knob(1, "layers of the encoder and of the decoder", low=1, high=8, search="linear")
    both: bool = knob(True, "the encoder reads in both directions")
    attention: Literal["luong", "bahdanau", "none"] = knob("luong", "how the decoder looks back", search="choice")
    dropout: float = knob(0.3, "share of the numbers between layers that is left out", low=0, high=0.9, search="linear")


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


class Decoder(nn.Module):
    """Says tokens from what was heard: `places` numbers at each place, and `whole` numbers of all of it."""

    def __init__(self, tokens: int, places: int, whole: int, config: Config) -> None:
        super().__init__()
        H, before = config.hidden, config.attention == "bahdanau"
        self.config = config
        self.embedding = nn.Embedding(tokens, config.embedding, padding_idx=FILL)
        self.start = nn.Linear(whole, config.layers * H * (2 if config.cell == "lstm" else 1))
        self.cells = Recurrent(config.cell, config.embedding + (places if before else 0), H, config.layers, dropout=config.dropout)
        self.look = None if config.attention == "none" else ATTENTIONS[config.attention](H, places, H)
        self.join = nn.Linear(H + (0 if self.look is None else places), config.embedding)
        self.dropout = nn.Dropout(config.dropout)

    def begin(self, whole: torch.Tensor) -> State:
        """The state before the first token, from (B, whole)."""
        parts = torch.tanh(self.start(whole)).float().chunk(2 if self.config.cell == "lstm" else 1, -1)
        names = ("h", "c")[: len(parts)]
        return {name: part.reshape(len(whole), self.config.layers, self.config.hidden) for name, part in zip(names, parts, strict=True)}

    def forward(self, memory: State, state: State, said: torch.Tensor) -> tuple[torch.Tensor, State]:
        """(B, T, D) from which the head tells what follows each of `said` (B, T), and the state then."""
        e = self.dropout(self.embedding(said))
        if self.config.attention == "bahdanau":
            return self._looking_before(memory, state, e)
        h, after = self.cells.carried(e, tuple(state[n] for n in ("h", "c") if n in state))
        state = dict(zip(("h", "c"), after, strict=False))
        if self.look is None:
            return self._features(h), state
        c, weights = self.look(self.dropout(h), memory["places"], memory["held"])
        return self._features(torch.cat([h, c], -1)), {**state, "attention": weights[:, -1]}

    def _looking_before(self, memory: State, state: State, e: torch.Tensor) -> tuple[torch.Tensor, State]:
        """Each step looks with the state of the one before."""
        assert self.look is not None, "there is attention"
        found, after = [], tuple(state[n] for n in ("h", "c") if n in state)
        weights = e
        for t in range(e.shape[1]):
            c, weights = self.look(after[0][:, -1:], memory["places"], memory["held"])
            h, after = self.cells.carried(torch.cat([e[:, t : t + 1], c.to(e.dtype)], -1), after)
            found.append(torch.cat([h, c.to(h.dtype)], -1))
        return self._features(torch.cat(found, 1)), {**dict(zip(("h", "c"), after, strict=False)), "attention": weights[:, -1]}

    def _features(self, h: torch.Tensor) -> torch.Tensor:
        return self.dropout(torch.tanh(self.join(self.dropout(h))))


class Seq2Seq(nn.Module):
    """Tokens (B, S) heard -> tokens said (core/speaker.py)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Tokens) or not isinstance(spec.target, Tokens):
            raise UsageError("pairs of texts for the model `seq2seq`", f"`{spec.input.kind}` and `{spec.target.kind}`",
                             "Choose another model: `lamina list models`.")
        self.encoder = Encoder(spec.input.size, config)
        self.both, width = config.both, config.hidden * (2 if config.both else 1)
        self.decoder = Decoder(spec.target.size, width, width, config)
        self.head = nn.Linear(config.embedding, spec.target.size)
        nn.init.normal_(self.decoder.embedding.weight, std=config.embedding**-0.5)
        self.head.weight = self.decoder.embedding.weight

    def forward(self, x: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        """Logits (B, T, V) of the token after each of `said`."""
        logits: torch.Tensor = self.head(self.features(x, said))
        return logits

    def features(self, x: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        """(B, T, D) from which `head` tells the token after each of `said`."""
        return self.decoder(*self.hear(x), said)[0]

    def hear(self, x: torch.Tensor) -> tuple[State, State]:
        """(memory, state) of what was read."""
        s, held, lengths = self.encoder(x)
        return {"places": s, "held": held}, self.decoder.begin(ends_of(s, lengths, self.both))

    def decode_step(self, memory: State, state: State, token: torch.Tensor) -> tuple[torch.Tensor, State]:
        """Logits (B, V) of what follows `token` (B,)."""
        features, state = self.decoder(memory, state, token[:, None])
        return self.head(features[:, 0]), state
