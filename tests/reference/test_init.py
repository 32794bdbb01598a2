"""First weights by name: their variance or orthogonality as the papers have it, on every kind of layer."""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from lamina.nn import INITS
from lamina.nn.init import he, orthogonal, xavier

IN, OUT = 256, 384  # many weights, so that the sample variance tells


def drawn(rule: str, layer: nn.Module, activation: str = "relu") -> torch.Tensor:
    torch.manual_seed(0)
    INITS[rule](layer, activation)
    weight = layer.weight
    assert isinstance(weight, torch.Tensor)
    return weight.detach()


def within_five_sigma(weight: torch.Tensor, variance: float, kurtosis: float) -> bool:
    """Whether the mean square of n draws is `variance`; its deviation is variance * sqrt((kurtosis - 1) / n)."""
    return abs(weight.square().mean().item() / variance - 1) < 5 * math.sqrt((kurtosis - 1) / weight.numel())


LAYERS = {  # layer, fan in, fan out
    "linear": (lambda: nn.Linear(IN, OUT), IN, OUT),
    "conv": (lambda: nn.Conv2d(32, 48, 5), 32 * 25, 48 * 25),
    "transposed": (lambda: nn.ConvTranspose2d(32, 48, 5), 32 * 25, 48 * 25),
    "weight_norm": (lambda: weight_norm(nn.Linear(IN, OUT)), IN, OUT),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_he_keeps_the_signal_through_rectifiers(kind: str) -> None:
    make, fan_in, fan_out = LAYERS[kind]
    weight = drawn("he", make())
    assert within_five_sigma(weight, 2 / fan_in, kurtosis=3)  # normal
    assert not within_five_sigma(weight, 2 / fan_out, kurtosis=3)  # negative control


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu"])
def test_xavier_is_between_the_fans(kind: str, activation: str) -> None:
    make, fan_in, fan_out = LAYERS[kind]
    gain = {"tanh": 5 / 3, "relu": math.sqrt(2), "gelu": 1.0}[activation]
    weight = drawn("xavier", make(), activation)
    variance = gain**2 * 2 / (fan_in + fan_out)
    assert within_five_sigma(weight, variance, kurtosis=1.8)  # uniform
    assert weight.abs().max().item() <= math.sqrt(3 * variance) * (1 + 1e-6)
    assert not within_five_sigma(weight, gain**2 / fan_in, kurtosis=1.8)  # negative control


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("activation", ["tanh", "identity"])
def test_orthogonal_keeps_lengths(kind: str, activation: str) -> None:
    make, *_ = LAYERS[kind]
    gain = {"tanh": 5 / 3, "identity": 1.0}[activation]

    def gram(weight: torch.Tensor) -> torch.Tensor:
        matrix = (weight.transpose(0, 1) if kind == "transposed" else weight).flatten(1).double()
        return matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix

    found = gram(drawn("orthogonal", make(), activation))
    unit = torch.eye(len(found), dtype=torch.float64)
    torch.testing.assert_close(found, gain**2 * unit, rtol=0, atol=1e-5)
    assert not torch.allclose(gram(drawn("he", make())), gain**2 * unit, rtol=0, atol=1e-2)  # negative control


@pytest.mark.parametrize("name", INITS)
def test_biases_begin_at_zero_and_the_seed_decides(name: str) -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 3))
    torch.manual_seed(0)
    INITS[name](model, "relu")
    first = [p.clone() for p in model.parameters()]
    assert all((p == 0).all() for p in first if p.ndim == 1)
    INITS[name](model, "relu")
    assert not torch.equal(first[0], next(model.parameters()))
    torch.manual_seed(0)
    INITS[name](model, "relu")
    assert all(torch.equal(p, q) for p, q in zip(first, model.parameters(), strict=True))


def test_every_init_is_tested() -> None:
    assert {INITS[name] for name in INITS} == {xavier, he, orthogonal}
