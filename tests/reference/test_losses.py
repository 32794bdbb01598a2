"""Losses, one value a sample, against torch, scikit-learn or the paper's formula, with their gradients; and which target takes which."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
import torch
import torch.nn.functional as F

from lamina.core.errors import UsageError
from lamina.core.spec import IGNORED, Classes, Image, Labels, Mask, Numbers, Spec, Tags, Tokens, Vector
from lamina.data.arrays import ArraySplit
from lamina.methods.supervised import Config, Supervised, class_weights
from lamina.nn import FITTING_LOSSES, LOSSES

B, K, H, W = 7, 4, 3, 5
Formula = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def numbers(seed: int, low: float = -3.0) -> torch.Tensor:
    return torch.empty(B, K, dtype=torch.float64).uniform_(low, 3, generator=torch.Generator().manual_seed(seed))


TARGETS = {
    "classes": torch.tensor([0, 1, 2, 3, 3, 0, 2]),
    "labels": (numbers(5) > 0).double(),
    "numbers": numbers(6),
    "mask": torch.randint(0, K, (B, H, W), generator=torch.Generator().manual_seed(7)).byte(),
}
TARGETS["mask"][:, 0, :2], TARGETS["mask"][4] = IGNORED, IGNORED
TARGETS["tags"] = TARGETS["mask"][:, 0].long()


def outputs(kind: str, seed: int = 1) -> torch.Tensor:
    if kind not in ("mask", "tags"):
        return numbers(seed)
    return torch.empty(B, K, *(H, W)[kind == "tags" :], dtype=torch.float64).uniform_(-3, 3, generator=torch.Generator().manual_seed(seed))


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


def of_labelled(losses: Formula) -> Formula:
    """The mean of a loss over the labelled pixels of each picture, 0 where there are none."""

    def mean(o: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        found = []
        for output, target in zip(o, t, strict=True):
            labelled = target != IGNORED
            rows = output.movedim(0, -1)[labelled]  # (n, K)
            found.append(losses(rows, target[labelled].long()).mean() if len(rows) else 0 * output.sum())
        return torch.stack(found)

    return mean


def probability(o: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    return (o.exp() / o.exp().sum(1, keepdim=True)).gather(1, t[:, None])[:, 0]


def milletari(o: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """1 - D of section 3, for each class that the picture holds."""
    found = []
    for output, target in zip(o, t, strict=True):
        p, counts = output.softmax(0), target != IGNORED
        each = []
        for k in range(K):
            g = (target == k) & counts
            if g.any():
                each.append(1 - 2 * p[k][g].sum() / ((p[k][counts] ** 2).sum() + g.sum()))
        found.append(torch.stack(each).mean() if each else 0 * output.sum())
    return torch.stack(found)


pixels = of_labelled(lambda o, t: -probability(o, t).log())
FORMULAS: dict[str, tuple[str, Formula]] = {
    "cross_entropy": ("classes", lambda o, t: -p_of(o, t).log()),
    "focal": ("classes", lambda o, t: -((1 - p_of(o, t)) ** 2) * p_of(o, t).log()),
    "hinge": ("classes", crammer_singer),
    "binary_cross_entropy": ("labels", lambda o, t: -(t * o.sigmoid().log() + (1 - t) * (1 - o.sigmoid()).log()).mean(1)),
    "mse": ("numbers", lambda o, t: ((o - t) ** 2).sum(1) / K),
    "mae": ("numbers", lambda o, t: F.l1_loss(o, t, reduction="none").mean(1)),
    "huber": ("numbers", huber),
    "pixel_cross_entropy": ("mask", pixels),
    "word_cross_entropy": ("tags", pixels),
    "pixel_focal": ("mask", of_labelled(lambda o, t: -((1 - probability(o, t)) ** 2) * probability(o, t).log())),
    "dice": ("mask", milletari),
    "cross_entropy_dice": ("mask", lambda o, t: pixels(o, t) + milletari(o, t)),
}  # fmt: skip


def value_and_slope(loss: Any, kind: str, **settings: Any) -> tuple[torch.Tensor, torch.Tensor]:
    output = outputs(kind).requires_grad_()
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
    kind, order = FORMULAS[name][0], torch.tensor([3, 0, 6, 1, 5, 2, 4])
    target = TARGETS[kind]
    whole = LOSSES[name](outputs(kind), target)
    torch.testing.assert_close(LOSSES[name](outputs(kind)[order], target[order]), whole[order], rtol=0, atol=1e-15)


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


@pytest.mark.parametrize("name", [*FITTING_LOSSES["classes"], *FITTING_LOSSES["labels"], *FITTING_LOSSES["mask"]])
def test_certainty_stays_finite(name: str) -> None:
    kind, _ = FORMULAS[name]
    for scale in (1e4, -1e4):
        output = (scale * outputs(kind)).float().requires_grad_()
        target = TARGETS[kind] if kind in ("classes", "mask") else TARGETS[kind].float()
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
    "mask": Spec(input=Image(channels=1, height=H, width=W), target=Mask(names=("a", "b", "c", "d"))),
    "tags": Spec(input=Tokens(unit="word", names=("f", "u", "b", "e", "x"), length=W), target=Tags(names=("a", "b", "c", "d"))),
}
INPUTS = {"mask": torch.zeros(B, 1, H, W, dtype=torch.uint8)}


def method_of(kind: str, **words: Any) -> Supervised:
    return Supervised(SPECS[kind], Config(**words), ArraySplit(INPUTS.get(kind, torch.zeros(B, 2)), TARGETS[kind]))


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
def test_neither_numbers_nor_overlaps_are_smoothed(kind: str) -> None:
    for loss in FITTING_LOSSES[kind]:
        if kind != "numbers" and "dice" not in loss:
            method_of(kind, loss=loss, label_smoothing=0.1)
            continue
        with pytest.raises(UsageError, match="label_smoothing"):
            method_of(kind, loss=loss, label_smoothing=0.1)


@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_only_classes_and_their_pixels_are_weighed(kind: str) -> None:
    with pytest.raises(UsageError, match="class_weights"):
        method_of(kind, class_weights=1.0)


def test_class_weights_are_scikit_learns() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    y = TARGETS["classes"]
    found = class_weights(SPECS["classes"], ArraySplit(torch.zeros(B, 2), y))
    np.testing.assert_allclose(found, compute_class_weight("balanced", classes=np.arange(K), y=y.numpy()), rtol=1e-6)
    assert found[y].mean().item() == pytest.approx(1, rel=1e-6)
    assert not torch.allclose(found, torch.ones(K))  # negative control: the classes differ in size


# -- masks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FITTING_LOSSES["mask"])
def test_ignored_pixels_neither_cost_nor_teach(name: str) -> None:
    target, other = TARGETS["mask"], outputs("mask")
    other.masked_fill_((target == IGNORED)[:, None], 50.0)
    other[:, 0].masked_fill_(target == IGNORED, -50.0)
    output = outputs("mask").requires_grad_()
    found = LOSSES[name](output, target)
    torch.testing.assert_close(found, LOSSES[name](other, target), rtol=0, atol=1e-12)
    found.sum().backward()
    slope = output.grad.abs().sum(1)
    assert (slope[target == IGNORED] == 0).all()
    assert (slope[target != IGNORED] > 0).all()
    assert found[4] == 0


@pytest.mark.parametrize("name", ["pixel_cross_entropy", "pixel_focal"])
def test_losses_of_pixels_are_those_of_rows(name: str) -> None:
    """Every pixel as a row of its own, with and without smoothing."""
    output, target = outputs("mask"), TARGETS["mask"].clone()
    target[target == IGNORED] = 2
    rows, answers = output.movedim(1, -1).flatten(0, 2), target.flatten().long()
    for smoothing in (0.0, 0.2):
        of_rows = LOSSES[name.removeprefix("pixel_")](rows, answers, smoothing=smoothing).view(B, -1).mean(1)
        torch.testing.assert_close(LOSSES[name](output, target, smoothing=smoothing), of_rows, rtol=0, atol=1e-12)


def test_weights_of_pixels_are_torchs() -> None:
    weights = torch.tensor([0.5, 1.0, 2.0, 4.0], dtype=torch.float64)
    output, target = outputs("mask"), TARGETS["mask"]
    found = LOSSES["pixel_cross_entropy"](output, target, weights=weights)
    expected = F.cross_entropy(output, target.long(), weights, ignore_index=IGNORED, reduction="none").sum((1, 2))
    torch.testing.assert_close(found * (target != IGNORED).sum((1, 2)), expected, rtol=0, atol=1e-12)
    ones = torch.ones(K, dtype=torch.float64)
    for name in FITTING_LOSSES["mask"]:
        plain = LOSSES[name](output, target)
        torch.testing.assert_close(LOSSES[name](output, target, weights=ones), plain, rtol=0, atol=1e-12)
        assert not torch.allclose(LOSSES[name](output, target, weights=weights), plain)  # negative control


def test_dice_is_zero_for_the_truth_and_one_for_its_opposite() -> None:
    target = TARGETS["mask"]
    truth = 100 * F.one_hot(target.long().clamp(max=K - 1), K).movedim(-1, 1).double()
    assert LOSSES["dice"](truth, target).max().item() == pytest.approx(0, abs=1e-9)
    labelled = torch.arange(B) != 4
    assert LOSSES["dice"](truth.roll(1, 1), target)[labelled].min().item() == pytest.approx(1, abs=1e-9)


def test_weights_of_masks_are_median_frequencies_with_mean_one() -> None:
    found = class_weights(SPECS["mask"], ArraySplit(INPUTS["mask"], TARGETS["mask"])).double()
    masks = [mask[mask != IGNORED] for mask in TARGETS["mask"]]
    pixels = torch.tensor([sum(int((mask == k).sum()) for mask in masks) for k in range(K)]).double()
    held = torch.tensor([sum(len(mask) for mask in masks if (mask == k).any()) for k in range(K)])
    expected = np.median(pixels / held) / (pixels / held)
    np.testing.assert_allclose(found, expected * pixels.sum() / (expected * pixels).sum(), rtol=1e-5)
    assert not torch.allclose(found, found.mean())  # negative control: the classes differ in size


@pytest.mark.parametrize("kind", ["classes", "mask"])
def test_a_power_of_the_weights_lies_between_all_alike_and_all_even(kind: str) -> None:
    split = ArraySplit(torch.zeros(B, 2), TARGETS[kind])
    whole, half = class_weights(SPECS[kind], split).double(), class_weights(SPECS[kind], split, 0.5).double()
    np.testing.assert_allclose((half / half[0]) ** 2, whole / whole[0], rtol=1e-5)
    answers = TARGETS[kind][TARGETS[kind] != IGNORED].long()
    assert half[answers].mean().item() == pytest.approx(1, rel=1e-5)


def test_a_class_without_a_pixel_breaks_no_weight() -> None:
    target = TARGETS["mask"].clone()
    target[target == 3] = 0
    found = class_weights(SPECS["mask"], ArraySplit(INPUTS["mask"], target))
    assert found.isfinite().all()
    assert found[3] == 0


@pytest.mark.parametrize("knob", [{"shift": 2}, {"rotate": 5}, {"cutmix": 1.0}])
def test_what_would_move_the_picture_alone_is_refused(knob: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(knob))):
        method_of("mask", **knob)
