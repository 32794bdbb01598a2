"""The default for tables: embedded columns, and an ensemble of perceptrons that share nearly all weights.

    x    (B, D) scaled numbers, NaN where missing; places of categories       e    (B, F) embedded columns
    r    (k, F) multipliers of the members        h    (B, k, H) hidden       z    (B, k, K) what each member says

- Columns are embedded by `nn/columns.py`: words as vectors, numbers as places among quantiles beside the number itself.
- The k members differ in the multipliers r of their inputs and in their heads (Wen, Tran & Ba 2020, "BatchEnsemble";
  Gorishniy, Kotelnikov & Babenko 2024, "TabM", the variant TabM-mini). Each is trained by itself, the answer is their mean.
"""

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import nn

from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Classes, Column, Labels, Spec, Table, Vector
from lamina.nn.columns import Columns
from lamina.nn.layers import Style, dense, initialize


class Config(Style):
    """The widths of the hidden layers, the members of the ensemble and how columns are embedded."""

    hidden: tuple[PositiveInt, ...] = knob((64, 64), "units in each hidden layer, as 64,64", search="choice")
    members: int = knob(8, "perceptrons in the ensemble", low=1, high=256, search="log")
    bins: int = knob(8, "quantile bins in which a number is written beside itself; 0 for none", low=0, high=256, search="log")


class Tabular(nn.Module):
    """Columns, members, hidden layers and a head for each member: (B, D) -> (B, K), in training (B, k, K)."""

    def __init__(self, spec: Spec, config: Config) -> None:
        super().__init__()
        if not isinstance(spec.input, Table | Vector):
            raise UsageError("rows of a table for `tabular`", f"`{spec.input.kind}`", "Use `--model cnn` for pictures.")
        columns = spec.input.columns if isinstance(spec.input, Table) else (Column(name=""),) * spec.input.size
        self.columns = Columns(columns, config.bins)
        self.members = nn.Parameter(torch.randint(0, 2, (config.members, self.columns.size)) * 2.0 - 1.0)
        widths = [self.columns.size, *config.hidden]
        self.blocks = nn.Sequential(*(layer for i, o in zip(widths, config.hidden, strict=False) for layer in dense(i, o, config)))
        self.head = Heads(config.members, widths[-1], spec.target.size)
        self.probable = isinstance(spec.target, Classes), isinstance(spec.target, Labels)
        initialize(self, config.init, config.activation)

    def learn(self, x: torch.Tensor) -> None:
        """Take the quantiles of the scaled training inputs (N, D)."""
        self.columns.learn(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        e = self.columns(x)  # (B, F)
        h = self.blocks((e[:, None] * self.members).flatten(0, 1))  # (B k, H)
        z: torch.Tensor = self.head(h.view(len(x), len(self.members), -1))  # (B, k, K)
        return z if self.training else self.agreed(z)

    def agreed(self, z: torch.Tensor) -> torch.Tensor:
        """The mean of what the members say, (B, K): of probabilities, as logits again, or of numbers."""
        classes, labels = self.probable
        if classes:
            return z.log_softmax(2).logsumexp(1)
        if labels:
            return F.logsigmoid(z).logsumexp(1) - F.logsigmoid(-z).logsumexp(1)
        return z.mean(1)


class Heads(nn.Module):
    """A linear layer for each member: (B, k, H) -> (B, k, K)."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, outputs).uniform_(-bound, bound))

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bkh,khc->bkc", h, self.weight) + self.bias
