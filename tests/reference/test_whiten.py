"""The whitening layer: covariance of what it gives, both signs, no training of its kernels; and answers that are asked twice."""

import torch
import torch.nn.functional as F
from torch import nn

from lamina.core.spec import Classes, Image, Spec
from lamina.nn.scaled import Scaled
from lamina.nn.whiten import EPS, Whiten


def pictures() -> torch.Tensor:
    """Correlated noise (N, 3, 10, 10): smooth, with channels alike."""
    random = torch.Generator().manual_seed(0)
    x = torch.randn(200, 3, 12, 12, generator=random) + 2 * torch.randn(200, 1, 12, 12, generator=random)
    return F.avg_pool2d(x, 3, 1)


def second_moments(x: torch.Tensor) -> torch.Tensor:
    rows = x.transpose(0, 1).flatten(1).double()
    return rows @ rows.T / rows.shape[1]


def test_what_it_gives_is_white() -> None:
    x, layer = pictures(), Whiten(3, 2)
    size = layer.size
    before = second_moments(layer(x)[:, :size])
    layer.learn(x)
    after = second_moments(layer(x)[:, :size])
    e = torch.linalg.eigvalsh(second_moments(F.unfold(x, 2)))
    torch.testing.assert_close(after, torch.diag(e / (e + EPS)), atol=1e-3, rtol=1e-3)
    assert _beside_the_diagonal(before) > 100 * _beside_the_diagonal(after), "negative control: fresh kernels are not white"


def _beside_the_diagonal(m: torch.Tensor) -> float:
    return (m - torch.diag(m.diag())).abs().max().item()


def test_every_channel_comes_with_its_negative_and_only_the_bias_is_trained() -> None:
    layer = Whiten(1, 3)
    layer.learn(pictures()[:, :1])
    y = layer(pictures()[:, :1])
    torch.testing.assert_close(y[:, : layer.size], -y[:, layer.size :])
    assert [name for name, _ in layer.named_parameters()] == ["bias"]


def test_constant_pictures_do_not_break_it() -> None:
    layer = Whiten(3, 2)
    layer.learn(torch.zeros(10, 3, 8, 8))
    assert layer(torch.ones(2, 3, 8, 8)).isfinite().all()


class Left(nn.Module):
    """The mean level of the left half: as one-sided as can be."""

    def __init__(self, mirror: bool) -> None:
        super().__init__()
        self.mirror = mirror

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[..., : x.shape[-1] // 2].mean((1, 2, 3))[:, None]


def test_a_mirrored_answer_does_not_know_left_from_right() -> None:
    spec = Spec(input=Image(channels=1, height=6, width=6), target=Classes(names=("a",)))
    x = torch.randint(0, 256, (5, 1, 6, 6), generator=torch.Generator().manual_seed(0)).byte()
    twice, once = (Scaled(Left(mirror), spec).eval() for mirror in (True, False))
    torch.testing.assert_close(twice(x), twice(x.flip(3)))
    torch.testing.assert_close(twice(x)[:, 0], x.float().mean((1, 2, 3)))
    assert not torch.allclose(once(x), once(x.flip(3)))
    torch.testing.assert_close(twice.train()(x), once(x))
