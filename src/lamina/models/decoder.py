"""The half of a network that says: an LSTM (GRU, RNN) says token after token and looks at what was heard or seen, shared by `seq2seq` and
`captioner`.

Sutskever, Vinyals & Le 2014 without looking (`attention=none`), where all must pass through the first state; Bahdanau, Cho & Bengio
2015, who look before each step; Luong, Pham & Manning 2015, who look after it. Where we depart: Luong's attentional vector is not fed
to the next step, so that all steps of a known answer are one call of the fast kernel.

B sequences, S places heard or seen, T tokens said, D embedding, H hidden, E numbers of a place:
said    (B, T)      int32   tokens said so far, the first is BEGIN
s       (B, S, E)           places
h       (B, T, H)           states of the decoder
c       (B, T, E)           context, the mean of s by the weights of attention
"""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.speaker import State
from lamina.core.spec import FILL
from lamina.nn.attention import ATTENTIONS
from lamina.nn.recurrent import Recurrent


class Config(knobs.Config):
    """How large it is, and how it looks."""

    cell: Literal["lstm", "gru", "rnn"] = knob("lstm", "kind of cell", search="choice")
    embedding: int = knob(256, "numbers that stand for a token", low=1, search="log")
    hidden: int = knob(256, "hidden units of a layer and direction", low=1, search="log")
    layers: int = knob(1, "layers, one over another", low=1, high=8, search="linear")
    attention: Literal["luong", "bahdanau", "none"] = knob("luong", "how the decoder looks back", search="choice")
    dropout: float = knob(0.3, "share of the numbers between layers that is left out", low=0, high=0.9, search="linear")


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

    def tied_head(self) -> nn.Linear:
        """The layer that tells the next token, whose weights are those of the embedding (Press & Wolf 2017)."""
        tokens, width = self.embedding.weight.shape
        head = nn.Linear(width, tokens)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        head.weight = self.embedding.weight
        return head

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


class Says(nn.Module, ABC):
    """What networks have in common that say tokens by a `decoder` and its `head` (core/speaker.py); they differ in what they `hear`."""

    decoder: Decoder
    head: nn.Linear

    @abstractmethod
    def hear(self, x: torch.Tensor) -> tuple[State, State]:
        """(memory, state) of inputs (B, ...)."""

    def forward(self, x: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        """Logits (B, T, V) of the token after each of `said`."""
        logits: torch.Tensor = self.head(self.features(x, said))
        return logits

    def features(self, x: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        """(B, T, D) from which `head` tells the token after each of `said`."""
        return self.decoder(*self.hear(x), said)[0]

    def decode_step(self, memory: State, state: State, token: torch.Tensor) -> tuple[torch.Tensor, State]:
        """Logits (B, V) of what follows `token` (B,)."""
        features, state = self.decoder(memory, state, token[:, None])
        return self.head(features[:, 0]), state
