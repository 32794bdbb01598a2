"""What a policy's output means: the distribution from which an action is drawn.

`Categorical`: logits (B, A) of one of A actions, drawn as the largest of logits + Gumbel noise (Gumbel 1954). `Gaussian`: mean and
log standard deviation of A numbers, (B, 2 A), each drawn by itself (Williams 1992); what lies beyond -1 and 1 is cut by the environment
and not by the distribution. Noise is handed in, so that a whole rollout draws it at once from one keyed generator.
"""

import math
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F

from lamina.core.spec import Actions, Controls

LOG_STD = (-20.0, 2.0)  # bounds of the log deviation of squashed numbers, as in the code of Haarnoja et al.
LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


class Distribution(Protocol):
    """Actions given the output of an actor."""

    shape: tuple[int, ...]  # of an action: () or (A,)
    dtype: Any

    def noise(self, random: np.random.Generator, *sizes: int) -> np.ndarray:
        """Noise for so many draws, (*sizes, A)."""

    def choose(self, output: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Draw an action a row, (B, *shape)."""

    def log_prob(self, output: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """Of each action, (B,)."""

    def entropy(self, output: torch.Tensor) -> torch.Tensor:
        """Of each row, (B,)."""

    def differentiated(self, output: torch.Tensor, action: torch.Tensor) -> "Differentiated":
        """Log-probabilities and entropies, and what their gradient is worked out of."""


class Differentiated(Protocol):
    """Of outputs and actions: log-probabilities and entropies, (B,) each, and their gradient written down."""

    log_prob: torch.Tensor

    @property
    def entropy(self) -> torch.Tensor: ...

    def gradient(self, weight: torch.Tensor, entropy_weight: float) -> torch.Tensor:
        """By the output, (B, K): of the sum of `weight` (B,) times the log-probabilities and `entropy_weight` times the entropies."""


class Categorical:
    """One of A actions."""

    shape: tuple[int, ...] = ()
    dtype: Any = np.int64

    def __init__(self, size: int) -> None:
        self.size = size

    def noise(self, random: np.random.Generator, *sizes: int) -> np.ndarray:
        return random.gumbel(size=(*sizes, self.size))

    def choose(self, output: np.ndarray, noise: np.ndarray) -> np.ndarray:
        chosen: np.ndarray = (output + noise).argmax(-1)
        return chosen

    def log_prob(self, output: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        if output.ndim == 2:  # one kernel
            return -F.cross_entropy(output, action, reduction="none")
        return F.log_softmax(output, -1).gather(-1, action[..., None]).squeeze(-1)

    def entropy(self, output: torch.Tensor) -> torch.Tensor:
        log_p = F.log_softmax(output, -1)
        return -(log_p.exp() * log_p).sum(-1)

    def differentiated(self, output: torch.Tensor, action: torch.Tensor) -> "Differentiated":
        return _OfCategorical(output, action)


class _OfCategorical:
    def __init__(self, output: torch.Tensor, action: torch.Tensor) -> None:
        self._action, self._log_p = action[:, None], F.log_softmax(output, -1)
        self._p = self._log_p.exp()
        self.log_prob = self._log_p.gather(1, self._action).squeeze(1)

    @cached_property
    def entropy(self) -> torch.Tensor:
        return -torch.linalg.vecdot(self._p, self._log_p)

    def gradient(self, weight: torch.Tensor, entropy_weight: float) -> torch.Tensor:
        weights = weight[:, None]
        found = (self._p * -weights).scatter_add_(1, self._action, weights)  # one at the action, less p
        return found.sub_(entropy_weight * self._p * (self._log_p + self.entropy[:, None])) if entropy_weight else found


class Gaussian:
    """A numbers."""

    dtype: Any = np.float32

    def __init__(self, size: int) -> None:
        self.size = size
        self.shape: tuple[int, ...] = (size,)

    def noise(self, random: np.random.Generator, *sizes: int) -> np.ndarray:
        return random.standard_normal((*sizes, self.size), np.float32)

    def choose(self, output: np.ndarray, noise: np.ndarray) -> np.ndarray:
        mean, log_std = output[..., : self.size], output[..., self.size :]
        chosen: np.ndarray = mean + np.exp(log_std) * noise
        return chosen

    def log_prob(self, output: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        mean, log_std = output.chunk(2, -1)
        return (-0.5 * ((action - mean) * (-log_std).exp()).square() - log_std - LOG_SQRT_2PI).sum(-1)

    def entropy(self, output: torch.Tensor) -> torch.Tensor:
        return (output[..., self.size :] + 0.5 + LOG_SQRT_2PI).sum(-1)

    def differentiated(self, output: torch.Tensor, action: torch.Tensor) -> "Differentiated":
        return _OfGaussian(self, output, action)


class _OfGaussian:
    def __init__(self, kind: Gaussian, output: torch.Tensor, action: torch.Tensor) -> None:
        mean, log_std = output.chunk(2, -1)
        self._precision = (-log_std).exp()
        self._apart = (action - mean) * self._precision  # in deviations
        self.log_prob, self._kind, self._output = kind.log_prob(output, action), kind, output

    @cached_property
    def entropy(self) -> torch.Tensor:
        return self._kind.entropy(self._output)

    def gradient(self, weight: torch.Tensor, entropy_weight: float) -> torch.Tensor:
        weights = weight[:, None]
        return torch.cat([self._apart * self._precision * weights, (self._apart.square() - 1) * weights + entropy_weight], -1)


def distribution_of(target: Actions | Controls) -> Distribution:
    """The distribution that policies of this target draw from."""
    return Categorical(target.size) if isinstance(target, Actions) else Gaussian(target.size)


def squashed(output: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers (B, A) of -1 to 1 and their log-probabilities (B,): a = tanh(u), u ~ N(mu, sigma) (Haarnoja et al. 2018, Soft actor-critic
    algorithms and applications, appendix C)."""
    mean, log_std = output.chunk(2, -1)
    log_std = log_std.clamp(*LOG_STD)
    u = mean + log_std.exp() * noise
    log_normal = -0.5 * noise.square() - log_std - LOG_SQRT_2PI
    log_slope = 2 * (math.log(2) - u - F.softplus(-2 * u))  # log(1 - tanh(u)^2), which that form loses from |u| = 9 on
    return u.tanh(), (log_normal - log_slope).sum(-1)
