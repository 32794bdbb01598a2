"""Whether new inputs look like the training data, so that answers to what was never seen are marked.

Pictures: the distance to the k-th nearest training picture among unit-length features (Sun et al. 2022, Out-of-distribution
detection with deep nearest neighbors), and the same among small thumbnails, as a network that learned to tell digits apart may
see a digit in noise. The limit is the 99 % quantile of the validation split's larger distance, so one familiar picture in a
hundred is marked. Tables: a number outside the range of the training rows. Texts: more unknown words than 99 %
of the validation texts have.

    M  training rows that are kept    N  new rows    F  features
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from lamina.core.data import Data, Split, batches
from lamina.core.errors import quoted
from lamina.core.predictor import Predictor
from lamina.core.spec import FILL, UNKNOWN, Boxes, Image, Mask, Spec, Table, Text, Tokens, Vector
from lamina.oversight.features import last_input

MOST_KEPT, MOST_COMPARED = 1000, 300
LEAST_COMPARED = 30  # validation rows without which no limit is set
ROWS_A_NEIGHBOUR = 100  # k is a hundredth of the rows, so that it stays inside a class
THUMBNAIL = 8  # places a side
QUANTILE = 0.99
AT_ONCE = 256  # rows of one forward pass


@dataclass(frozen=True)
class Familiar:
    """What is kept of the training data, as plain tensors: `features` and `thumbnails` (M, ...) float16 of unit length, their
    `rows` (M,) in the training split, `usual` (2,) distances of each; `limit` (); or `low` and `high` (D,) of each column."""

    kept: Mapping[str, torch.Tensor]

    def unlike(self, predictor: Predictor, spec: Spec, x: torch.Tensor) -> list[str]:
        """For each of (N, ...) inputs how it differs from the training data, "" where it does not."""
        if "low" in self.kept and isinstance(spec.input, Vector | Table):
            return [_outside(row, self.kept, spec.input) for row in x]
        if "limit" not in self.kept:
            return [""] * len(x)
        limit = self.kept["limit"].item()
        if isinstance(spec.input, Text):
            return ["more unknown words than the training texts have" if s > limit else "" for s in _unknown(x).tolist()]
        distance = (_distances(self.kept, predictor, x) / self.kept["usual"]).amax(1)
        return ["unlike the training photos" if d > limit else "" for d in distance.tolist()]

    def nearest_rows(self, found: torch.Tensor, count: int) -> list[list[int]]:
        """The rows of the training split nearest to features (N, F), the nearest first; [] where none are kept."""
        if "features" not in self.kept:
            return [[]] * len(found)
        order = (unit(found) @ self.kept["features"].float().T).argsort(dim=1, descending=True)[:, :count]
        rows: list[list[int]] = self.kept["rows"][order].tolist()
        return rows


def strange_rows(familiar: Familiar, predictor: Predictor, spec: Spec, split: Split) -> int:
    """How many rows of a split are unlike the training data."""
    return sum(bool(reason) for batch in batches(split) for reason in familiar.unlike(predictor, spec, batch["x"]))


def learn(predictor: Predictor, data: Data) -> Familiar:
    """From the training split, with the limit from the validation split."""
    kind = data.spec.input
    if isinstance(data.spec.target, Boxes | Mask | Tokens):  # many answers a picture: there is no one vector that the last layer sees
        return Familiar({})
    if isinstance(kind, Vector | Table):
        x = data.train.batch(torch.arange(len(data.train)))["x"]
        return Familiar({"low": _filled(x, float("inf")).amin(0), "high": _filled(x, float("-inf")).amax(0)})
    valid = data.valid.batch(spread(data.valid, MOST_COMPARED))["x"]
    if isinstance(kind, Text):
        return Familiar({"limit": _unknown(valid).quantile(QUANTILE)} if len(valid) >= LEAST_COMPARED else {})
    return Familiar(_of_pictures(predictor, data, valid)) if isinstance(kind, Image) else Familiar({})


def _of_pictures(predictor: Predictor, data: Data, valid: torch.Tensor) -> dict[str, torch.Tensor]:
    rows = spread(data.train, MOST_KEPT)
    x = data.train.batch(rows)["x"]
    kept = {"features": unit(features(predictor, x)).half(), "thumbnails": thumbnails(x).half(), "rows": rows}
    if len(valid) < LEAST_COMPARED:
        return kept
    distances = _distances(kept, predictor, valid)
    usual = distances.quantile(QUANTILE, dim=0).clamp_min(1e-6)
    return kept | {"usual": usual, "limit": (distances / usual).amax(1).quantile(QUANTILE)}


def _distances(kept: Mapping[str, torch.Tensor], predictor: Predictor, x: torch.Tensor) -> torch.Tensor:
    """(N, 2): to the k-th nearest features, and to the k-th nearest thumbnail."""
    views = nearest(kept["features"].float(), features(predictor, x)), nearest(kept["thumbnails"].float(), thumbnails(x))
    return torch.stack(views, 1)


def thumbnails(x: torch.Tensor) -> torch.Tensor:
    """Pictures (N, C, H, W) at a few places a side, without their mean, of unit length: (N, F)."""
    small = F.adaptive_avg_pool2d(x.cpu().float(), THUMBNAIL).flatten(1)
    return unit(small - small.mean(1, keepdim=True))


def features(predictor: Predictor, x: torch.Tensor) -> torch.Tensor:
    """What the last linear layer sees of inputs (N, ...): (N, F)."""
    return torch.cat([last_input(predictor, part) for part in x.split(AT_ONCE)])


def spread(split: Split, most: int) -> torch.Tensor:
    """Places of at most `most` rows of a split, evenly spread: (M,) int64."""
    count = min(most, len(split))
    return torch.arange(count) * len(split) // max(count, 1)


def nearest(kept: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """Distance (N,) of features (N, F) to their k-th nearest of `kept` (M, F), all of unit length."""
    k = max(1, len(kept) // ROWS_A_NEIGHBOUR)
    likeness = (unit(found) @ kept.T).topk(k, dim=1).values[:, -1]
    return (2 - 2 * likeness).clamp_min(0).sqrt()


def unit(features: torch.Tensor) -> torch.Tensor:
    """Rows brought to length one."""
    return F.normalize(features.float(), dim=1)


def _filled(x: torch.Tensor, value: float) -> torch.Tensor:
    return torch.where(x.isnan(), value, x)


def _unknown(x: torch.Tensor) -> torch.Tensor:
    """The share of unknown words of each text (N, L)."""
    return (x == UNKNOWN).sum(1).float() / (x != FILL).sum(1).clamp_min(1)


def _outside(row: torch.Tensor, kept: Mapping[str, torch.Tensor], kind: Vector | Table) -> str:
    """The columns of one row (D,) that lie outside the training rows; a missing number lies nowhere."""
    beyond = ((row < kept["low"]) | (row > kept["high"])).tolist()
    if isinstance(kind, Table):  # a date is several columns of one name
        found = [column.name for column, far in zip(kind.columns, beyond, strict=True) if far and column.kind != "category"]
    else:
        names = kind.names or tuple(f"column {i}" for i in range(len(row)))
        found = [name for name, far in zip(names, beyond, strict=True) if far]
    return f"outside the training rows: {quoted(list(dict.fromkeys(found)), 5)}" if found else ""
