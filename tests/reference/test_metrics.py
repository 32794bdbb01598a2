"""Figures, intervals and rivals against scikit-learn's, SciPy's, and what intervals promise."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn import metrics
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lamina.baselines.tables import trivial_and_linear
from lamina.core.data import Data, Split
from lamina.data.arrays import ArraySplit, cut, from_arrays
from lamina.data.catalog import embedded
from lamina.metrics.classification import Classification
from lamina.metrics.intervals import of_mean, wilson
from lamina.metrics.labels import LabelSets
from lamina.metrics.regression import Regression
from lamina.tasks.classify import Classify
from lamina.tasks.regress import Regress

SHARES = [(0, 1), (0, 40), (1, 40), (20, 40), (37, 40), (40, 40), (9_950, 10_000)]


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def in_batches(gathered: Any, *sides: torch.Tensor) -> Any:
    """Batches of unequal length, the last of one row."""
    for part in zip(*(side.split([7, 50, len(side) - 58, 1]) for side in sides), strict=True):
        gathered.update(*part)
    return gathered


# -- classes ----------------------------------------------------------------------------------------


def classified() -> tuple[torch.Tensor, torch.Tensor, Any]:
    """Logits and classes of which one is never said and one never true."""
    y = torch.arange(200) % 3
    logits = drawn(200, 5) + 2 * torch.nn.functional.one_hot(y, 5)
    logits[:, 3] -= 50  # never said; 3 and 4 are never true
    return logits, y, in_batches(Classification(5), logits, y)


def test_accuracy_loss_and_confusion_are_scikit_learns() -> None:
    logits, y, found = classified()
    said = logits.argmax(1)
    assert found.value()["accuracy"] == pytest.approx(metrics.accuracy_score(y, said), rel=1e-12)
    expected = metrics.log_loss(y, logits.double().softmax(1).numpy(), labels=range(5))
    assert found.value()["loss"] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_array_equal(found.confusion.numpy(), metrics.confusion_matrix(y, said, labels=range(5)))


def test_recall_and_precision_of_each_class_are_scikit_learns() -> None:
    logits, y, found = classified()
    precision, recall, _, count = metrics.precision_recall_fscore_support(y, logits.argmax(1), labels=range(5), zero_division=0)
    rows = found.per_class()
    for key, expected in (("precision", precision), ("recall", recall), ("count", count)):
        assert [row[key] for row in rows] == pytest.approx(expected.tolist())
    assert all(row["recall_low"] <= row["recall"] <= row["recall_high"] for row in rows if row["count"])
    assert (rows[3]["recall_low"], rows[3]["recall_high"]) == (0, 1), "nothing is known of a class without a row"


def test_negative_control_one_wrong_answer_is_seen() -> None:
    logits, y, found = classified()
    wrong = y.clone()
    wrong[0] = (wrong[0] + 1) % 3
    assert in_batches(Classification(5), logits, wrong).value() != found.value()


# -- labels -----------------------------------------------------------------------------------------


def test_label_figures_are_scikit_learns() -> None:
    y = (drawn(200, 3, seed=1) > 0.5).float()
    logits = drawn(200, 3) + y
    found = in_batches(LabelSets(), logits, y)
    said = (logits > 0).int()
    assert found.value()["accuracy"] == pytest.approx(metrics.accuracy_score(y.int(), said))
    assert found.value()["f1"] == pytest.approx(metrics.f1_score(y.int(), said, average="micro"))
    each = [metrics.log_loss(y[:, i].int(), logits[:, i].double().sigmoid(), labels=[0, 1]) for i in range(3)]
    assert found.value()["loss"] == pytest.approx(np.mean(each), rel=1e-5)
    assert found.interval() == wilson(int((said == y).all(1).sum()), 200)
    assert found.value()["f1"] != pytest.approx(metrics.f1_score(y.int(), said, average="macro"))  # negative control


def test_labels_that_are_never_said_nor_true_have_no_f1() -> None:
    found = LabelSets()
    found.update(torch.full((3, 2), -1.0), torch.zeros(3, 2))
    assert found.value()["f1"] == 0
    assert found.value()["accuracy"] == 1


# -- numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("targets", [1, 3])
def test_errors_of_numbers_are_scikit_learns(targets: int) -> None:
    y = drawn(200, targets, seed=1) * 10 + 1000
    output = y + drawn(200, targets)
    found = in_batches(Regression(), output, y).value()
    wanted, said = y.double().numpy(), output.double().numpy()
    assert found["rmse"] == pytest.approx(math.sqrt(metrics.mean_squared_error(wanted, said)))
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(wanted, said))
    assert found["r2"] == pytest.approx(metrics.r2_score(wanted, said))
    assert found["loss"] == pytest.approx(found["rmse"] ** 2)
    assert found["r2"] != pytest.approx(metrics.r2_score(said, wanted), rel=1e-6)  # negative control: the sides are not alike


def test_the_interval_of_the_mean_error_is_scipys() -> None:
    y, output = drawn(200, 1), drawn(200, 1, seed=1)
    errors = (output - y).abs().double().numpy()
    expected = stats.norm.interval(0.95, errors.mean(), errors.std() / math.sqrt(200))
    assert in_batches(Regression(), output, y).intervals()["mae"] == pytest.approx([float(bound) for bound in expected], rel=1e-6)


# -- intervals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hits", "total"), SHARES)
def test_wilsons_interval_is_scipys(hits: int, total: int) -> None:
    expected = stats.binomtest(hits, total).proportion_ci(0.95, method="wilson")
    assert wilson(hits, total) == pytest.approx((expected.low, expected.high), abs=1e-8)


def test_wilsons_bounds_are_shares() -> None:
    for total in range(200):
        for hits in {0, total // 2, total}:
            low, high = wilson(hits, total)
            assert 0 <= low <= hits / max(total, 1) + 1e-12
            assert hits / max(total, 1) <= high + 1e-12
            assert high <= 1


def coverage(interval: Callable[[int, int], tuple[float, float]], share: float, total: int) -> float:
    """How often the interval holds the true share, over 4,000 seeded draws."""
    bounds = [interval(hits, total) for hits in range(total + 1)]
    holds = np.array([low <= share <= high for low, high in bounds])
    return float(holds[np.random.default_rng(0).binomial(total, share, 4000)].mean())


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.98])
@pytest.mark.parametrize("total", [50, 400])
def test_wilsons_interval_covers_95_percent(share: float, total: int) -> None:
    """Brown, Cai & DasGupta (2001): near 0.95 for all shares, within the jumps of the binomial; sampling error 0.0035."""
    assert 0.91 < coverage(wilson, share, total) < 0.99


def test_negative_control_the_normal_interval_covers_less_near_one() -> None:
    assert coverage(lambda hits, n: of_mean(hits / n, math.sqrt(hits / n * (1 - hits / n)), n), 0.98, 50) < 0.8


def test_the_interval_of_a_mean_covers_95_percent() -> None:
    random, held = np.random.default_rng(0), 0
    for _ in range(2000):
        sample = random.normal(3, 2, 100)
        low, high = of_mean(sample.mean(), sample.std(), len(sample))
        held += low <= 3 <= high
    assert 0.93 < held / 2000 < 0.97


# -- rivals -----------------------------------------------------------------------------------------


def table(split: Split) -> tuple[np.ndarray, np.ndarray]:
    batch = split.batch(torch.arange(len(split)))
    return batch["x"].flatten(1).double().numpy(), batch["y"].numpy()


@pytest.mark.parametrize("make", [embedded.iris, embedded.breast_cancer], ids=lambda m: m.__name__)
def test_rivals_of_a_classifier_are_scikit_learns(make: Callable[..., Data]) -> None:
    data = make(embedded.Config(), 0)
    (x, y), (test_x, test_y) = table(data.train), table(data.test)
    found = Classify().baselines(data)
    rivals = {
        "most frequent": DummyClassifier(strategy="prior").fit(x, y),
        "linear": make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(x, y),
    }
    assert list(found)[:2] == list(rivals)
    assert len(found) == 3, "the strong rival is the last"
    for name, rival in rivals.items():
        assert found[name].metrics["accuracy"] == pytest.approx(rival.score(test_x, test_y))
        assert found[name].metrics["loss"] == pytest.approx(metrics.log_loss(test_y, rival.predict_proba(test_x)), rel=1e-4)
    assert found["linear"].metrics["accuracy"] > found["most frequent"].metrics["accuracy"]


def test_rivals_of_a_regressor_are_scikit_learns() -> None:
    data = embedded.diabetes(embedded.Config(), 0)
    (x, y), (test_x, test_y) = table(data.train), table(data.test)
    found = Regress().baselines(data)
    for name, rival in {"mean": DummyRegressor().fit(x, y), "linear": LinearRegression().fit(x, y)}.items():
        said = rival.predict(test_x)
        assert found[name].metrics["rmse"] == pytest.approx(math.sqrt(metrics.mean_squared_error(test_y, said)), rel=1e-4)
        assert found[name].metrics["r2"] == pytest.approx(metrics.r2_score(test_y, said), abs=1e-4)
    assert found["mean"].metrics["r2"] <= 0 < found["linear"].metrics["r2"]


def test_rivals_for_several_targets_and_labels() -> None:
    x = drawn(90, 4).numpy()
    y = x[:, :2] @ np.array([[1.0, 2.0], [0.5, -1.0]], np.float32) + 5
    spec, rows, _ = from_arrays("two", x, y)
    assert Regress().baselines(cut("two", spec, rows, 0))["linear"].metrics["r2"] == pytest.approx(1, abs=1e-6)
    spec, rows, _ = from_arrays("labels", x, (y > 5).astype(int))
    data = cut("labels", spec, rows, 0)
    assert Classify().baselines(data).keys() == {"mean"}
    share = table(data.train)[1].mean(0)
    said = np.tile(share > 0.5, (len(data.test), 1))
    assert Classify().baselines(data)["mean"].metrics["accuracy"] == pytest.approx(metrics.accuracy_score(table(data.test)[1] > 0, said))


def test_a_class_without_a_training_row_moves_no_other() -> None:
    """The linear rival of three classes, the middle one of which it has never seen."""
    x, y = drawn(60, 2), torch.arange(60) % 2 * 2
    x[:, 0] += 20 * (y - 1)
    spec, _, _ = from_arrays("gap", x.numpy(), np.arange(60) % 3)
    split, test = ArraySplit(x, y), ArraySplit(x[:4], torch.tensor([0, 2, 0, 1]))
    data = Data("gap", spec, split, split, test)
    assert trivial_and_linear(data, lambda rival, s: Classify().evaluate(rival, s, 0))["linear"].metrics["accuracy"] == 0.75
