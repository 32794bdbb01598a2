"""Dropout with masks from random bytes: rate, scale, evaluation, gradient, and the seed."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lamina.core.errors import UsageError
from lamina.nn.dropout import Dropout, exchange

MANY = 400_000
RATES = st.floats(0, 0.95)
SHAPES = st.lists(st.integers(1, 9), min_size=1, max_size=4)


def seeded(layer: torch.nn.Module, x: torch.Tensor, seed: int = 0) -> torch.Tensor:
    torch.default_generator.manual_seed(seed)
    out: torch.Tensor = layer(x)
    return out


def share_dropped(layer: Dropout) -> float:
    return (seeded(layer, torch.ones(MANY)) == 0).float().mean().item()


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9])
def test_the_rate_is_kept(rate: float) -> None:
    exact = round(rate * 256) / 256
    tolerance = 5 * math.sqrt(exact * (1 - exact) / MANY)  # five sigma of a binomial share
    assert abs(share_dropped(Dropout(rate)) - exact) < tolerance
    assert abs(share_dropped(Dropout(rate + 0.02)) - exact) > tolerance  # negative control


@given(RATES, SHAPES)
def test_elements_are_dropped_or_scaled_so_that_the_mean_stays(rate: float, shape: list[int]) -> None:
    x = torch.rand(shape, dtype=torch.float64) + 1
    exact = round(rate * 256) / 256
    out = seeded(Dropout(rate), x)
    assert out.shape == x.shape
    assert out.dtype == x.dtype
    kept = out != 0
    torch.testing.assert_close(out[kept], x[kept] / (1 - exact), rtol=1e-12, atol=0)


@given(RATES, SHAPES)
def test_evaluation_is_the_identity(rate: float, shape: list[int]) -> None:
    x = torch.rand(shape)
    assert torch.equal(Dropout(rate).eval()(x), x)


@given(RATES, SHAPES)
def test_the_gradient_passes_where_the_signal_passed(rate: float, shape: list[int]) -> None:
    x = (torch.rand(shape, dtype=torch.float64) + 1).requires_grad_()
    out = seeded(Dropout(rate), x)
    (slope,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(slope, out.detach() / x.detach(), rtol=1e-12, atol=0)


@given(st.integers(0, 2**63 - 1), st.integers(1, 50))
def test_the_seed_decides(seed: int, size: int) -> None:
    x, layer = torch.ones(size, 13), Dropout(0.5)
    first = seeded(layer, x, seed)
    assert torch.equal(first, seeded(layer, x, seed))
    if size == 50:
        assert not torch.equal(first, seeded(layer, x, seed + 1))  # negative control


def test_neighbours_are_independent() -> None:
    """The bytes of one random word, and one word and the next, have nothing to do with each other."""
    dropped = (seeded(Dropout(0.5), torch.ones(MANY)) == 0).double() - 0.5
    for lag in (1, 2, 7, 8, 9, 64):
        correlation = (dropped[lag:] * dropped[:-lag]).mean().item() / 0.25
        assert abs(correlation) < 5 / math.sqrt(MANY)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_any_layout_is_taken(layout: torch.memory_format) -> None:
    x = torch.ones(2, 3, 4, 5).to(memory_format=layout)
    assert torch.equal(seeded(Dropout(0.5), x), seeded(Dropout(0.5), torch.ones(2, 3, 4, 5)))


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_a_rate_that_leaves_nothing_is_refused(rate: float) -> None:
    with pytest.raises(UsageError, match="dropout"):
        Dropout(rate)


def test_a_rate_near_one_leaves_something() -> None:
    assert seeded(Dropout(0.9999), torch.ones(MANY)).isfinite().all()
    assert share_dropped(Dropout(0.9999)) < 1


def test_plain_dropout_of_a_module_is_exchanged_and_a_subclass_is_not() -> None:
    class Own(nn.Dropout):
        pass

    net = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Sequential(nn.Dropout(0.25), Own(0.5)))
    exchange(net)
    assert [type(m) for m in net.modules() if isinstance(m, nn.Dropout)] == [Dropout, Dropout, Own]
    assert [m.p for m in net.modules() if isinstance(m, nn.Dropout)] == [0.5, 0.25, 0.5]
