"""A trained model, ready to answer: evaluation mode, no gradients, the precision it was trained in."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import interpolate

STRIDE = 16  # pixels: sides that a picture is made larger to are whole multiples
MOST_NUMBERS = 1 << 21  # of inputs that are answered at once: 42 photos of side 128, whose maps would else fill the memory


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """The context for a forward pass in `precision`: f32, bf16 or f16."""
    if precision == "f32":
        return nullcontext()
    dtype = {"bf16": torch.bfloat16, "f16": torch.float16}[precision]
    return torch.autocast(device.type, dtype)


@dataclass(frozen=True)
class Trust:
    """How answers are to be taken, as the validation split showed (oversight/calibration.py, pixels_settled.py): logits of pixels are the
    mean over the picture at each of `sizes`, `shift` is added to those of each class, they are divided by `temperature`, and an
    answer is sure where its probability is `threshold` or more."""

    temperature: float = 1.0
    threshold: float = 0.0
    shift: tuple[float, ...] = ()
    sizes: tuple[float, ...] = (1.0,)

    @staticmethod
    def of(told: Mapping[str, Any]) -> "Trust":
        """What a JSON file holds of one."""
        values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
        return Trust(**values)


class Predictor:
    """Calls `model` in evaluation mode; the learner puts it back to training when it goes on."""

    def __init__(self, model: nn.Module, device: torch.device, precision: str = "f32", trust: Trust = Trust()) -> None:
        self.model, self.device, self.precision, self.trust = model, device, precision, trust

    @property
    def threshold(self) -> float:
        """The least probability of a sure answer."""
        return self.trust.threshold

    def trusted(self, trust: Trust) -> "Predictor":
        """The same model, whose answers are believed as far as `trust` says."""
        return Predictor(self.model, self.device, self.precision, trust)

    @contextmanager
    def asked(self) -> Iterator[Any]:
        """The model as it answers, for a task that asks it more than its output."""
        if self.model.training:
            self.model.eval()
        with torch.inference_mode(), autocast(self.device, self.precision):
            yield self.model

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The model's output for `x` (B, ...), float32."""
        with self.asked():
            output = torch.cat([self._answer(part.to(self.device)) for part in parts(x)])
            if self.trust.shift:
                output = output + output.new_tensor(self.trust.shift).view(1, -1, *[1] * (output.ndim - 2))
            return output if self.trust.temperature == 1 else output / self.trust.temperature

    def _answer(self, x: torch.Tensor) -> torch.Tensor:
        if self.trust.sizes == (1.0,):
            output: torch.Tensor = self.model(x).float()
            return output
        sizes = [_sides(x, size) for size in self.trust.sizes]
        return torch.stack([_resized(self.model(_resized(x.float(), size)).float(), _sides(x, 1.0)) for size in sizes]).mean(0)


def _sides(x: torch.Tensor, size: float) -> tuple[int, int]:
    """(H, W) of pictures (B, C, H, W) made so many times larger, in whole places of the coarsest maps."""
    height, width = x.shape[2:]
    if size == 1:
        return height, width
    return max(STRIDE, round(height * size / STRIDE) * STRIDE), max(STRIDE, round(width * size / STRIDE) * STRIDE)


def _resized(x: torch.Tensor, sides: tuple[int, int]) -> torch.Tensor:
    return x if tuple(x.shape[2:]) == sides else interpolate(x, sides, mode="bilinear", align_corners=False)


def parts(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Inputs (B, ...) in parts that are run through a model at once."""
    return x.split(max(1, MOST_NUMBERS // max(1, x[:1].numel())))
