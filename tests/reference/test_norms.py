"""Normalizations by name against torch.nn and their papers' formulas, on rows (B, C) and on pictures (B, C, H, W); float64."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lamina.core.errors import UsageError
from lamina.nn import NORMS
from lamina.nn.batch_renorm import BatchRenorm
from lamina.nn.layers import Style, conv, dense
from lamina.nn.norm import layer_with_norm

C = 12
SHAPES = [(16, C), (6, C, 5, 3)]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def standardized(x: torch.Tensor, over: tuple[int, ...], eps: float = 1e-5) -> torch.Tensor:
    return (x - x.mean(over, keepdim=True)) / (x.var(over, keepdim=True, correction=0) + eps).sqrt()


def grouped(x: torch.Tensor, groups: int) -> torch.Tensor:
    parts = x.reshape(len(x), groups, -1)
    return standardized(parts, (2,)).reshape(x.shape)


def by_rms(x: torch.Tensor, eps: float) -> torch.Tensor:
    return x / (x.square().mean(1, keepdim=True) + eps).sqrt()


def expected(name: str, x: torch.Tensor) -> torch.Tensor:
    """What the papers say, with gain one and shift zero."""
    spatial = x.ndim == 4
    places = (2, 3) if spatial else ()
    return {
        "batch": lambda: standardized(x, (0, *places)),
        "batch_renorm": lambda: standardized(x, (0, *places)),  # of a first batch
        "layer": lambda: standardized(x, (1, *places)),
        "instance": lambda: standardized(x, places) if spatial else x,
        "group": lambda: grouped(x, 3),  # 12 channels: three groups of four
        "rms": lambda: by_rms(x, 1e-6 if spatial else torch.finfo(torch.float64).eps),
    }[name]()


def made(name: str, spatial: bool) -> nn.Module:
    layer: nn.Module = NORMS[name](C, spatial).double()
    return layer


NAMED = ["batch", "batch_renorm", "layer", "instance", "group", "rms"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NAMED)
def test_is_the_formula(name: str, shape: tuple[int, ...]) -> None:
    x = 3 * noise(*shape) + 2
    found = made(name, len(shape) == 4)(x)
    torch.testing.assert_close(found, expected(name, x), rtol=0, atol=1e-12)
    twins = {"batch", "batch_renorm"}
    for other in NAMED:  # negative control
        assert other == name or {name, other} == twins or not torch.allclose(found, expected(other, x), rtol=0, atol=1e-3)


@pytest.mark.parametrize("spatial", [False, True])
@pytest.mark.parametrize("name", NAMED)
def test_gain_and_shift_are_vectors_that_learn(name: str, spatial: bool) -> None:
    layer = made(name, spatial)
    x = noise(*SHAPES[spatial]).requires_grad_()
    (layer(x) * noise(*SHAPES[spatial], seed=1)).sum().backward()
    assert [p.shape for p in layer.parameters()] == [(C,)] * {"rms": 1, "instance": 2 * spatial}.get(name, 2)
    for p in layer.parameters():
        assert p.grad is not None
        assert p.grad.abs().sum() > 0


@pytest.mark.parametrize("size", [1, 6, 8, 24, 48, 100])
def test_groups_never_shrink_to_a_few_channels(size: int) -> None:
    """Of a group of one channel without places nothing is left, and a network would be dead."""
    layer: Any = NORMS["group"](size, False)
    assert layer.num_channels == size
    assert size // layer.num_groups >= 4 or layer.num_groups == 1
    assert layer.num_groups <= 8


def test_rms_of_channels_is_torchs_at_every_place() -> None:
    x = noise(6, C, 5, 3)
    reference = F.rms_norm(x.movedim(1, -1), (C,), eps=1e-6).movedim(-1, 1)
    torch.testing.assert_close(made("rms", True)(x), reference, rtol=0, atol=1e-12)


# -- weight normalization, and the layer in front -------------------------------------------------


@pytest.mark.parametrize("layer", [nn.Linear(5, C), nn.Conv2d(2, C, 3)])
def test_weight_normalization_parts_length_and_direction(layer: nn.Linear | nn.Conv2d) -> None:
    before = layer.weight.detach().clone()
    normed: Any = layer_with_norm(layer, "weight")[0]
    g, v = (p.detach() for p in normed.parametrizations.weight.parameters())
    over = tuple(range(1, v.ndim))
    torch.testing.assert_close(normed.weight, before)
    torch.testing.assert_close(normed.weight, g * v / v.square().sum(over, keepdim=True).sqrt())
    with torch.no_grad():
        v.mul_(7)
    torch.testing.assert_close(normed.weight, before)  # the length of v is nothing
    with torch.no_grad():
        g.mul_(2)
    torch.testing.assert_close(normed.weight, 2 * before)  # negative control: that of g is all


def test_none_is_the_layer_alone_and_an_unknown_name_is_refused() -> None:
    layer = nn.Linear(2, 2)
    assert layer_with_norm(layer, "none") == [layer]
    with pytest.raises(UsageError, match="batch"):
        layer_with_norm(layer, "bach")


@pytest.mark.parametrize("name", NORMS)
def test_a_unit_has_exactly_one_bias(name: str) -> None:
    """The layer's own, unless the normalization shifts; never none, as a network without one is blind to offsets."""
    for block in (dense(3, C, Style(norm=name)), conv(3, C, 3, Style(norm=name))):
        vectors = {"bias", "shift"}
        biases = [n for n, p in nn.Sequential(*block).named_parameters() if n.split(".")[-1] in vectors and p.shape == (C,)]
        assert len(biases) == 1, biases


# -- batch renormalization ------------------------------------------------------------------------


def plain_renorm(x: torch.Tensor, mean: torch.Tensor, deviation: torch.Tensor, r_max: float, d_max: float) -> torch.Tensor:
    """Algorithm 1 of Ioffe 2017 for rows, with gain one and shift zero."""
    mean_b, deviation_b = x.mean(0), (x.var(0, correction=0) + 1e-5).sqrt()
    r = (deviation_b / deviation).detach().clamp(1 / r_max, r_max)
    d = ((mean_b - mean) / deviation).detach().clamp(-d_max, d_max)
    return (x - mean_b) / deviation_b * r + d


def seasoned(**settings: Any) -> BatchRenorm:
    """A layer that has seen other batches."""
    layer = BatchRenorm(C, **settings).double()
    for seed in range(3):
        layer(0.4 * noise(16, C, seed=10 + seed) + 1)
    return layer


def slope(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    (found,) = torch.autograd.grad((y * noise(*x.shape, seed=3)).sum(), x)
    return found


@pytest.mark.parametrize(("r_max", "d_max"), [(3.0, 5.0), (1.2, 0.3), (1.0, 0.0)])
@pytest.mark.parametrize("spread", [1.0, 0.05])
def test_batch_renorm_is_algorithm_1(r_max: float, d_max: float, spread: float) -> None:
    layer, x = seasoned(r_max=r_max, d_max=d_max), (spread * noise(16, C)).requires_grad_()
    reference = plain_renorm(x, layer.mean.clone(), layer.deviation.clone(), r_max, d_max)
    wrong = plain_renorm(x, layer.mean.clone(), layer.deviation.clone(), r_max + 1, d_max + 1)
    y = layer(x)
    torch.testing.assert_close(y, reference, rtol=0, atol=1e-12)
    torch.testing.assert_close(slope(y, x), slope(reference, x), rtol=0, atol=1e-12)
    if r_max < 3:
        assert not torch.allclose(y, wrong, rtol=0, atol=1e-3)  # negative control: the bounds are felt


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_renorm_within_no_bounds_is_batch_norm(shape: tuple[int, ...]) -> None:
    layer, free = seasoned(r_max=1, d_max=0), seasoned()
    x = noise(*shape).requires_grad_()
    reference = F.batch_norm(x, None, None, layer.gain, layer.shift, training=True)
    y = layer(x)
    torch.testing.assert_close(y, reference, rtol=0, atol=1e-12)
    torch.testing.assert_close(slope(y, x), slope(reference, x), rtol=0, atol=1e-12)
    assert not torch.allclose(free(x), reference, rtol=0, atol=1e-3)  # negative control


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("bound", "same"), [(torch.inf, True), (1.5, False)])
def test_unclipped_training_answers_as_evaluation(shape: tuple[int, ...], bound: float, same: bool) -> None:
    layer, x = seasoned(r_max=bound, d_max=bound), noise(*shape)
    in_evaluation = layer.eval()(x)
    assert torch.allclose(layer.train()(x), in_evaluation, rtol=0, atol=1e-12) == same


def test_running_statistics_begin_as_means_and_then_follow() -> None:
    momentum, batches = 0.25, [2 * noise(16, C, seed=s) + s for s in range(9)]
    layer = BatchRenorm(C, momentum=momentum).double()
    mean, deviation = torch.zeros(C, dtype=torch.float64), torch.ones(C, dtype=torch.float64)
    for t, x in enumerate(batches, 1):
        layer(x)
        alpha = max(momentum, 1 / t)
        mean += alpha * (x.mean(0) - mean)
        deviation += alpha * ((x.var(0, correction=0) + 1e-5).sqrt() - deviation)
        torch.testing.assert_close(layer.mean, mean, rtol=0, atol=1e-12)
        torch.testing.assert_close(layer.deviation, deviation, rtol=0, atol=1e-12)
    kept = layer.mean.clone()
    layer.eval()(batches[0])
    assert torch.equal(layer.mean, kept)


def test_batch_renorm_gradient_is_right() -> None:
    """gradcheck of the fixed correction: r and d are held, as the paper's are."""
    layer: Any = seasoned()
    x = noise(5, C).requires_grad_()
    held = layer._correction(x.detach())
    layer._correction = lambda _: held
    assert torch.autograd.gradcheck(layer, (x,))
