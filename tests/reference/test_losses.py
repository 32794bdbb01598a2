"""Losses, one value a sample, against torch, scikit-learn or the paper's formula, with their gradients; and which target takes which."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
import torch
import torch.nn.functional as F

from lamina.core.errors import UsageError
from lamina.core.spec import Classes, Labels, Numbers, Spec, Vector
from lamina.data.arrays import ArraySplit
from lamina.methods.supervised import Config, Supervised, class_weights
from lamina.nn import FITTING_LOSSES, LOSSES

B, K = 7, 4
Formula = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def numbers(seed: int, low: float = -3.0) -> torch.Tensor:
    return torch.empty(B, K, dtype=torch.float64).uniform_(low, 3, generator=torch.Generator().manual_seed(seed))


TARGETS = {
    "classes": torch.tensor([0, 1, 2, 3, 3, 0, 2]),
    "labels": (numbers(5) > 0).double(),
    "numbers": numbers(6),
}


def p_of(o: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Probability of the right class, as the papers write it."""
    return (o.exp() / o.exp().sum(1, keepdim=True))[torch.arange(B), t]


def crammer_singer(o: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """max over y' of [1 if y' != y] + o_y' - o_y: eq. (5) of Crammer & Singer 2001."""
    margin = torch.ones_like(o)
    margin[torch.arange(B), t] = 0
    return (margin + o - o.gather(1, t[:, None])).amax(1)


def huber(o: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    r = (o - t).abs()
    return torch.where(r < 1, r**2 / 2, r - 0.5).mean(1)


FORMULAS: dict[str, tuple[str, Formula]] = {
    "cross_entropy": ("classes", lambda o, t: -p_of(o, t).log()),
    "focal": ("classes", lambda o, t: -((1 - p_of(o, t)) ** 2) * p_of(o, t).log()),
    "hinge": ("classes", crammer_singer),
    "binary_cross_entropy": ("labels", lambda o, t: -(t * o.sigmoid().log() + (1 - t) * (1 - o.sigmoid()).log()).mean(1)),
    "mse": ("numbers", lambda o, t: ((o - t) ** 2).sum(1) / K),
    "mae": ("numbers", lambda o, t: F.l1_loss(o, t, reduction="none").mean(1)),
    "huber": ("numbers", huber),
}  # fmt: skip


def value_and_slope(loss: Any, kind: str, **settings: Any) -> tuple[torch.Tensor, torch.Tensor]:
    output = numbers(1).requires_grad_()
    value = loss(output, TARGETS[kind], **settings)
    (slope,) = torch.autograd.grad((value * torch.arange(1, B + 1)).sum(), output)  # each sample counts differently
    return value.detach(), slope


def agree(a: tuple[torch.Tensor, ...], b: tuple[torch.Tensor, ...]) -> bool:
    return all(torch.allclose(x, y, rtol=0, atol=1e-12) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("name", FORMULAS)
def test_is_the_formula_with_its_gradient(name: str) -> None:
    kind, formula = FORMULAS[name]
    found = value_and_slope(LOSSES[name], kind)
    assert found[0].shape == (B,)
    assert agree(found, value_and_slope(formula, kind))
    for other, (its_kind, wrong) in FORMULAS.items():  # negative control
        assert other == name or its_kind != kind or not agree(found, value_and_slope(wrong, kind))


@pytest.mark.parametrize("name", FORMULAS)
def test_a_permuted_batch_gives_permuted_losses(name: str) -> None:
    target, order = TARGETS[FORMULAS[name][0]], torch.tensor([3, 0, 6, 1, 5, 2, 4])
    whole = LOSSES[name](numbers(1), target)
    torch.testing.assert_close(LOSSES[name](numbers(1)[order], target[order]), whole[order], rtol=0, atol=1e-15)


def test_agrees_with_scikit_learn() -> None:
    output, classes = numbers(1), TARGETS["classes"]
    pairs = {
        "cross_entropy": sklearn.metrics.log_loss(classes, output.softmax(1), labels=range(K)),
        "hinge": sklearn.metrics.hinge_loss(classes, output.numpy(), labels=range(K)),
    }
    for name, expected in pairs.items():
        assert LOSSES[name](output, classes).mean().item() == pytest.approx(expected, rel=1e-12)
        assert LOSSES[name](output, classes.roll(1)).mean().item() != pytest.approx(expected, rel=1e-3)  # negative control


@pytest.mark.parametrize(("gamma", "same"), [(0.0, True), (2.0, False)])
def test_focal_without_focus_is_cross_entropy(gamma: float, same: bool) -> None:
    found = value_and_slope(LOSSES["focal"], "classes", gamma=gamma)
    assert agree(found, value_and_slope(LOSSES["cross_entropy"], "classes")) == same


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "hinge", "binary_cross_entropy"])
def test_certainty_stays_finite(name: str) -> None:
    kind, _ = FORMULAS[name]
    for scale in (1e4, -1e4):
        output = (scale * numbers(1)).float().requires_grad_()
        target = TARGETS[kind] if kind == "classes" else TARGETS[kind].float()
        LOSSES[name](output, target).sum().backward()
        assert output.grad is not None
        assert output.grad.isfinite().all()


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
@pytest.mark.parametrize("name", FITTING_LOSSES["classes"])
def test_smoothing_is_the_mean_over_labels_of_which_a_share_is_drawn_anew(name: str, smoothing: float) -> None:
    formula = FORMULAS[name][1]
    anew = [torch.full((B,), k) for k in range(K)]
    expected = value_and_slope(lambda o, t: (1 - smoothing) * formula(o, t) + smoothing / K * sum(formula(o, k) for k in anew), "classes")
    assert agree(value_and_slope(LOSSES[name], "classes", smoothing=smoothing), expected)
    assert not agree(value_and_slope(LOSSES[name], "classes"), expected)  # negative control


def test_smoothing_of_cross_entropy_is_the_papers_target() -> None:
    soft = 0.9 * F.one_hot(TARGETS["classes"], K).double() + 0.1 / K  # section 7 of Szegedy et al. 2016
    expected = value_and_slope(lambda o, t: -(soft * o.log_softmax(1)).sum(1), "classes")
    assert agree(value_and_slope(LOSSES["cross_entropy"], "classes", smoothing=0.1), expected)


def test_smoothed_labels_lie_nearer_to_a_half() -> None:
    drawn = 0.9 * TARGETS["labels"] + 0.1 / 2
    expected = value_and_slope(lambda o, t: FORMULAS["binary_cross_entropy"][1](o, drawn), "labels")
    assert agree(value_and_slope(LOSSES["binary_cross_entropy"], "labels", smoothing=0.1), expected)
    assert not agree(value_and_slope(LOSSES["binary_cross_entropy"], "labels"), expected)  # negative control


# -- which target takes which ---------------------------------------------------------------------

SPECS = {
    "classes": Spec(input=Vector(size=2), target=Classes(names=("a", "b", "c", "d"))),
    "labels": Spec(input=Vector(size=2), target=Labels(names=("a", "b", "c", "d"))),
    "numbers": Spec(input=Vector(size=2), target=Numbers(names=("a", "b", "c", "d"))),
}


def method_of(kind: str, **words: Any) -> Supervised:
    return Supervised(SPECS[kind], Config(**words), ArraySplit(torch.zeros(B, 2), TARGETS[kind]))


def test_every_loss_fits_one_kind_and_has_a_formula() -> None:
    assert sorted(name for names in FITTING_LOSSES.values() for name in names) == sorted(LOSSES) == sorted(FORMULAS)
    assert set(FITTING_LOSSES) == set(SPECS)


@pytest.mark.parametrize("kind", SPECS)
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_taken_or_refused_before_any_work(kind: str, name: str) -> None:
    if name in FITTING_LOSSES[kind]:
        assert method_of(kind, loss=name).loss is LOSSES[name]
        return
    with pytest.raises(UsageError) as refused:
        method_of(kind, loss=name)
    assert all(f"`{fitting}`" in refused.value.do for fitting in FITTING_LOSSES[kind])


def test_the_default_is_the_targets() -> None:
    assert {kind: method_of(kind).loss for kind in SPECS} == {kind: LOSSES[names[0]] for kind, names in FITTING_LOSSES.items()}


def test_an_unknown_loss_gets_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="cross_entropy"):
        method_of("classes", loss="crossentropy")


@pytest.mark.parametrize("kind", SPECS)
def test_numbers_are_not_smoothed(kind: str) -> None:
    for loss in FITTING_LOSSES[kind]:
        if kind != "numbers":
            method_of(kind, loss=loss, label_smoothing=0.1)
            continue
        with pytest.raises(UsageError, match="label_smoothing"):
            method_of(kind, loss=loss, label_smoothing=0.1)


@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_only_classes_are_weighed(kind: str) -> None:
    with pytest.raises(UsageError, match="class_weights"):
        method_of(kind, class_weights=True)


def test_class_weights_are_scikit_learns() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    y = TARGETS["classes"]
    found = class_weights(SPECS["classes"], ArraySplit(torch.zeros(B, 2), y))
    np.testing.assert_allclose(found, compute_class_weight("balanced", classes=np.arange(K), y=y.numpy()), rtol=1e-6)
    assert found[y].mean().item() == pytest.approx(1, rel=1e-6)
    assert not torch.allclose(found, torch.ones(K))  # negative control: the classes differ in size
