"""The contract of `gan`: who moves, where the losses start, that it learns, and that a state continues bit by bit."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from lamina.core import rng
from lamina.core.errors import UsageError
from lamina.core.spec import Classes, Image, Spec
from lamina.data.arrays import ArraySplit
from lamina.methods.gan import GAN, Config
from lamina.models.dcgan import DCGAN
from lamina.models.dcgan import Config as Sizes
from lamina.optim.learner import Config as OptimConfig
from lamina.optim.learner import Learner
from lamina.tasks.generate import Generate, draw, gaussian_pictures, grid

SPEC = Spec(input=Image(channels=1, height=8, width=8), target=Classes(names=("a", "b")))


def stripes(count: int = 64) -> ArraySplit:
    """Pictures of one bright column on black: something that a generator can learn in seconds."""
    place = torch.arange(count) % 6
    x = torch.zeros(count, 1, 8, 8, dtype=torch.uint8)
    for column in (0, 1):
        x[torch.arange(count), :, :, place + column] = 230
    return ArraySplit(x, place % 2)


def pair(seed: int = 0, norm: str = "spectral", **knobs: Any) -> tuple[GAN, Learner]:
    method = GAN(SPEC, Config(batch=16, **knobs), stripes())
    rng.reseed(seed, 0, "weights")
    model = method.wrap(DCGAN(SPEC, Sizes(noise=8, width=16, discriminator_norm=norm)), SPEC)  # type: ignore[arg-type]
    words = dict(GAN.defaults) | {"learning_rate": 2e-3}
    return method, Learner(model, OptimConfig(**words), GAN.parts, seed, torch.device("cpu"))


def train(method: GAN, learner: Learner, first: int, last: int) -> list[dict[str, float]]:
    told = []
    for step in range(first, last + 1):
        rng.reseed(learner.seed, step, "update")
        learner.begin(step)
        values = method.update(learner, method.next_batch(learner, step))
        told.append({name: value.item() for name, value in values.items()})
    return told


def parameters(network: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in network.parameters()]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_each_half_of_an_update_moves_its_own_part_only() -> None:
    method, learner = pair()
    generator, discriminator = learner.model.generator, learner.model.discriminator
    x = torch.rand(16, 1, 8, 8) * 2 - 1
    before = parameters(generator), parameters(discriminator)
    generated = method._generate(learner, 16)
    method._discriminate(learner, x, generated.detach())
    assert same(parameters(generator), before[0])
    assert not same(parameters(discriminator), before[1])
    before = parameters(generator), parameters(discriminator)
    method._deceive(learner, generated)
    assert not same(parameters(generator), before[0])
    assert same(parameters(discriminator), before[1])
    assert all(p.grad is None for p in learner.model.parameters())


@pytest.mark.parametrize("norm", ["spectral", "batch"])
def test_both_losses_start_near_log_two(norm: str) -> None:
    """A discriminator that knows nothing says one half: -log 1/2 for each of the three terms."""
    method, learner = pair(norm=norm)
    (first,) = train(method, learner, 1, 1)
    assert first["discriminator_loss"] == pytest.approx(math.log(2), abs=0.15)
    assert first["generator_loss"] == pytest.approx(math.log(2), abs=0.15)


def test_the_discriminator_learns_what_stands_still() -> None:
    """Against a generator that does not move, its loss falls far below log 2."""
    method, learner = pair()
    losses = []
    for step in range(1, 61):
        rng.reseed(0, step, "update")
        x = method.next_batch(learner, step)["x"] / 127.5 - 1
        losses.append(method._discriminate(learner, x, method._generate(learner, 16).detach()).item())
    assert losses[-1] < 0.3 < losses[0]


def test_the_generator_learns_the_stripes() -> None:
    """Its pictures come nearer to the nearest real one; one that has not learned is the negative control."""
    method, learner = pair()
    untrained = _to_the_nearest(learner)
    train(method, learner, 1, 250)
    assert _to_the_nearest(learner) < untrained / 3


def _to_the_nearest(learner: Learner) -> float:
    generated = learner.predictor()(torch.randn(64, 8, generator=torch.Generator().manual_seed(5))).flatten(1)
    real = (stripes(6).x / 127.5 - 1).flatten(1)
    return torch.cdist(generated, real).square().min(1).values.mean().item() / real.shape[1]


@pytest.mark.parametrize("knobs", [{}, {"discriminator_steps": 2, "penalty": 1.0, "smoothing": 0.1}])
def test_a_state_continues_bit_by_bit(knobs: dict[str, Any]) -> None:
    method, learner = pair(**knobs)
    train(method, learner, 1, 5)
    weights = {k: v.clone() for k, v in learner.weights().items()}
    state = _copied(learner.state())
    straight = train(method, learner, 6, 9)
    other_method, other = pair(seed=0, **knobs)
    train(other_method, other, 1, 2)  # elsewhere, to be overwritten
    other.load_state(weights, state)
    other_method.load_state(method.state())
    assert train(other_method, other, 6, 9) == straight
    assert same(parameters(other.model), parameters(learner.model))
    assert same(list(other.weights().values()), list(learner.weights().values()))


def test_negative_control_another_seed_gives_other_figures() -> None:
    assert train(*pair(seed=0), 1, 2) != train(*pair(seed=1), 1, 2)


def _copied(state: Any) -> Any:
    if isinstance(state, torch.Tensor):
        return state.clone()
    if isinstance(state, dict):
        return {k: _copied(v) for k, v in state.items()}
    return state


def test_a_model_without_the_two_parts_is_refused() -> None:
    with pytest.raises(UsageError, match="generator"):
        GAN.wrap(nn.Linear(2, 2), SPEC)


def test_a_number_asks_for_a_grid_and_a_word_names_one_picture() -> None:
    predictor = pair()[1].predictor()
    nine, anna, again, bert = (answer.pixels for answer in Generate().predict(predictor, SPEC, ["9", "anna", "anna", "bert"]))  # type: ignore[attr-defined]
    assert nine.shape == (24, 24)
    assert anna.shape == (8, 8)
    assert (anna == again).all()
    assert (anna != bert).any()
    with pytest.raises(UsageError, match="from 1 to"):
        Generate().predict(predictor, SPEC, ["0"])


def test_a_grid_holds_the_pictures_row_by_row() -> None:
    pictures = draw(pair()[1].predictor(), 5, "anything")
    pixels = torch.from_numpy(grid(pictures).pixels)  # 2 rows of 3, the last place empty
    assert pixels.shape == (16, 24)
    assert torch.equal(pixels[8:, 8:16], pictures[4, 0])
    assert not pixels[8:, 16:].any()


@pytest.mark.parametrize("count", [50, 500])  # fewer and more than the 64 pixels
def test_the_gaussian_rival_has_the_moments_of_the_pictures(count: int) -> None:
    """All components give mean and covariance back; the mean picture alone is the negative control."""
    random = torch.Generator().manual_seed(2)
    low = torch.randn(count, 3, generator=random) @ torch.randn(3, 64, generator=random) * 10 + 128
    pictures = low.round().clamp(0, 255).byte().view(-1, 1, 8, 8)
    real, drawn = pictures.flatten(1).double(), gaussian_pictures(pictures, 3, 4000).flatten(1).double()
    torch.testing.assert_close(drawn.mean(0), real.mean(0), atol=3, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), real.T.cov(), atol=60, rtol=0)
    assert real.T.cov().diagonal().max() > 10 * 60


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 28, 28), (3, 32, 32), (3, 64, 64), (1, 8, 8), (3, 30, 21)])
def test_pictures_of_any_small_size(channels: int, height: int, width: int) -> None:
    """(B, Z) -> (B, C, H, W) in [-1, 1] -> (B,) logits, and every parameter has a gradient."""
    spec = Spec(input=Image(channels=channels, height=height, width=width), target=SPEC.target)
    model = DCGAN(spec, Sizes(noise=5, width=4))
    pictures = model(torch.randn(3, 5))
    assert pictures.shape == (3, channels, height, width)
    assert pictures.abs().max() <= 1
    logits = model.discriminator(pictures)
    assert logits.shape == (3,)
    logits.sum().backward()
    assert all(p.grad is not None for p in model.parameters())
