"""What recurrent layers are for: one answer to a whole sequence, an answer to each place of it, or what follows.

Shared by `rnn`, `lstm` and `gru`, which say in their files what a cell does. The lecture's shapes: many-to-one is `Whole`, many-to-many in
step is `InStep`, and what follows is `WritesOn`; many-to-many out of step is `seq2seq`.

    B  rows    L  places    D  embedding    H  hidden    C  directions    K  classes or numbers    V  tokens
"""

from typing import Literal

import torch
from torch import nn

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.speaker import State
from lamina.core.spec import FILL, FIRST_WORD, Input, Next, Numbers, Series, Spec, Table, Tags, Text, Tokens, Vector
from lamina.nn.dropout import Dropout
from lamina.nn.recurrent import Kind, Recurrent, ends_of

SMALLEST_SPREAD = 1e-3  # of a window, in deviations of the whole series


class Config(knobs.Config):
    """How large the layers are, and what is asked of them."""

    embedding: int = knob(128, "numbers that stand for a word or token", low=1, search="log")
    hidden: int = knob(128, "hidden units of a layer and direction", low=1, search="log")
    layers: int = knob(1, "layers, one over another", low=1, high=8, search="linear")
    both: bool = knob(False, "read in both directions")
    pool: Literal["last", "max", "mean"] = knob("max", "what is kept of all places for one answer", search="choice")
    dropout: float = knob(0.3, "share of the numbers between layers that is left out", low=0, high=0.9, search="linear")
    places: int = knob(400, "places that are read of a row: of a longer one its first and its last half of these", low=2)
    tied: bool = knob(True, "head and embedding share their weights, where what follows is asked and both have the same width")


class Whole(nn.Module):
    """Words (B, L) int32, or numbers in order (B, L) -> (B, K): what the layers know of the whole row."""

    def __init__(self, kind: Kind, spec: Spec, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(len(spec.input.words) + FIRST_WORD, config.embedding, FILL) if isinstance(spec.input, Text) else None
        inputs = config.embedding if self.embedding is not None else 1
        self.cells = Recurrent(kind, inputs, config.hidden, config.layers, config.both, config.dropout)
        self.dropout = Dropout(config.dropout)
        self.head = nn.Linear(config.hidden * (2 if config.both else 1), spec.target.size)
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.embedding is None:
            h, lengths = self.cells(self.seen(x)), torch.full((len(x),), x.shape[1], device=x.device)
        else:
            lengths = (shortened(x, self.config.places) != FILL).sum(1).clamp(min=1)
            h = self.cells(self.dropout(self.seen(x)), lengths)
        logits: torch.Tensor = self.head(self.dropout(self._pooled(h, lengths)))
        return logits

    def seen(self, x: torch.Tensor) -> torch.Tensor:
        """(B, L, D) what the layers read of each place."""
        if self.embedding is None:
            return x.nan_to_num(0.0)[..., None]  # a missing number is the usual one
        found: torch.Tensor = self.embedding(shortened(x, self.config.places))
        return found

    def _pooled(self, h: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(B, L, C H) -> (B, C H)."""
        if self.config.pool == "last":
            return ends_of(h, lengths, self.config.both)
        held = (torch.arange(h.shape[1], device=h.device) < lengths[:, None])[..., None]
        if self.config.pool == "mean":
            return (h * held).sum(1) / lengths[:, None]
        return h.masked_fill(~held, -torch.inf).amax(1)


class GoesOn(nn.Module):
    """Scaled numbers (B, L, D) -> the next K of the asked column (B, K), as its last one and what is added to it.

    Each window is seen as differences from its last moment, in units of its own spread, so that a new level is none (Kim et al. 2022,
    RevIN); a weighted sum of the past goes beside the cells, as in LSTNet (Lai et al. 2018), which then learn what no sum can say.
    """

    def __init__(self, kind: Kind, spec: Spec, config: Config) -> None:
        super().__init__()
        assert isinstance(spec.input, Series), "series"
        self.both, self.place = config.both, spec.input.place
        self.cells = Recurrent(kind, len(spec.input.names), config.hidden, config.layers, config.both, config.dropout)
        self.dropout = Dropout(config.dropout)
        self.head = nn.Linear(config.hidden * (2 if config.both else 1), spec.target.size)
        self.sum = nn.Linear(spec.input.past * len(spec.input.names), spec.target.size, bias=False)
        for layer in (self.head, self.sum):
            nn.init.normal_(layer.weight, std=0.01)  # it begins by nearly saying the last number again

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        last, spread, z = x[:, -1:], _spread(x), self.seen(x)
        lengths = torch.full((len(x),), x.shape[1], device=x.device)
        h = ends_of(self.cells(z, lengths), lengths, self.both)
        change: torch.Tensor = self.head(self.dropout(h)) + self.sum(z.flatten(1))
        return last[:, 0, self.place, None] + spread[:, 0, self.place, None] * change

    def seen(self, x: torch.Tensor) -> torch.Tensor:
        """(B, L, D) differences from the last moment, in units of the window's spread."""
        return (x - x[:, -1:]) / _spread(x)


def _spread(x: torch.Tensor) -> torch.Tensor:
    """(B, 1, D) the deviation of each column of windows (B, L, D)."""
    return x.std(1, keepdim=True).clamp_min(SMALLEST_SPREAD)


class InStep(nn.Module):
    """Tokens (B, L) -> (B, K, L): a label for each, from what stands before it, and behind it where both directions are read."""

    def __init__(self, kind: Kind, spec: Spec, config: Config) -> None:
        super().__init__()
        assert isinstance(spec.input, Tokens), "tokens"
        self.embedding = nn.Embedding(spec.input.size, config.embedding, FILL)
        self.cells = Recurrent(kind, config.embedding, config.hidden, config.layers, config.both, config.dropout)
        self.dropout = Dropout(config.dropout)
        self.head = nn.Linear(config.hidden * (2 if config.both else 1), spec.target.size)
        nn.init.normal_(self.embedding.weight, std=0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.cells(self.dropout(self.seen(x)), (x != FILL).sum(1).clamp(min=1))
        logits: torch.Tensor = self.head(self.dropout(h)).transpose(1, 2)
        return logits

    def seen(self, x: torch.Tensor) -> torch.Tensor:
        """(B, L, D) what the layers read of each place."""
        found: torch.Tensor = self.embedding(x)
        return found


class WritesOn(nn.Module):
    """Tokens (B, T) -> what follows each (core/speaker.py:Writer)."""

    carries = True

    def __init__(self, kind: Kind, spec: Spec, config: Config) -> None:
        super().__init__()
        if config.both:
            raise UsageError("one direction, as nobody knows what follows", "`both=true`", "Leave `both` out.")
        assert isinstance(spec.input, Tokens), "tokens"
        self.embedding = nn.Embedding(spec.input.size, config.embedding)
        self.cells = Recurrent(kind, config.embedding, config.hidden, config.layers, dropout=config.dropout)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden, spec.input.size)
        nn.init.normal_(self.embedding.weight, std=config.embedding**-0.5)
        if config.tied and config.embedding == config.hidden:
            self.head.weight = self.embedding.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits (B, T, V) of what follows each of `tokens`."""
        logits: torch.Tensor = self.head(self.read(tokens, {})[0])
        return logits

    def seen(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, T, D) what the layers read of each place."""
        found: torch.Tensor = self.embedding(tokens)
        return found

    def read(self, tokens: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Features (B, T, H), from which `head` tells what follows, and the state then."""
        e = self.dropout(self.seen(tokens))
        before = tuple(state[n] for n in ("h", "c") if n in state) or self.cells.blank(len(tokens), e)
        h, after = self.cells.carried(e, before)
        return self.dropout(h), dict(zip(("h", "c"), after, strict=False))


def shortened(x: torch.Tensor, most: int) -> torch.Tensor:
    """Rows (B, L) with at most `most` places: of a longer one its first and its last half of these."""
    if x.shape[1] <= most:
        return x
    lengths = (x != FILL).sum(1, keepdim=True)
    places = torch.arange(most, device=x.device)
    later = (lengths - most).clamp(min=0) * (places >= most // 2)
    return x.gather(1, (places + later).long())


def _in_order(kind: Input) -> bool:
    """Whether the columns of a table are numbers alone, which may be read in their order."""
    return isinstance(kind, Table) and all(column.kind == "number" for column in kind.columns)


def form(kind: Kind, spec: Spec, config: Config) -> nn.Module:
    """The network that the data ask for; UsageError for data that are no sequences."""
    if isinstance(spec.input, Tokens) and isinstance(spec.target, Next):
        return WritesOn(kind, spec, config)
    if isinstance(spec.input, Tokens) and isinstance(spec.target, Tags):
        return InStep(kind, spec, config)
    if isinstance(spec.input, Series) and isinstance(spec.target, Numbers):
        return GoesOn(kind, spec, config)
    if (isinstance(spec.input, Text | Vector) or _in_order(spec.input)) and spec.target.kind in ("classes", "labels", "numbers"):
        return Whole(kind, spec, config)
    raise UsageError(f"texts or rows of numbers for the model `{kind}`", f"`{spec.input.kind}` and `{spec.target.kind}`",
                     "Choose another model: `lamina list models`.")
