"""Attention is all you need (Vaswani et al. 2017): in the form that translates, the one that reads, and the one that writes on.

One stack of blocks serves the three. To translate, an encoder reads the whole text and a decoder says the answer, seeing what it has
said so far and all that was read. To tell classes or numbers, the encoder's states are averaged. To write on, the decoder stands
alone. Where we depart from the paper: each part of a block is normalized before it and not after, which trains without a long warm-up
(Xiong et al. 2020); and head and embedding of what is said share their weights (Press & Wolf 2017).

B rows, S places heard, T tokens said, D width, A heads, E = D / A numbers a head, V tokens:
x       (B, S)         int32   tokens or words heard, 0 fills up
said    (B, T)         int32   tokens said so far
q k v   (B, A, T, E)           questions, keys and values; keys and values of tokens said before are kept while an answer is said
"""

import torch
import torch.nn.functional as F
from torch import nn

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.speaker import State
from lamina.core.spec import FILL, FIRST_WORD, Next, Spec, Tags, Text, Tokens
from lamina.nn.positions import angles, sines, turned

MOST_KEPT = 512  # places of which keys and values are kept while a text is written


class Config(knobs.Config):
    """How wide and deep it is."""

    width: int = knob(256, "numbers that stand for a token", low=2, search="log")
    layers: int = knob(4, "blocks of the encoder, and of the decoder", low=1, high=48, search="linear")
    heads: int = knob(4, "heads of attention", low=1, search="choice")
    inner: int = knob(4, "times that the inside of a block is wider", low=1, high=16, search="linear")
    dropout: float = knob(0.1, "share of what a part adds that is left out", low=0, high=0.9, search="linear")


class Attention(nn.Module):
    """softmax(q k' / sqrt(E)) v, in several heads. Eq. (1)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.heads, self.drop = config.heads, config.dropout
        self.q = nn.Linear(config.width, config.width)
        self.kv = nn.Linear(config.width, 2 * config.width)
        self.out = nn.Linear(config.width, config.width)

    def keys(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of places (B, S, D): (B, A, S, E) each."""
        k, v = self._split(self.kv(x)).chunk(2, 1)
        return k, v

    def forward(self, x: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None, causal: bool) -> torch.Tensor:
        return self.found(self._split(self.q(x)), k, v, mask, causal)

    def found(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None, causal: bool) -> torch.Tensor:
        """What questions (B, A, T, E) find."""
        y = F.scaled_dot_product_attention(q, k, v, mask, self.drop if self.training else 0.0, causal)
        return self.out(y.transpose(1, 2).flatten(2))

    def parts(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Questions, keys and values of the same places (B, T, D): (B, A, T, E) each."""
        return self._split(self.q(x)), *self.keys(x)

    @property
    def each(self) -> int:
        """E, the numbers of a head."""
        return self.q.out_features // self.heads

    def weights(self, x: torch.Tensor, k: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Where (B, 1, D) looks, the mean of the heads: (B, S)."""
        scores = (self._split(self.q(x)) @ k.transpose(2, 3)).float() / k.shape[-1] ** 0.5
        scores = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
        return scores.softmax(-1).mean(1)[:, 0]

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, n D) -> (B, n A, T, E)."""
        return x.unflatten(2, (-1, self.each)).transpose(1, 2)


class Block(nn.Module):
    """Looks at its own row, at what was heard where there is that, and thinks about each place alone."""

    def __init__(self, config: Config, hears: bool) -> None:
        super().__init__()
        D = config.width
        self.norm1, self.attention = nn.LayerNorm(D), Attention(config)
        self.norm2 = nn.LayerNorm(D) if hears else None
        self.look = Attention(config) if hears else None
        self.norm3 = nn.LayerNorm(D)
        self.inside, self.outside = nn.Linear(D, config.inner * D), nn.Linear(config.inner * D, D)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: torch.Tensor, own: torch.Tensor | None, memory: State, name: str) -> torch.Tensor:
        """own: (B, 1, 1, T) places that may be seen, None for those before."""
        y = self.norm1(x)
        x = x + self.dropout(self.attention(y, *self.attention.keys(y), own, own is None))
        return self._rest(x, memory, name)

    def step(self, x: torch.Tensor, state: State, memory: State, name: str) -> torch.Tensor:
        """One more place (B, 1, D), of which keys and values join those in the state; `attention` is where it looked."""
        y = self.norm1(x)
        k, v = self.attention.keys(y)
        for kind, new in (("k", k), ("v", v)):
            before = state.get(f"{kind}{name}")
            state[f"{kind}{name}"] = new if before is None else torch.cat([before.to(new.dtype), new], 2)
        x = x + self.attention(y, state[f"k{name}"], state[f"v{name}"], None, False)
        if self.look is not None and self.norm2 is not None:
            state["attention"] = self.look.weights(self.norm2(x), memory[f"k{name}"], memory["held"][:, None, None])
        return self._rest(x, memory, name)

    def written(self, x: torch.Tensor, turns: torch.Tensor, before: State, after: State, name: str) -> torch.Tensor:
        """More places (B, T, D), each of which sees those before it; keys and values of the last `MOST_KEPT` join `after`."""
        q, k, v = self.attention.parts(self.norm1(x))
        q, k = turned(q, turns), turned(k, turns)
        if before:
            k, v = torch.cat([before[f"k{name}"].to(k.dtype), k], 2), torch.cat([before[f"v{name}"].to(v.dtype), v], 2)
        if after:
            after[f"k{name}"], after[f"v{name}"] = k[:, :, -MOST_KEPT:], v[:, :, -MOST_KEPT:]
        mask = None
        if before and x.shape[1] > 1:
            mask = torch.ones(x.shape[1], k.shape[2], dtype=torch.bool, device=x.device).tril(k.shape[2] - x.shape[1])
        x = x + self.dropout(self.attention.found(q, k, v, mask, not before))
        return self._rest(x, {}, name)

    def _rest(self, x: torch.Tensor, memory: State, name: str) -> torch.Tensor:
        if self.look is not None and self.norm2 is not None:
            k, v = memory[f"k{name}"], memory[f"v{name}"]
            x = x + self.dropout(self.look(self.norm2(x), k, v, memory["held"][:, None, None], False))
        return x + self.dropout(self.outside(self.dropout(F.gelu(self.inside(self.norm3(x))))))


class Stack(nn.Module):
    """Tokens with their places, through the blocks: (B, T) -> (B, T, D)."""

    def __init__(self, tokens: int, config: Config, hears: bool = False) -> None:
        super().__init__()
        self.width = config.width
        self.embedding = nn.Embedding(tokens, config.width, padding_idx=FILL)
        nn.init.normal_(self.embedding.weight, std=config.width**-0.5)
        self.blocks = nn.ModuleList(Block(config, hears) for _ in range(config.layers))
        self.norm, self.dropout = nn.LayerNorm(config.width), nn.Dropout(config.dropout)

    def embedded(self, x: torch.Tensor, first: int = 0) -> torch.Tensor:
        """The tokens, of which the first stands at place `first`."""
        places = torch.arange(first, first + x.shape[1], device=x.device)
        return self.dropout(self.embedding(x) * self.width**0.5 + sines(places, self.width))

    def forward(self, x: torch.Tensor, own: torch.Tensor | None, memory: State) -> torch.Tensor:
        y = self.embedded(x)
        for i, block in enumerate(self.blocks):
            y = block(y, own, memory, str(i))
        return self.norm(y)

    def step(self, token: torch.Tensor, memory: State, state: State) -> tuple[torch.Tensor, State]:
        """One more token (B,): (B, D), and the state with it."""
        state = dict(state)
        y = self.embedded(token[:, None], state["k0"].shape[2] if "k0" in state else 0)
        for i, block in enumerate(self.blocks):
            assert isinstance(block, Block), "as it was built"
            y = block.step(y, state, memory, str(i))
        return self.norm(y)[:, 0], state


class Translator(nn.Module):
    """Tokens heard -> tokens said (core/speaker.py): encoder and decoder."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        assert isinstance(spec.input, Tokens) and isinstance(spec.target, Tokens), "tokens on both sides"
        self.encoder, self.decoder = Stack(spec.input.size, config), Stack(spec.target.size, config, hears=True)
        self.head = nn.Linear(config.width, spec.target.size)
        self.head.weight = self.decoder.embedding.weight
        if spec.input.names == spec.target.names:
            self.encoder.embedding.weight = self.decoder.embedding.weight

    def forward(self, x: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        """Logits (B, T, V) of the token after each of `said`."""
        logits: torch.Tensor = self.head(self.features(x, said))
        return logits

    def features(self, x: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        """(B, T, D) from which `head` tells the token after each of `said`."""
        y: torch.Tensor = self.decoder(said, None, self.hear(x)[0])
        return y

    def hear(self, x: torch.Tensor) -> tuple[State, State]:
        """(memory, state): keys and values, for each block of the decoder, of what was read."""
        held = seen(x)
        s = self.encoder(x, held[:, None, None], {})
        memory: State = {"held": held}
        for i, block in enumerate(self.decoder.blocks):
            assert isinstance(block, Block) and block.look is not None, "a decoder hears"
            memory[f"k{i}"], memory[f"v{i}"] = block.look.keys(s)
        return memory, {}

    def decode_step(self, memory: State, state: State, token: torch.Tensor) -> tuple[torch.Tensor, State]:
        """Logits (B, V) of what follows `token` (B,)."""
        y, state = self.decoder.step(token, memory, state)
        return self.head(y), state


class WritesOn(nn.Module):
    """Tokens (B, T) -> what follows each (core/speaker.py:Writer): the decoder alone.

    Places are told by turning questions and keys by angles that grow with the place (Su et al. 2021), so that only distances count and
    the oldest keys can be forgotten while a long text is written.
    """

    carries = False

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        assert isinstance(spec.input, Tokens), "tokens"
        self.width, self.each = config.width, config.width // config.heads
        self.embedding = nn.Embedding(spec.input.size, config.width)
        nn.init.normal_(self.embedding.weight, std=config.width**-0.5)
        self.blocks = nn.ModuleList(Block(config, hears=False) for _ in range(config.layers))
        self.norm, self.dropout = nn.LayerNorm(config.width), nn.Dropout(config.dropout)
        self.head = nn.Linear(config.width, spec.input.size)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits (B, T, V) of what follows each of `tokens`."""
        logits: torch.Tensor = self.head(self.read(tokens, {})[0])
        return logits

    def read(self, tokens: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Features (B, T, D), from which `head` tells what follows, and the keys and values of all that was read."""
        y = self.dropout(self.embedding(tokens) * self.width**0.5)
        first = int(state["place"][0]) if state else 0
        turns = angles(torch.arange(first, first + tokens.shape[1], device=tokens.device), self.each)
        after: State = {} if self.training else {"place": torch.full((len(tokens),), first + tokens.shape[1], device=tokens.device)}
        for i, block in enumerate(self.blocks):
            assert isinstance(block, Block), "as it was built"
            y = block.written(y, turns, state, after, str(i))
        return self.norm(y), after


class Reader(nn.Module):
    """Texts -> logits of classes, or numbers: the mean of the encoder's states; or a label for each token, (B, K, L)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        assert isinstance(spec.input, Text | Tokens), "texts"
        self.in_step = isinstance(spec.target, Tags)
        self.encoder = Stack(spec.input.size if isinstance(spec.input, Tokens) else len(spec.input.words) + FIRST_WORD, config)
        self.head = nn.Linear(config.width, spec.target.size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        held = seen(x)
        y = self.encoder(x, held[:, None, None], {}) * held[..., None]
        logits: torch.Tensor = self.head(y if self.in_step else y.sum(1) / held.sum(1, keepdim=True))
        return logits.transpose(1, 2) if self.in_step else logits


def seen(x: torch.Tensor) -> torch.Tensor:
    """(B, S) places that are no filling; of an empty row the first, as attention must look somewhere."""
    held = x != FILL
    return held | ~held.any(1, keepdim=True) & (torch.arange(x.shape[1], device=x.device) == 0)


def transformer(spec: Spec, config: Config) -> nn.Module:
    """The form that the data ask for."""
    if config.width % config.heads:
        raise UsageError("a `width` of whole heads", f"`width={config.width} heads={config.heads}`", "Let `heads` divide `width`.")
    if isinstance(spec.input, Tokens) and isinstance(spec.target, Tokens):
        return Translator(spec, config)
    if isinstance(spec.input, Tokens) and isinstance(spec.target, Next):
        return WritesOn(spec, config)
    in_step = isinstance(spec.input, Tokens) and isinstance(spec.target, Tags)
    if in_step or (isinstance(spec.input, Text) and spec.target.kind in ("classes", "labels", "numbers")):
        return Reader(spec, config)
    raise UsageError("texts for the model `transformer`", f"`{spec.input.kind}` as input", "Choose another model: `lamina list models`.")
