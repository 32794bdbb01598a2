"""What a policy draws from, against torch's own distributions, in float64."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Categorical as TorchCategorical
from torch.distributions import Independent, Normal, TanhTransform

from lamina.methods.distributions import LOG_STD, Categorical, Gaussian, squashed
from lamina.nn.running_scale import FARTHEST, RunningScale


def test_one_of_several_is_torchs() -> None:
    output, action = torch.randn(50, 4, dtype=torch.float64), torch.arange(50) % 4
    mine, theirs = Categorical(4), TorchCategorical(logits=output)
    torch.testing.assert_close(mine.log_prob(output, action), theirs.log_prob(action))
    torch.testing.assert_close(mine.entropy(output), theirs.entropy())


def test_numbers_are_torchs() -> None:
    output, action = torch.randn(50, 6, dtype=torch.float64), torch.randn(50, 3, dtype=torch.float64)
    mine, theirs = Gaussian(3), Independent(Normal(output[:, :3], output[:, 3:].exp()), 1)
    torch.testing.assert_close(mine.log_prob(output, action), theirs.log_prob(action))
    torch.testing.assert_close(mine.entropy(output), theirs.entropy())


def test_numbers_are_drawn_with_their_mean_and_deviation() -> None:
    output = np.array([0.3, -0.2, 0.1, -1.0])
    chosen = Gaussian(2).choose(output, Gaussian(2).noise(np.random.default_rng(0), 20_000))
    for i in range(2):
        assert stats.kstest(chosen[:, i], "norm", (output[i], np.exp(output[2 + i]))).pvalue > 0.001
    assert stats.kstest(chosen[:, 0], "norm", (output[0], 1.0)).pvalue < 0.001  # negative control: another deviation is seen


@pytest.mark.parametrize("size", [0.1, 1.0, 3.0])
def test_squashed_numbers_are_torchs(size: float) -> None:
    output, noise = size * torch.randn(50, 6, dtype=torch.float64), torch.randn(50, 3, dtype=torch.float64)
    log_std = output[:, 3:].clamp(*LOG_STD)
    u = output[:, :3] + log_std.exp() * noise
    expected = Normal(output[:, :3], log_std.exp()).log_prob(u) - TanhTransform().log_abs_det_jacobian(u, u.tanh())
    action, log_p = squashed(output, noise)
    torch.testing.assert_close(action, u.tanh())
    torch.testing.assert_close(log_p, expected.sum(1))


def test_far_out_the_squashed_log_probability_is_finite_and_its_plain_form_is_not() -> None:
    output, noise = torch.tensor([[30.0, -1.0]]), torch.zeros(1, 1)
    action, log_p = squashed(output, noise)
    assert log_p.isfinite().all()
    assert torch.log(1 - action**2).isinf().all()


def test_a_running_scale_is_the_mean_and_deviation_of_all_that_was_seen() -> None:
    random = np.random.default_rng(0)
    batches = [torch.from_numpy(random.normal(5, 3, (n, 2)) * [1, 100]).float() for n in (8, 1, 40, 3)]
    scale = RunningScale((2,))
    x = batches[0]
    assert torch.equal(scale(x), x)  # nothing is changed before something is learned
    for batch in batches:
        scale.learn(batch)
    every = torch.cat(batches)
    torch.testing.assert_close(scale.mean, every.mean(0))
    torch.testing.assert_close(scale.variance, every.var(0, correction=0), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(scale(every).mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(scale(every).std(0, correction=0), torch.ones(2), atol=1e-4, rtol=0)
    assert scale(every * 1e6).abs().max() == FARTHEST


def test_a_running_scale_travels_with_the_weights() -> None:
    scale, other = RunningScale((3,)), RunningScale((3,))
    scale.learn(torch.randn(20, 3) * 4)
    other.load_state_dict(scale.state_dict())
    x = torch.randn(5, 3)
    assert torch.equal(other(x), scale(x))
    assert not torch.equal(scale(x), x)
