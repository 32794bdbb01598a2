"""The default for tables: embedded columns, and an ensemble of perceptrons that share nearly all weights.

    x    (B, D) scaled numbers, NaN where missing; places of categories       e    (B, F) embedded columns
    r    (k, F) multipliers of the members        h    (B, k, H) hidden       z    (B, k, K) what each member says

- Categories have a learned vector each (Guo & Berkhahn 2016, "Entity Embeddings of Categorical Variables"); the vector of
  place 0 stands for missing, rare and unseen words.
- Numbers are written as their place among the quantiles of the training rows, piecewise linear (Gorishniy, Rubachev & Babenko
  2022, "On Embeddings for Numerical Features in Tabular Deep Learning", eq. (1)), beside the number itself.
- The k members differ in the multipliers r of their inputs and in their heads (Wen, Tran & Ba 2020, "BatchEnsemble";
  Gorishniy, Kotelnikov & Babenko 2024, "TabM", the variant TabM-mini). Each is trained by itself, the answer is their mean.

Departures: a flag beside every column of numbers says that the cell was missing (then all its places are 0), and numbers
further than `FAR` deviations out are brought back to there.
"""

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import nn

from lamina.core.config import knob
from lamina.core.errors import UsageError
from lamina.core.spec import Classes, Column, Labels, Spec, Table, Vector
from lamina.nn.layers import Style, dense, initialize

FAR = 5.0  # deviations


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


class Columns(nn.Module):
    """(B, D) -> (B, F): numbers and their places among the quantiles, flags of what is missing, vectors of categories."""

    def __init__(self, columns: tuple[Column, ...], bins: int) -> None:
        super().__init__()
        self.numbers = [i for i, column in enumerate(columns) if column.kind != "category"]
        self.words = [i for i, column in enumerate(columns) if column.kind == "category"]
        sizes = [len(columns[i].categories) + 1 for i in self.words]
        self.vectors = nn.ModuleList(nn.Embedding(size, vector_size(size)) for size in sizes)
        self.register_buffer("left", torch.zeros(len(self.numbers), bins))
        self.register_buffer("per_width", torch.zeros(len(self.numbers), bins))  # 0 for a bin that is empty
        self.left: torch.Tensor
        self.per_width: torch.Tensor
        self.size = len(self.numbers) * (bins + 2) + sum(map(vector_size, sizes))

    def learn(self, x: torch.Tensor) -> None:
        """Quantiles of the numbers that are there, each once; bins that are left over stay empty."""
        for row, column in enumerate(self.numbers):
            values = x[:, column][~x[:, column].isnan()].double()
            if len(values) and self.left.shape[1]:
                edges = values.quantile(torch.linspace(0, 1, self.left.shape[1] + 1, dtype=torch.float64)).float().unique()
                width = edges.diff()
                self.left[row].zero_()[: len(width)] = edges[:-1]
                self.per_width[row].zero_()[: len(width)] = 1 / width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        numbers = x[:, self.numbers]  # (B, N)
        missing = numbers.isnan()
        places = ((numbers[..., None] - self.left) * self.per_width).clamp(0, 1)  # (B, N, bins): eq. (1)
        places = places.masked_fill(missing[..., None], 0).flatten(1)
        found = [numbers.clamp(-FAR, FAR).masked_fill(missing, 0), missing.to(x.dtype), places]
        found += [table(x[:, i].long()) for i, table in zip(self.words, self.vectors, strict=True)]
        return torch.cat(found, 1)  # (B, F)


def vector_size(words: int) -> int:
    """Numbers in the vector of a category: half its words, from 2 to 32."""
    return max(2, min(32, (words + 1) // 2))
