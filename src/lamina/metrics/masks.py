"""Figures of masks, gathered batch by batch: overlap, accuracy, and how well edges are met.

The overlap of a class (Jaccard 1912; Everingham et al. 2010) is of the pixels that are it or are said to be it the share that both are:

    IoU = hits / (true + said - hits)

summed over all pictures before dividing, so that large and small pictures of a class count by their pixels. `mean_iou` is the mean over
the classes that the truth holds: a class that nobody drew is not judged, but what is wrongly called it misses its own
class. Pixels that are IGNORED count nowhere.

    B  pictures of a batch    N  pictures in all    K  classes    R  draws
"""

import torch
import torch.nn.functional as F

from lamina.core.errors import DataError
from lamina.core.spec import IGNORED
from lamina.metrics.bootstrap import drawn, middle
from lamina.metrics.boundary import boundary_f
from lamina.metrics.reliability import Reliability


class Masks:
    """`update(logits (B, K, H, W) or classes (B, H, W), truth (B, H, W) bytes)`, then `value()`.

    With `thorough` the edges are judged too, which takes some ten times longer than all the rest, and how far the probability of a
    pixel's class is to be believed (`reliability`).
    """

    def __init__(self, classes: int, thorough: bool = False) -> None:
        self.thorough, self.reliability = thorough, Reliability()
        self.confusion = torch.zeros(classes, classes, dtype=torch.int64)  # (true, said)
        self.loss = 0.0  # in nats, summed over pixels
        self._counts: list[torch.Tensor] = []  # hits, true, said: (B, 3, K) float64 each
        self._edges: list[torch.Tensor] = []  # (B, K)

    def update(self, answers: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Count one batch; DataError for a mask with a class that is not known. Returns the classes that are said, (B, H, W)."""
        k, answers, y = len(self.confusion), answers.cpu(), y.cpu()
        _check(y, k)
        if answers.ndim == 4:
            self.loss += F.cross_entropy(answers.float(), y.long(), ignore_index=IGNORED, reduction="sum").item()
        said = classes_of(answers)
        assert int(said.max()) < k, "answers are classes of the spec"
        confusion = _confusions(said, y, k)  # (B, K, K)
        self.confusion += confusion.sum(0)
        self._counts.append(torch.stack([confusion.diagonal(dim1=1, dim2=2), confusion.sum(2), confusion.sum(1)], 1).double())
        if self.thorough:
            self._edges.append(boundary_f(said, y, k))
        if self.thorough and answers.ndim == 4:
            sure, judged = (answers.float().amax(1) - answers.float().logsumexp(1)).exp(), y != IGNORED
            self.reliability.update(sure[judged], (said == y)[judged])
        return said

    def value(self) -> dict[str, float]:
        """mean_iou; accuracy, the share of right pixels; mean_accuracy, the mean over classes of the share of their pixels that are
        right; loss in nats a pixel; and boundary_f where it is judged."""
        counts = self._all().sum(0)
        labelled = counts[1].sum().clamp_min(1)
        found = {
            "mean_iou": _mean_iou(counts).item(), "accuracy": (counts[0].sum() / labelled).item(),
            "mean_accuracy": _mean(counts[0] / counts[1].clamp_min(1), counts[1] > 0).item(), "loss": self.loss / labelled.item(),
        }  # fmt: skip
        return found | ({"boundary_f": _known_mean(torch.cat(self._edges).nanmean(1))} if self.thorough else {})

    def intervals(self) -> dict[str, tuple[float, float]]:
        """95 % intervals, of other pictures of the same kind: pixels of one picture are no independent rows."""
        each = self._drawn()
        accuracy = each[:, 0].sum(1) / each[:, 1].sum(1).clamp_min(1)
        mean_accuracy = _mean(each[:, 0] / each[:, 1].clamp_min(1), each[:, 1] > 0)
        found = {"mean_iou": middle(_mean_iou(each)), "accuracy": middle(accuracy), "mean_accuracy": middle(mean_accuracy)}
        return found | ({"boundary_f": middle(self._drawn_edges())} if self.thorough else {})

    def per_class(self) -> list[dict[str, float]]:
        """iou of each class with its 95 % interval, recall and precision, the pixels that are it and the pictures that hold it; and
        boundary_f where it is judged. A class that the truth does not hold has an iou of 0."""
        counts, each = self._all(), self._drawn()
        unseen = each[:, 1] == 0  # draws that do not hold the class say nothing of it
        draws = _iou(each).masked_fill(unseen, torch.nan)
        hits, true, said = counts.sum(0)
        rows = []
        for k, iou in enumerate(_iou(counts.sum(0)).tolist()):
            low, high = middle(draws[:, k])
            row = {
                "iou": iou, "iou_low": low, "iou_high": high, "recall": (hits[k] / true[k].clamp_min(1)).item(),
                "precision": (hits[k] / said[k].clamp_min(1)).item(), "count": int(true[k]), "pictures": int((counts[:, 1, k] > 0).sum()),
            }  # fmt: skip
            rows.append(row | ({"boundary_f": _known_mean(torch.cat(self._edges)[:, k])} if self.thorough else {}))
        return rows

    def per_picture(self) -> torch.Tensor:
        """The mean IoU of each picture over the classes that it holds, (N,) float32; a picture without a labelled pixel has 1."""
        counts = self._all()
        return _mean_iou(counts).where(counts[:, 1].sum(1) > 0, 1.0).float()

    def _drawn_edges(self) -> torch.Tensor:
        """The mean of F over the pictures of each draw that have an edge: (R,)."""
        each = torch.cat(self._edges).nanmean(1)  # (N,)
        times = drawn(len(each)) * ~each.isnan()
        return times @ each.nan_to_num(0) / times.sum(1).clamp_min(1)

    def _all(self) -> torch.Tensor:
        """hits, true and said of every picture: (N, 3, K) float64."""
        return torch.cat([torch.zeros(0, 3, len(self.confusion), dtype=torch.float64), *self._counts])

    def _drawn(self) -> torch.Tensor:
        """The same, summed over the pictures of each draw: (R, 3, K)."""
        counts = self._all()
        return (drawn(len(counts)) @ counts.flatten(1)).unflatten(1, counts.shape[1:])


def classes_of(answers: torch.Tensor) -> torch.Tensor:
    """The class of every pixel: logits (B, K, H, W), or classes (B, H, W), which stay as they are."""
    return answers.max(1).indices if answers.ndim == 4 else answers  # argmax over an inner axis takes four times as long


def _check(y: torch.Tensor, classes: int) -> None:
    wrong = (y >= classes) & (y != IGNORED)
    if wrong.any():
        picture, row, column = wrong.nonzero()[0].tolist()
        raise DataError(f"masks of classes below {classes}, or {IGNORED} for what is not judged",
                        f"`{int(y[picture, row, column])}` at row {row}, column {column} of picture {picture}",
                        "Check which classes the masks were drawn with.")


def _confusions(said: torch.Tensor, y: torch.Tensor, k: int) -> torch.Tensor:
    """(true, said) of each picture, (B, K, K); what is ignored is counted as class K, which is then left out."""
    picture = torch.arange(len(y)).view(-1, 1, 1)
    true = y.clamp(max=k).long()
    places = (picture * (k + 1) + true) * k + said
    return torch.bincount(places.flatten(), minlength=len(y) * (k + 1) * k).view(len(y), k + 1, k)[:, :k]


def _iou(counts: torch.Tensor) -> torch.Tensor:
    """(..., 3, K) -> (..., K)."""
    hits, true, said = counts.unbind(-2)
    return hits / (true + said - hits).clamp_min(1)


def _mean_iou(counts: torch.Tensor) -> torch.Tensor:
    return _mean(_iou(counts), counts[..., 1, :] > 0)


def _mean(values: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """The mean over the last axis of those that count; 0 where none does."""
    return (values * counted).sum(-1) / counted.sum(-1).clamp_min(1)


def _known_mean(values: torch.Tensor) -> float:
    """The mean of what is not NaN, of (N,); 0 where nothing is."""
    return values.nanmean().nan_to_num(0).item()
