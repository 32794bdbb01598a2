"""The Frechet distance against closed forms: Heusel et al. 2017, eq. (6); Dowson & Landau 1982 for the diagonal case."""

import math

import pytest
import scipy.linalg
import torch

from lamina.metrics.frechet import Gaussian, RandomFeatures, distance, frechet


def gaussian(mean: torch.Tensor, covariance: torch.Tensor) -> Gaussian:
    """A Gaussian of known moments: the features whose sample moments are exactly these."""
    size = len(mean)
    z = torch.cat([torch.eye(size), -torch.eye(size)]).double() * math.sqrt((2 * size - 1) / 2)  # mean 0, covariance 1
    return Gaussian(z @ torch.linalg.cholesky(covariance.double()).T + mean.double())


def random_pair(size: int = 7) -> tuple[Gaussian, Gaussian]:
    random = torch.Generator().manual_seed(3)
    roots = torch.randn(2, size, size, generator=random, dtype=torch.float64)
    means = torch.randn(2, size, generator=random, dtype=torch.float64)
    one, other = (gaussian(m, r @ r.T) for m, r in zip(means, roots, strict=True))
    return one, other


def by_hand(one: Gaussian, other: Gaussian) -> float:
    """Eq. (6) with scipy's general matrix square root (Schur), another algorithm than ours."""
    root = torch.from_numpy(scipy.linalg.sqrtm((one.covariance @ other.covariance).numpy()).real)
    spread = (one.covariance + other.covariance - 2 * root).trace()
    return float((one.mean - other.mean).square().sum() + spread)


def test_the_moments_are_those_that_were_put_in() -> None:
    covariance = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    found = gaussian(torch.tensor([1.0, -2.0]), covariance)
    torch.testing.assert_close(found.mean, torch.tensor([1.0, -2.0], dtype=torch.float64))
    torch.testing.assert_close(found.covariance, covariance)


def test_diagonal_case() -> None:
    """Independent features: sum of (m - m')^2 + (s - s')^2; here 3^2 + 0 + (1 - 2)^2 + (4 - 1)^2 = 19."""
    one = gaussian(torch.tensor([3.0, 0.0]), torch.diag(torch.tensor([1.0, 16.0])))
    other = gaussian(torch.tensor([0.0, 0.0]), torch.diag(torch.tensor([4.0, 1.0])))
    assert distance(one, other) == pytest.approx(19.0, rel=1e-12)


def test_full_covariances_against_another_square_root() -> None:
    one, other = random_pair()
    assert distance(one, other) == pytest.approx(by_hand(one, other), rel=1e-9)


def test_symmetric_and_zero_for_equal() -> None:
    one, other = random_pair()
    assert distance(one, other) == pytest.approx(distance(other, one), rel=1e-10)
    assert distance(one, one) == pytest.approx(0, abs=1e-9)


def test_flat_covariances_are_safe() -> None:
    """Fewer pictures than features leave eigenvalues at zero, which rounding pushes below it."""
    features = torch.randn(5, 40, generator=torch.Generator().manual_seed(0))
    assert distance(Gaussian(features), Gaussian(features)) == pytest.approx(0, abs=1e-6)
    assert distance(Gaussian(features), Gaussian(features + 1)) == pytest.approx(40, rel=1e-6)
    assert distance(Gaussian(torch.zeros(3, 2)), Gaussian(torch.ones(3, 2))) == 2


def test_negative_control_the_product_of_roots_is_not_the_root_of_the_product() -> None:
    """tr (C^1/2 C'^1/2) is the tempting shortcut; it is wrong as soon as the covariances do not commute."""
    one, other = random_pair()
    roots = [torch.from_numpy(scipy.linalg.sqrtm(g.covariance.numpy()).real) for g in (one, other)]
    spread = one.covariance.trace() + other.covariance.trace() - 2 * (roots[0] @ roots[1]).trace()
    wrong = float((one.mean - other.mean).square().sum() + spread)
    assert wrong != pytest.approx(by_hand(one, other), rel=1e-3)


def test_random_features_are_the_same_in_every_process_and_order_what_is_worse() -> None:
    """Other pictures of one kind are nearer than noise is; the default generator is not touched."""
    random = torch.Generator().manual_seed(1)
    real = torch.randint(0, 2, (2000, 1, 8, 8), generator=random).repeat_interleave(2, 2).repeat_interleave(2, 3).mul(255).byte()
    noise = torch.randint(0, 256, real.shape, generator=random).byte()
    torch.manual_seed(7)
    before = torch.get_rng_state()
    near, far = (frechet(real[:1000], x, RandomFeatures(1)) for x in (real[1000:], noise[1000:]))
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(8)
    assert frechet(real[:1000], real[1000:], RandomFeatures(1)) == near
    assert near < far / 3
