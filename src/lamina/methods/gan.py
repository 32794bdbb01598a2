"""Generative adversarial learning (Goodfellow et al. 2014, Generative adversarial nets), with the non-saturating loss.

A discriminator learns to tell pictures from the generator's; the generator learns to be taken for real.

    x   real pictures (B, C, H, W)      z   noise (B, Z)
    G   generator     (B, Z) -> (B, C, H, W) in [-1, 1]
    d   logit of the discriminator, so that D = sigmoid(d), -log D = softplus(-d), -log(1 - D) = softplus(d)

Departures: the loss of the discriminator is the mean of its two halves, so that both losses start at log 2; one batch
of generated pictures serves both steps; one-sided smoothing of the label `real` (Salimans et al. 2016) and the
penalty R1 on the slope at real pictures (Mescheder et al. 2018) are knobs.
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from lamina.core import config as knobs
from lamina.core.batch import Batch
from lamina.core.config import knob
from lamina.core.data import Split
from lamina.core.errors import UsageError
from lamina.core.method import Learning, Pace
from lamina.core.spec import Spec

MOST_VALIDATIONS = 20


class Config(knobs.Config):
    """How the two networks are set against each other."""

    epochs: float = knob(12, "times the training pictures are gone through", low=0, search="log")
    batch: int = knob(64, "real pictures, and as many generated ones, in a step", low=2, search="log")
    discriminator_steps: int = knob(1, "steps of the discriminator for each of the generator", low=1, high=10)
    smoothing: float = knob(0.0, "how far the label of real pictures is put below one", low=0, high=0.5, search="linear")
    penalty: float = knob(0.0, "weight of R1, the squared slope of the discriminator at real pictures", low=0, search="log")


class GAN:
    """Alternate steps of discriminator and generator: algorithm 1."""

    defaults: ClassVar[Mapping[str, Any]] = {"optimizer": "adam", "learning_rate": 2e-4, "beta1": 0.5, "ema": 0.999}
    parts: ClassVar[tuple[str, ...]] = ("generator", "discriminator")

    def __init__(self, spec: Spec, config: Config, split: Split) -> None:
        self.config, self.split = config, split
        self.batch = min(config.batch, len(split) // config.discriminator_steps)
        self.rows = self.batch * config.discriminator_steps
        self.per_epoch = len(split) // self.rows
        self._order: tuple[int, torch.Tensor] = (-1, torch.empty(0))

    @staticmethod
    def wrap(net: nn.Module, spec: Spec) -> nn.Module:
        """The network as it is; it must have the two parts."""
        if not all(isinstance(getattr(net, part, None), nn.Module) for part in GAN.parts):
            raise UsageError("a model with a `generator` and a `discriminator`", f"`{type(net).__name__}`", "Use `--model dcgan`.")
        return net

    def prepare(self, model: nn.Module) -> None:
        """Nothing is learned before step 1: bytes become [-1, 1] whatever the data."""

    def rates(self, model: nn.Module) -> Mapping[nn.Parameter, float]:
        return {}

    def pace(self) -> Pace:
        steps = max(1, round(self.config.epochs * self.per_epoch))
        return Pace(steps, max(1, math.ceil(self.config.epochs / MOST_VALIDATIONS)) * self.per_epoch)

    def next_batch(self, learner: Learning, step: int) -> Batch:
        epoch, place = divmod(step - 1, self.per_epoch)
        if self._order[0] != epoch:
            self._order = epoch, self.split.order(learner.seed, epoch)
        return Batch(x=self.split.batch(self._order[1][place * self.rows : (place + 1) * self.rows])["x"])

    def update(self, learner: Learning, batch: Batch) -> dict[str, torch.Tensor]:
        for x in batch["x"].split(self.batch):
            generated = self._generate(learner, len(x))
            discriminator_loss = self._discriminate(learner, signed(x), generated.detach())
        return {"discriminator_loss": discriminator_loss, "generator_loss": self._deceive(learner, generated)}

    def _generate(self, learner: Learning, count: int) -> torch.Tensor:
        z = torch.randn(count, learner.model.noise_size, device=learner.device)  # keyed: the loop seeds every update
        with learner.autocast():
            generated: torch.Tensor = learner.model.generator(z)
        return generated

    def _discriminate(self, learner: Learning, x: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
        """Ascend log D(x) + log(1 - D(G(z))): eq. (1), the inner maximum."""
        x.requires_grad_(self.config.penalty > 0)
        with learner.autocast():
            real, fake = learner.model.discriminator(x).float(), learner.model.discriminator(generated).float()
        loss = (F.softplus(-real) + self.config.smoothing * real + F.softplus(fake)).mean() / 2
        learner.step(loss + self.config.penalty / 2 * slope(real, x) if self.config.penalty else loss, "discriminator")
        return loss.detach()

    def _deceive(self, learner: Learning, generated: torch.Tensor) -> torch.Tensor:
        """Ascend log D(G(z)), whose gradient does not vanish while the discriminator is right: end of section 3."""
        with learner.autocast():
            fake = learner.model.discriminator(generated).float()
        loss = F.softplus(-fake).mean()
        learner.step(loss, "generator")
        return loss.detach()

    def counters(self, step: int) -> dict[str, float]:
        return {"epoch": step / self.per_epoch, "samples": step * self.rows}

    def state(self) -> dict[str, Any]:
        return {}  # the order and every draw are functions of (seed, step)

    def load_state(self, state: dict[str, Any]) -> None:
        self._order = (-1, torch.empty(0))


def signed(x: torch.Tensor) -> torch.Tensor:
    """Bytes 0..255 as float32 in [-1, 1]."""
    return x.float().div_(127.5).sub_(1)


def slope(logits: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The mean over a batch of |grad_x d(x)|^2."""
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()
