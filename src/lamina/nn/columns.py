"""The columns of a table as numbers that a layer can take: words, gaps and numbers far out included.

    x    (B, D) scaled numbers, NaN where missing; places of categories       e    (B, F) embedded columns

- Categories have a learned vector each (Guo & Berkhahn 2016, "Entity Embeddings of Categorical Variables"); the vector of
  place 0 stands for missing, rare and unseen words.
- Numbers are written as their place among the quantiles of the training rows, piecewise linear (Gorishniy, Rubachev & Babenko
  2022, "On Embeddings for Numerical Features in Tabular Deep Learning", eq. (1)), beside the number itself.

Departures: a flag beside every column of numbers says that the cell was missing (then all its places are 0), and numbers
further than `FAR` deviations out are brought back to there.
"""

import torch
from torch import nn

from lamina.core.spec import Column, Input, Table
from lamina.nn.layers import flat_size

FAR = 5.0  # deviations


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


def flat(spec: Input) -> tuple[nn.Module, int]:
    """What lays a row out flat, and how many numbers it then is: the columns of a table embedded, all else as it is."""
    if isinstance(spec, Table):
        columns = Columns(spec.columns, bins=0)
        return columns, columns.size
    return nn.Flatten(), flat_size(spec)
