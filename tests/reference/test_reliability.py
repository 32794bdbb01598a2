"""How far confidences are to be believed: of one that tells the truth nothing is wrong, of one that boasts as much as it boasts."""

import numpy as np
import pytest
import torch

from lamina.core.detector import Truth
from lamina.core.spec import IGNORED
from lamina.metrics.boxes import Detections
from lamina.metrics.masks import Masks
from lamina.metrics.reliability import BINS, Reliability


def counted(confidence: torch.Tensor, right: torch.Tensor, weight: torch.Tensor | None = None) -> Reliability:
    found = Reliability()
    for rows in torch.arange(len(confidence)).split(70):
        found.update(confidence[rows], right[rows], None if weight is None else weight[rows])
    return found


@pytest.mark.parametrize("weighted", [False, True])
def test_each_bin_by_hand(weighted: bool) -> None:
    random = np.random.default_rng(0)
    sure, right = random.random(300), random.random(300) < 0.4
    w = random.random(300) if weighted else np.ones(300)
    found = counted(torch.from_numpy(sure), torch.from_numpy(right), torch.from_numpy(w) if weighted else None)
    error = 0.0
    for n, one in enumerate(found.bins()):
        mine = (sure >= n / BINS) & (sure < (n + 1) / BINS)
        assert one["count"] == mine.sum()
        assert one["confidence"] == pytest.approx(np.average(sure[mine], weights=w[mine]))
        assert one["accuracy"] == pytest.approx(np.average(right[mine], weights=w[mine]))
        error += w[mine].sum() / w.sum() * abs(one["confidence"] - one["accuracy"])
    assert found.error() == pytest.approx(error)


def test_honest_and_boasting() -> None:
    random = torch.Generator().manual_seed(0)
    sure = torch.rand(200_000, generator=random)
    honest = counted(sure, torch.rand(len(sure), generator=random) < sure)
    boasting = counted(0.5 + sure / 2, torch.rand(len(sure), generator=random) < sure)
    assert honest.error() < 0.01
    assert boasting.error() == pytest.approx(0.25, abs=0.01)
    assert Reliability().error() == 0
    assert counted(torch.ones(3), torch.ones(3)).bins()[-1] == {"count": 3, "confidence": 1, "accuracy": 1}


def test_pixels_are_counted_where_they_are_judged() -> None:
    random = torch.Generator().manual_seed(1)
    logits, y = torch.randn(3, 4, 9, 7, generator=random), torch.randint(0, 4, (3, 9, 7), generator=random).byte()
    y[:, :2] = IGNORED
    found = Masks(4, thorough=True)
    found.update(logits, y)
    sure, said = logits.softmax(1).max(1)
    judged = y != IGNORED
    assert found.reliability.error() == pytest.approx(counted(sure[judged], (said == y)[judged]).error(), abs=1e-6)
    assert sum(one["count"] for one in found.reliability.bins()) == 3 * 7 * 7


def test_boxes_are_right_on_an_object_of_their_class() -> None:
    """A hit, the same object once more, another class, nothing there, and one on a crowd, which is not judged."""
    object_, crowd = [0.0, 0, 10, 10], [50.0, 50, 80, 80]
    rows = [[*object_, 0.95, 0], [*object_, 0.85, 0], [*object_, 0.75, 1], [20.0, 20, 30, 30, 0.65, 0], [*crowd, 0.55, 0]]
    truth = Truth(torch.tensor([object_, crowd]), torch.tensor([0, 0]), torch.tensor([0, 0]), torch.tensor([1.0, 0]))
    found = Detections(2)
    found.update(torch.tensor([rows]), truth, torch.ones(1))
    bins = found.reliability().bins()
    assert [one["count"] for one in bins] == [0] * 6 + [1] * 4
    assert [one["accuracy"] for one in bins[6:]] == [0, 0, 0, 1]
