"""Temperature, calibration error and threshold against plain references; intervals of paired differences; the map of Grad-CAM."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from torch import nn

from lamina.core import predictor
from lamina.core.backbone import features
from lamina.core.predictor import Predictor, Trust
from lamina.core.spec import Classes, Image, Spec
from lamina.metrics import paired
from lamina.models.airbench import Airbench
from lamina.models.airbench import Config as AirbenchConfig
from lamina.nn.scaled import Scaled
from lamina.oversight.calibration import LEAST_ROWS, bins, calibrate, expected_error, temperature, threshold
from lamina.oversight.familiar import ROWS_A_NEIGHBOUR, nearest
from lamina.oversight.features import last_input
from lamina.oversight.grad_cam import saliency


def logits(rows: int, classes: int, sharpness: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and classes that were drawn from their softmax, made `sharpness` times too sure."""
    random = torch.Generator().manual_seed(seed)
    z = 2 * torch.randn(rows, classes, generator=random, dtype=torch.float64)
    y = torch.multinomial(z.softmax(1), 1, generator=random)[:, 0]
    return sharpness * z, y


# -- temperature ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("classes", "sharpness"), [(2, 3.0), (5, 0.5), (10, 2.0), (3, 1.0)])
def test_the_temperature_is_scipys(classes: int, sharpness: float) -> None:
    z, y = logits(500, classes, sharpness, classes)
    w = torch.linspace(0.5, 2, 500, dtype=torch.float64)

    def loss(t: float) -> float:
        return float((w * nn.functional.cross_entropy(z / t, y, reduction="none")).sum())

    best = optimize.minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-9}).x
    assert temperature(z, y, w) == pytest.approx(best, rel=1e-5)


def test_the_temperature_undoes_what_made_them_too_sure() -> None:
    z, y = logits(20_000, 4, 3.0, 0)
    assert temperature(z, y, torch.ones(len(y), dtype=torch.float64)) == pytest.approx(3.0, rel=0.05)


def test_weights_count_as_repetition() -> None:
    z, y = logits(300, 3, 2.0, 1)
    times = torch.arange(300) % 3
    repeated = temperature(z.repeat_interleave(times, 0), y.repeat_interleave(times), torch.ones(int(times.sum()), dtype=torch.float64))
    assert temperature(z, y, times.double()) == pytest.approx(repeated, rel=1e-9)


def test_all_right_never_makes_it_surer() -> None:
    y = torch.arange(100) % 3
    z = 2.0 * nn.functional.one_hot(y, 3).double()
    assert temperature(z, y, torch.ones(100, dtype=torch.float64)) == 1.0
    assert calibrate(z, y, None, "abc").trust.temperature == 1.0


def test_a_predictor_is_surer_or_less_sure_but_says_the_same() -> None:
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    raw = Predictor(nn.Linear(4, 3), torch.device("cpu"))
    calm = raw.trusted(Trust(temperature=2.5, threshold=0.9))
    assert torch.equal(raw(x).argmax(1), calm(x).argmax(1))
    assert torch.allclose(raw(x) / 2.5, calm(x))
    assert calm.threshold == 0.9


# -- calibration error and threshold --------------------------------------------------------------


def test_the_error_is_that_of_a_plain_loop() -> None:
    random = np.random.default_rng(0)
    confidence, right, w = random.random(400), random.integers(0, 2, 400).astype(float), random.random(400)
    expected = 0.0
    for i in range(10):
        mine = [j for j in range(400) if i / 10 <= confidence[j] < (i + 1) / 10]
        weight = sum(w[j] for j in mine)
        gap = sum(w[j] * right[j] for j in mine) / weight - sum(w[j] * confidence[j] for j in mine) / weight
        expected += weight / w.sum() * abs(gap)
    found = [torch.from_numpy(a) for a in (confidence, right, w)]
    assert expected_error(*found) == pytest.approx(expected, rel=1e-9)
    drawn = bins(*found)
    assert sum(one.count for one in drawn) == 400
    assert all(i / 10 <= one.confidence <= (i + 1) / 10 for i, one in enumerate(drawn))


@given(st.lists(st.tuples(st.integers(1, 20), st.booleans()), min_size=1, max_size=60), st.floats(0.05, 1))
def test_the_threshold_is_the_least_that_keeps_the_promise(rows: list[tuple[int, bool]], wanted: float) -> None:
    confidence = torch.tensor([c / 20 for c, _ in rows], dtype=torch.float64)
    right = torch.tensor([float(r) for _, r in rows], dtype=torch.float64)
    found = threshold(confidence, right, torch.ones(len(rows), dtype=torch.float64), wanted)

    def kept(line: float) -> bool:
        answered = [r for c, r in zip(confidence.tolist(), right.tolist(), strict=True) if c >= line]
        return bool(answered) and sum(answered) / len(answered) >= wanted - 1e-9

    good = [line for line in sorted(set(confidence.tolist())) if kept(line)]
    if good:
        assert found == pytest.approx(good[0], abs=1e-5)
        assert kept(found)
    else:
        assert found > 1


def test_too_few_rows_say_so_and_change_nothing() -> None:
    z, y = logits(LEAST_ROWS - 1, 3, 3.0, 2)
    found = calibrate(z, y, None, "abc")
    assert found.trust == Trust()
    assert "too few" in found.lines()[0]


def test_a_class_without_a_validation_row_is_named() -> None:
    z, y = logits(200, 3, 1.0, 3)
    keep = y != 1
    found = calibrate(z[keep], y[keep], None, ("cat", "dog", "emu"))
    assert found.unmeasured == ("dog",)
    assert "dog" in " ".join(found.lines())


def test_calibrated_probabilities_are_less_off() -> None:
    z, y = logits(3000, 4, 4.0, 4)
    found = calibrate(z, y, None, "abcd")
    assert found.error < 0.5 * found.error_before
    assert found.accuracy_of_sure >= found.wanted - 1e-9


# -- paired intervals -----------------------------------------------------------------------------


def test_few_differing_rows_are_judged_as_mcnemar_judges_them() -> None:
    """Where McNemar's exact test is clear, so is the interval, on both sides."""
    for gained, lost in [(0, 0), (3, 1), (20, 2), (5, 5), (2, 20), (30, 5)]:
        one = torch.tensor([1.0] * gained + [0.0] * lost + [1.0] * 100)
        other = torch.tensor([0.0] * gained + [1.0] * lost + [1.0] * 100)
        p = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
        value, low, high = paired.shares(one, other)
        assert value == pytest.approx((gained - lost) / len(one))
        if p < 0.01:
            assert low > 0 or high < 0
        if p > 0.1:
            assert low <= 0 <= high


def test_the_interval_of_shares_holds_as_often_as_it_says() -> None:
    random = torch.Generator().manual_seed(0)
    held = 0
    for _ in range(400):
        shared = torch.rand(150, generator=random)
        one = (shared + 0.3 * torch.rand(150, generator=random) > 0.35).float()
        other = (shared + 0.3 * torch.rand(150, generator=random) > 0.35).float()
        _, low, high = paired.shares(one, other)
        held += low <= 0 <= high  # both are equally good
    assert held / 400 > 0.95 - 3 * math.sqrt(0.05 * 0.95 / 400)


def test_roots_agree_with_scipys_bootstrap_and_on_both_sides_of_the_limit() -> None:
    random = np.random.default_rng(0)
    one, other = random.standard_normal((2, 400)) ** 2
    value, low, high = paired.roots(torch.from_numpy(one), torch.from_numpy(other))
    expected = stats.bootstrap((one, other), lambda a, b, axis: np.sqrt(a.mean(axis)) - np.sqrt(b.mean(axis)), paired=True,
                               method="percentile", n_resamples=4000, vectorized=True, rng=1).confidence_interval
    assert value == pytest.approx(np.sqrt(one.mean()) - np.sqrt(other.mean()))
    assert [low, high] == pytest.approx(list(expected), abs=0.15 * (high - low))
    many = [torch.from_numpy(np.tile(a, 4)) for a in (one, other)]  # the normal way, of intervals half as wide
    _, few_low, few_high = paired.roots(*many)
    assert few_high - few_low == pytest.approx((high - low) / 2, rel=0.1)
    assert paired.roots(many[0], many[0]) == (0.0, 0.0, 0.0)


# -- Grad-CAM and neighbours ----------------------------------------------------------------------


class Plain(nn.Module):
    """Convolution, mean over places, linear: the map is known in closed form."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Conv2d(1, 4, 3, padding=1)
        self.last = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.maps(x).mean((2, 3)))


@pytest.mark.parametrize("frozen", [False, True])
def test_the_map_is_the_papers(frozen: bool) -> None:
    torch.manual_seed(0)
    net = Plain().requires_grad_(not frozen)
    model = Scaled(net, Spec(input=Image(channels=1, height=6, width=6), target=Classes(names=("a", "b", "c")))).eval()
    x = torch.randint(256, (1, 6, 6), dtype=torch.uint8)
    a = net.maps(model.input(x[None]))
    for said in range(3):
        expected = (net.last.weight[said].view(1, 4, 1, 1) / 36 * a).sum(1).relu()[0]  # dy/dA_k is w_k / places
        found = saliency(model, x, said)
        assert found is not None
        assert torch.allclose(found, expected, atol=1e-5)
    assert saliency(Scaled(nn.Sequential(nn.Flatten(), nn.Linear(36, 3)), Spec(input=Image(channels=1, height=6, width=6),
                    target=Classes(names=("a", "b", "c")))).eval(), x, 0) is None


def test_the_distance_is_that_of_the_kth_neighbour() -> None:
    random = torch.Generator().manual_seed(0)
    kept = nn.functional.normalize(torch.randn(3 * ROWS_A_NEIGHBOUR, 5, generator=random))
    found = torch.randn(7, 5, generator=random)
    expected = torch.cdist(nn.functional.normalize(found), kept).sort(1).values[:, 2]
    assert torch.allclose(nearest(kept, found), expected, atol=1e-4)


def test_features_are_those_of_each_picture_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where pictures go through the model in parts, and their mirror images after them."""
    spec = Spec(input=Image(channels=3, height=16, width=16), target=Classes(names=("a", "b")))
    model = Scaled(Airbench(spec, AirbenchConfig(mirror=True)), spec).eval()
    x = torch.randint(0, 256, (7, 3, 16, 16), generator=torch.Generator().manual_seed(0)).byte()
    with torch.inference_mode():
        expected = features(model.net, model.laid_out(x))
    assert model.mirror
    for most in (predictor.MOST_NUMBERS, 3 * x[0].numel()):
        monkeypatch.setattr(predictor, "MOST_NUMBERS", most)
        assert torch.allclose(last_input(Predictor(model, torch.device("cpu")), x), expected, atol=1e-5)
