"""Layers that read a sequence place by place: simple recurrence (Elman 1990), LSTM (Hochreiter & Schmidhuber 1997; Gers et al. 2000),
GRU (Cho et al. 2014), one over another, in one direction or both (Schuster & Paliwal 1997), with dropout between them.

Rows are filled up at their ends. A backward layer reads each row from its own last place on, so that filling is never read before
the row; that is what packed sequences are for, which torch's fast kernels for processors do not take.

    B  rows    L  places    D  inputs    H  hidden units    C  1 or 2, the directions
"""

from typing import Any, Literal

import torch
from torch import nn

Kind = Literal["rnn", "lstm", "gru"]
CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
STEPS: dict[str, Any] = {"rnn": torch.rnn_tanh_cell, "gru": torch.gru_cell}  # of one place
Hidden = tuple[torch.Tensor, ...]  # (h,) or (h, c), each (B, layers, H)


class Recurrent(nn.Module):
    """(B, L, D) -> (B, L, C H)."""

    def __init__(self, kind: Kind, inputs: int, hidden: int, layers: int = 1, both: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        self.kind, self.hidden, self.both = kind, hidden, both
        width = 2 * hidden if both else hidden
        sizes = [inputs, *[width] * (layers - 1)]
        self.forwards = nn.ModuleList(CELLS[kind](size, hidden, batch_first=True) for size in sizes)
        self.backwards = nn.ModuleList(CELLS[kind](size, hidden, batch_first=True) for size in sizes if both)
        self.dropout = nn.Dropout(dropout)
        if kind == "lstm":
            for layer in [*self.forwards, *self.backwards]:
                _remember_at_first(layer, hidden)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """lengths (B,): places of each row that are no filling; needed where both directions are read."""
        turn = None if not self.both else turned(x, lengths)
        for i, layer in enumerate(self.forwards):
            x = self.dropout(x) if i else x
            y = layer(x)[0]
            if turn is not None:
                back = self.backwards[i](x.gather(1, turn.expand_as(x)))[0]
                y = torch.cat([y, back.gather(1, turn.expand_as(back))], -1)
            x = y
        return x

    def carried(self, x: torch.Tensor, state: Hidden) -> tuple[torch.Tensor, Hidden]:
        """(B, L, H), and the state after the last place, going on from `state`; for one direction."""
        after: list[Hidden] = []
        if x.shape[1] == 1 and not torch.is_grad_enabled():
            return self._one_place(x, state)
        for i, layer in enumerate(self.forwards):
            x = self.dropout(x) if i else x
            before = tuple(one[:, i][None].contiguous().to(x.dtype) for one in state)
            x, found = layer(x, before if self.kind == "lstm" else before[0])
            after.append(found if self.kind == "lstm" else (found,))
        return x, tuple(torch.stack([one[0] for one in each], 1) for each in zip(*after, strict=True))

    def _one_place(self, x: torch.Tensor, state: Hidden) -> tuple[torch.Tensor, Hidden]:
        """The same for a single place (B, 1, D), by torch's cells: calling a whole layer for it takes five times as long."""
        after, y = list[Hidden](), x[:, 0].float()
        with torch.autocast(x.device.type, enabled=False):
            for i, layer in enumerate(self.forwards):
                weights: Any = (layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0)
                before = tuple(one[:, i].float() for one in state)
                found = torch.lstm_cell(y, before, *weights) if self.kind == "lstm" else (STEPS[self.kind](y, before[0], *weights),)
                after.append(tuple(found))
                y = found[0]
        return y[:, None], tuple(torch.stack(each, 1) for each in zip(*after, strict=True))

    def blank(self, rows: int, like: torch.Tensor) -> Hidden:
        """The state before anything was read."""
        zeros = torch.zeros(rows, len(self.forwards), self.hidden, device=like.device)
        return (zeros, zeros.clone()) if self.kind == "lstm" else (zeros,)


def turned(x: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """(B, L, 1) the places of x (B, L, D) in backward order, each row turned within its own length, the filling left where it is."""
    places = torch.arange(x.shape[1], device=x.device)
    if lengths is None:
        return places.flip(0)[None, :, None].expand(len(x), -1, 1)
    ends = lengths[:, None].to(x.device)
    return torch.where(places < ends, ends - 1 - places, places)[..., None]


def ends_of(x: torch.Tensor, lengths: torch.Tensor, both: bool) -> torch.Tensor:
    """What each direction knows when it has read a whole row: (B, L, C H) -> (B, C H)."""
    last = x[torch.arange(len(x)), lengths - 1]
    if not both:
        return last
    half = x.shape[-1] // 2
    return torch.cat([last[:, :half], x[:, 0, half:]], -1)


def _remember_at_first(layer: Any, hidden: int) -> None:
    """The bias of the forget gates begins at 1 (Jozefowicz, Zaremba & Sutskever 2015)."""
    with torch.no_grad():
        layer.bias_ih_l0[hidden : 2 * hidden] = 1.0
        layer.bias_hh_l0[hidden : 2 * hidden] = 0.0
