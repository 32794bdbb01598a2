"""Figures of masks against scikit-learn's and SciPy's, and what their intervals promise."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from sklearn import metrics

from lamina.core.errors import DataError
from lamina.core.spec import IGNORED
from lamina.metrics.bootstrap import drawn, middle
from lamina.metrics.boundary import boundary_f, dilated, edges
from lamina.metrics.masks import Masks

K, N, H, W = 5, 9, 14, 11


def blobs(seed: int, classes: int = K) -> torch.Tensor:
    """Masks (N, H, W) of a few large areas."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, classes, (N, 1, 4, 3), generator=random).float()
    return torch.nn.functional.interpolate(coarse, (H, W))[:, 0].byte()


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (N, K, H, W) and truth: class 4 is said but never true, some pixels are ignored, one picture is all ignored."""
    y = blobs(0, K - 1)
    logits = torch.randn(N, K, H, W, generator=torch.Generator().manual_seed(1))
    logits.scatter_add_(1, y.long()[:, None], torch.full((N, 1, H, W), 1.5))
    y[:, :2], y[3] = IGNORED, IGNORED
    return logits, y


def gathered(answers: torch.Tensor, y: torch.Tensor, thorough: bool = False, classes: int = K) -> Masks:
    found = Masks(classes, thorough)
    for some, true in zip(answers.split([4, 1, len(y) - 5]), y.split([4, 1, len(y) - 5]), strict=True):
        found.update(some, true)
    return found


def labelled(said: torch.Tensor, y: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    counts = y != IGNORED
    return y[counts].numpy(), said[counts].numpy()


def test_figures_are_scikit_learns() -> None:
    logits, y = scene()
    found = gathered(logits, y)
    true, said = labelled(logits.argmax(1), y)
    present = sorted(set(true))
    value = found.value()
    assert 4 in said
    assert 4 not in present
    assert value["accuracy"] == pytest.approx(metrics.accuracy_score(true, said), rel=1e-12)
    assert value["mean_iou"] == pytest.approx(metrics.jaccard_score(true, said, labels=present, average="macro"), rel=1e-12)
    assert value["mean_accuracy"] == pytest.approx(metrics.recall_score(true, said, labels=present, average="macro"), rel=1e-12)
    probabilities = logits.double().softmax(1).movedim(1, -1)[y != IGNORED].numpy()
    assert value["loss"] == pytest.approx(metrics.log_loss(true, probabilities, labels=range(K)), rel=1e-5)
    np.testing.assert_array_equal(found.confusion.numpy(), metrics.confusion_matrix(true, said, labels=range(K)))


def test_figures_of_each_class_are_scikit_learns() -> None:
    logits, y = scene()
    rows = gathered(logits, y).per_class()
    true, said = labelled(logits.argmax(1), y)
    precision, recall, _, count = metrics.precision_recall_fscore_support(true, said, labels=range(K), zero_division=0)
    iou = metrics.jaccard_score(true, said, labels=range(K), average=None, zero_division=0)
    for key, expected in (("iou", iou), ("precision", precision), ("recall", recall), ("count", count)):
        assert [row[key] for row in rows] == pytest.approx(expected.tolist())
    assert [row["pictures"] for row in rows] == [int(sum((mask == k).any() for mask in y)) for k in range(K)]
    assert all(row["iou_low"] <= row["iou"] <= row["iou_high"] for row in rows[:4])
    assert rows[0]["iou_low"] < rows[0]["iou_high"]
    assert (rows[4]["iou_low"], rows[4]["iou_high"]) == (0, 1), "nothing is known of a class that the truth does not hold"


def test_each_picture_has_its_own_figure() -> None:
    logits, y = scene()
    each = gathered(logits, y).per_picture()
    assert each.shape == (N,)
    assert each[3] == 1, "nothing is wrong where nothing is judged"
    for place in (0, 1, 8):
        true, said = labelled(logits.argmax(1)[place], y[place])
        expected = metrics.jaccard_score(true, said, labels=sorted(set(true)), average="macro", zero_division=0)
        assert each[place].item() == pytest.approx(expected, rel=1e-6)


def test_classes_may_be_given_and_batches_do_not_matter() -> None:
    logits, y = scene()
    whole = Masks(K)
    whole.update(logits.argmax(1), y)
    expected = gathered(logits, y).value()
    assert {name: whole.value()[name] for name in expected if name != "loss"} == {n: v for n, v in expected.items() if n != "loss"}


@given(st.integers(0, 1000), st.integers(0, 254))
def test_what_is_said_of_ignored_pixels_does_not_count(seed: int, place: int) -> None:
    said, y = blobs(seed), blobs(seed + 1)
    y.view(-1)[place : place + 40] = IGNORED
    changed = said.clone()
    changed[y == IGNORED] = (said[y == IGNORED] + 1) % K
    assert gathered(changed, y, thorough=True).value() == gathered(said, y, thorough=True).value()


def test_negative_control_one_wrong_pixel_is_seen() -> None:
    said = blobs(0)
    assert gathered(said, said).value()["mean_iou"] == 1
    wrong = said.clone()
    wrong[0, 0, 0] = (wrong[0, 0, 0] + 1) % K
    assert gathered(wrong, said).value()["mean_iou"] < 1
    assert gathered(wrong, said).value()["accuracy"] == pytest.approx(1 - 1 / said.numel(), rel=1e-12)


def test_nothing_labelled_gives_figures_of_zero() -> None:
    empty = torch.full((N, H, W), IGNORED, dtype=torch.uint8)
    found = gathered(blobs(0), empty, thorough=True)
    assert set(found.value().values()) == {0}
    assert found.intervals()["mean_iou"] == (0, 0)


def test_an_unknown_class_is_refused_with_its_place() -> None:
    y = blobs(0)
    y[2, 3, 4] = K
    with pytest.raises(DataError, match="row 3, column 4 of picture 2"):
        Masks(K).update(blobs(0), y)


# -- edges ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("radius", [0.0, 1.0, 1.5, 2.25, 5.0, 40.0])
def test_places_within_a_radius_are_scipys(radius: float) -> None:
    maps = torch.rand(3, H, W, generator=torch.Generator().manual_seed(0)) > 0.97
    maps[2] = False
    maps[2, 0, 0] = True
    expected = [ndimage.distance_transform_edt(~one.numpy()) <= radius for one in maps]
    np.testing.assert_array_equal(dilated(maps, radius).numpy(), np.stack(expected))


def slow_boundary_f(said: np.ndarray, true: np.ndarray, k: int, radius: float) -> float:
    """As the paper writes it, pixel by pixel."""

    def edge(mask: np.ndarray) -> list[tuple[int, int]]:
        return [(i, j) for i in range(H) for j in range(W) if mask[i, j] == k and true[i, j] != IGNORED and touches(mask, i, j)]

    def touches(mask: np.ndarray, i: int, j: int) -> bool:
        beside = [(a, b) for a, b in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)) if 0 <= a < H and 0 <= b < W]
        return any(mask[place] != k and true[place] != IGNORED for place in beside)

    def share(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> float:
        return sum(any(math.dist(p, q) <= radius for q in other) for p in one) / max(len(one), 1)

    at_said, at_true = edge(said), edge(true)
    if not at_said and not at_true:
        return math.nan
    precision, recall = share(at_said, at_true), share(at_true, at_said)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@pytest.mark.parametrize("tolerance", [0.0, 0.06, 0.13])
def test_the_figure_of_edges_is_the_papers(tolerance: float) -> None:
    logits, y = scene()
    said = logits.argmax(1).byte()
    said[7] = y[7]
    found = boundary_f(said, y, K, tolerance)
    radius = tolerance * math.hypot(H, W)
    expected = [[slow_boundary_f(s, t, k, radius) for k in range(K)] for s, t in zip(said.numpy(), y.numpy(), strict=True)]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    assert np.isnan(expected[3]).all()
    assert found[7].nansum() == found[7].isfinite().sum(), "equal masks meet every edge"


def test_edges_of_a_square_lie_on_both_sides_of_its_outline() -> None:
    mask = torch.zeros(6, 6, dtype=torch.uint8)
    mask[2:5, 2:5] = 1
    assert int((edges(mask) & (mask == 1)).sum()) == 8
    assert int((edges(mask) & (mask == 0)).sum()) == 12, "corners do not touch"
    mask[:2] = IGNORED
    assert int((edges(mask) & (mask == 1)).sum()) == 7, "the middle of the upper row touches nothing that is labelled"


def test_a_moved_edge_is_forgiven_within_the_tolerance_only() -> None:
    true, near, far = (torch.arange(100).lt(place).byte().expand(1, 40, 100) for place in (50, 52, 60))
    near_f, far_f = (boundary_f(said, true, 2, 2.01 / math.hypot(40, 100)) for said in (near, far))
    assert near_f.tolist() == [[1, 1]]
    assert far_f.tolist() == [[0, 0]]


def test_the_mean_over_pictures_and_classes() -> None:
    logits, y = scene()
    found = gathered(logits, y, thorough=True)
    each = boundary_f(logits.argmax(1), y, K).numpy()
    by_class = [np.nan_to_num(np.nanmean(each[:, k])) for k in range(K)]
    per_picture = [np.nanmean(row) for row in each if not np.isnan(row).all()]
    assert found.value()["boundary_f"] == pytest.approx(np.mean(per_picture), rel=1e-12)
    assert [row["boundary_f"] for row in found.per_class()] == pytest.approx(by_class)


# -- intervals --------------------------------------------------------------------------------------


def test_one_picture_says_nothing_of_others() -> None:
    found = Masks(2)
    found.update(torch.rand(1, 2, 8, 8), torch.zeros(1, 8, 8).byte())
    assert set(found.intervals().values()) == {(0, 1)}
    assert (found.per_class()[0]["iou_low"], found.per_class()[0]["iou_high"]) == (0, 1)


def test_draws_are_of_pictures_with_replacement() -> None:
    counts = drawn(7, 400)
    assert (counts.sum(1) == 7).all()
    assert counts.mean(0).sub(1).abs().max() < 0.25
    assert counts.var().item() == pytest.approx(1 - 1 / 7, rel=0.1)  # of a binomial with n = 7, p = 1 / 7
    assert torch.equal(counts, drawn(7, 400))
    assert not torch.equal(counts, drawn(7, 400, seed=1))
    assert middle(torch.tensor([math.nan])) == (0, 1)


def coverage(spread_of: Any) -> float:
    """How often the interval of the accuracy of 40 pictures holds the truth, of 60 trials; pixels of a picture are alike."""
    random = np.random.default_rng(0)
    inside = 0
    for _ in range(60):
        rates = random.beta(2, 2, 40)  # the true accuracy of each picture, 0.5 in the mean
        right = np.stack([random.random((8, 8)) < rate for rate in rates])
        found = Masks(2)
        found.update(torch.from_numpy(1 - right.astype(np.uint8)), torch.zeros(40, 8, 8, dtype=torch.uint8))
        low, high = spread_of(found)
        inside += low <= 0.5 <= high
    return inside / 60


def test_the_interval_holds_the_truth_where_pixels_depend_on_each_other() -> None:
    from lamina.metrics.intervals import wilson

    assert coverage(lambda found: found.intervals()["accuracy"]) > 0.85
    as_if_rows = coverage(lambda found: wilson(int(found.confusion.trace()), int(found.confusion.sum())))
    assert as_if_rows < 0.7  # negative control: pixels taken as independent
