"""Scales of inputs are mean and deviation of the training rows, however these are stored."""

import torch

from lamina.core.spec import Image, Numbers, Spec
from lamina.nn.scale import InputScale


def scale_of(x: torch.Tensor) -> InputScale:
    scale = InputScale(Spec(input=Image(channels=x.shape[1], height=x.shape[2], width=x.shape[3]), target=Numbers(names=("y",))))
    scale.learn(x)
    return scale


def test_bytes_have_the_mean_and_deviation_of_their_numbers() -> None:
    """Counted (bytes) as summed (floats); of a channel without spread only the mean is taken off."""
    x = torch.randint(0, 256, (50, 3, 7, 9), generator=torch.Generator().manual_seed(0)).byte()
    x[:, 1] = 201
    x[:, 2] //= 7
    counted, summed = scale_of(x), scale_of(x.double())
    torch.testing.assert_close(counted.mean, summed.mean)
    torch.testing.assert_close(counted.factor, summed.factor)
    seen = counted(x)
    torch.testing.assert_close(seen.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen.std((0, 2, 3), correction=0), torch.tensor([1.0, 0.0, 1.0]), atol=1e-5, rtol=0)
