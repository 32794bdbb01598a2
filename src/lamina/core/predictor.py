"""A trained model, ready to answer: evaluation mode, no gradients, the precision it was trained in."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

MOST_NUMBERS = 1 << 21  # of inputs that are answered at once: 42 photos of side 128, whose maps would else fill the memory


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """The context for a forward pass in `precision`: f32, bf16 or f16."""
    if precision == "f32":
        return nullcontext()
    dtype = {"bf16": torch.bfloat16, "f16": torch.float16}[precision]
    return torch.autocast(device.type, dtype)


@dataclass(frozen=True)
class Trust:
    """How far answers are to be believed, as the validation split showed (oversight/calibration.py, rare_classes.py): `shift` is added to
    the logits of each class, these are divided by `temperature`, and an answer is sure where its probability is `threshold` or more."""

    temperature: float = 1.0
    threshold: float = 0.0
    shift: tuple[float, ...] = ()


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

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The model's output for `x` (B, ...), float32."""
        if self.model.training:
            self.model.eval()
        with torch.inference_mode(), autocast(self.device, self.precision):
            output = torch.cat([self.model(part.to(self.device)).float() for part in parts(x)])
            if self.trust.shift:
                output = output + output.new_tensor(self.trust.shift).view(1, -1, *[1] * (output.ndim - 2))
            return output if self.trust.temperature == 1 else output / self.trust.temperature


def parts(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Inputs (B, ...) in parts that are run through a model at once."""
    return x.split(max(1, MOST_NUMBERS // max(1, x[:1].numel())))
