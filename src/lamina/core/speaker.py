"""What a network that says a sequence, token after token, shows to whoever trains it or lets it speak: an interface.

B sequences, T tokens of the longest, D features, V tokens of the vocabulary. A state is a dict of tensors whose first axis is that of
the sequences, so that a search may drop, repeat and reorder them without knowing what they hold.

    memory  what is kept of the input for the whole answer, such as the states of an encoder
    state   what has been said so far, such as the hidden state of an LSTM or the keys and values of attention
"""

from typing import Protocol, runtime_checkable

import torch
from torch import nn

State = dict[str, torch.Tensor]


@runtime_checkable
class Speaker(Protocol):
    """A network that says sequences."""

    head: nn.Linear  # features -> logits

    def features(self, x: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        """(B, T, D) from which `head` tells the token after each of `said` (B, T), the inputs being x (B, ...)."""
        ...

    def hear(self, x: torch.Tensor) -> tuple[State, State]:
        """(memory, state) of inputs (B, ...), before the first token is said."""
        ...

    def decode_step(self, memory: State, state: State, token: torch.Tensor) -> tuple[torch.Tensor, State]:
        """Logits (B, V) of what follows `token` (B,), and the state then. A state with `attention` (B, S) says where it looked."""
        ...


@runtime_checkable
class Writer(Protocol):
    """A network that writes a text on: it is told what is written, and says what may follow."""

    head: nn.Linear  # features -> logits
    carries: bool  # whether a state goes from one stretch of a text to the next while it is trained

    def read(self, tokens: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Features (B, T, D), from which `head` tells the token after each of `tokens` (B, T), and the state then; {} before anything."""
        ...


def rows(state: State, places: torch.Tensor) -> State:
    """The sequences at `places` (M,) of a state."""
    return {name: tensor.index_select(0, places) for name, tensor in state.items()}
