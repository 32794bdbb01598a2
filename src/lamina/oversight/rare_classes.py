"""How far rare classes are favoured in the answers for pixels, chosen on the validation split and kept in the run.

Training weighs rare classes so that they are learned at all (`class_weights`), and what suits learning says too much of them, or too
little. Logit adjustment (Menon, Jayasumana, Rawat, Jain, Veit & Kumar 2021) turns that afterwards by one number:

    z_k + tau log pi_k

tau above 0 favours frequent classes, below 0 rare ones. The tau with the highest mean IoU on the validation split is taken; 0 changes
nothing.

    z  logits (B, K, H, W)    pi  (K,) shares of the training split's labelled pixels
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from lamina.core.data import Data, Split, batches
from lamina.core.predictor import Predictor
from lamina.core.spec import IGNORED, Mask
from lamina.metrics.masks import Masks

TRIED = tuple(n / 10 for n in range(-5, 6))
LEAST_PICTURES = 10  # of a validation split that can tell
AT_ONCE = 16


@dataclass(frozen=True)
class Favour:
    """`shift` (K,): what is added to logits; `mean_iou`: on the validation split, by tau."""

    tau: float
    shift: tuple[float, ...]
    mean_iou: Mapping[float, float]

    def to_json(self) -> dict[str, Any]:
        return {"tau": self.tau, "shift": self.shift, "mean_iou": {f"{tau:g}": found for tau, found in self.mean_iou.items()},
                "lines": self.lines()}

    def lines(self) -> list[str]:
        """For a person."""
        if not self.tau:
            return ["rare classes are favoured as far as training did: the validation split asks for no more and no less"]
        way = "less" if self.tau > 0 else "more"
        return [f"rare classes are favoured {way} than in training, by {abs(self.tau):g} of the logarithm of their frequency: mean IoU on "
                f"the validation split {100 * self.mean_iou[0.0]:.1f} -> {100 * self.mean_iou[self.tau]:.1f} %"]


def favour(predictor: Predictor, data: Data) -> Favour | None:
    """What the validation split asks for; None where answers are no masks, or it is too small to tell."""
    if not isinstance(data.spec.target, Mask) or len(data.valid) < LEAST_PICTURES:
        return None
    classes = data.spec.target.size
    logs = _frequencies(data.train, classes).log()
    gathered = {tau: Masks(classes) for tau in TRIED}
    for batch in batches(data.valid, AT_ONCE):
        z = predictor(batch["x"]).cpu()
        for tau, found in gathered.items():
            found.update((z + tau * logs[:, None, None]).argmax(1), batch["y"])
    scores = {tau: found.value()["mean_iou"] for tau, found in gathered.items()}
    best = max(TRIED, key=lambda tau: (scores[tau], -abs(tau)))
    return Favour(best, tuple((best * logs).tolist()) if best else (), scores)


def _frequencies(split: Split, classes: int) -> torch.Tensor:
    """(K,): none is 0, a class without a pixel counts as one."""
    counts = torch.zeros(classes)
    for batch in batches(split, AT_ONCE):
        counts += torch.bincount(batch["y"].flatten().long(), minlength=IGNORED + 1)[:classes]
    return counts.clamp(min=1) / counts.clamp(min=1).sum()
