"""How answers for pixels are taken, chosen on the validation split and kept in the run: at how many sizes a picture is asked about, and how
far rare classes are favoured.

Sizes (Chen et al. 2017, DeepLab, section 4.1: multi-scale inputs): the mean over the picture as it is and made half as large again, where
that gains enough for more than three times the work. Not asked of pictures that are seen by tiles.

Rare classes: training weighs them so that they are learned at all (`class_weights`), and what suits learning says too much of them, or too
little. Logit adjustment (Menon, Jayasumana, Rawat, Jain, Veit & Kumar 2021) turns that afterwards by one number:

    z_k + tau log pi_k

tau above 0 favours frequent classes, below 0 rare ones. The tau with the highest mean IoU on the validation split is taken; 0 changes
nothing.

    z  logits (B, K, H, W)    pi  (K,) shares of the training split's labelled pixels
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from lamina.core.data import Data, Split, batches
from lamina.core.predictor import Predictor, Trust
from lamina.core.spec import IGNORED, Image, Mask
from lamina.metrics.masks import Masks
from lamina.nn.tiles import LARGE

TAUS = tuple(n / 10 for n in range(-5, 6))
ALONE, BOTH = (1.0,), (1.0, 1.5)  # sizes
ENOUGH = 0.005  # of mean IoU, that a second size has to gain
LEAST_PICTURES = 10  # of a validation split that can tell
AT_ONCE = 16
Scores = Mapping[float, float]


@dataclass(frozen=True)
class Settled:
    """What was chosen, and the mean IoU on the validation split by tau, with one size and with both; `shift` (K,): added to logits."""

    tau: float
    shift: tuple[float, ...]
    sizes: tuple[float, ...]
    alone: Scores
    both: Scores

    @property
    def trust(self) -> Trust:
        """The same, for a predictor."""
        return Trust(shift=self.shift, sizes=self.sizes)

    def to_json(self) -> dict[str, Any]:
        told = {name: {f"{tau:g}": found for tau, found in scores.items()} for name, scores in (("alone", self.alone), ("both", self.both))}
        return {"tau": self.tau, "shift": self.shift, "sizes": self.sizes, "mean_iou": told, "lines": self.lines()}

    def lines(self) -> list[str]:
        """For a person."""
        plain, single = self.alone[0.0], max(self.alone.values())
        found = max((self.both if len(self.sizes) > 1 else self.alone).values())
        lines = [f"validation mean IoU {100 * plain:.1f} % as trained, {100 * found:.1f} % as answered:"]
        if len(self.sizes) > 1:
            lines.append(f"photos are asked about at {' and '.join(f'{size:g}' for size in self.sizes)} times their size "
                         f"(+{100 * (found - single):.1f} points, three times the work)")
        if self.tau:
            way = "less" if self.tau > 0 else "more"
            lines.append(f"rare classes are favoured {way} than in training, by {abs(self.tau):g} of the logarithm of their frequency")
        return lines if len(lines) > 1 else [f"validation mean IoU {100 * plain:.1f} %: neither a second size nor another favour for rare "
                                             "classes would raise it enough"]


def settled(predictor: Predictor, data: Data) -> Settled | None:
    """What the validation split asks for; None where answers are no masks, or it is too small to tell."""
    if not isinstance(data.spec.target, Mask) or len(data.valid) < LEAST_PICTURES:
        return None
    logs = _frequencies(data.train, data.spec.target.size).log()
    alone = _scores(predictor, data, logs)
    whole = isinstance(data.spec.input, Image) and max(data.spec.input.height, data.spec.input.width) <= LARGE
    both = _scores(predictor.trusted(replace(predictor.trust, sizes=BOTH)), data, logs) if whole else alone
    sizes, scores = (BOTH, both) if max(both.values()) - max(alone.values()) >= ENOUGH else (ALONE, alone)
    best = max(TAUS, key=lambda tau: (scores[tau], -abs(tau)))
    return Settled(best, tuple((best * logs).tolist()) if best else (), sizes, alone, both)


def _scores(predictor: Predictor, data: Data, logs: torch.Tensor) -> Scores:
    """Mean IoU on the validation split by tau; logs (K,) of the frequencies."""
    gathered = {tau: Masks(len(logs)) for tau in TAUS}
    for batch in batches(data.valid, AT_ONCE):
        z = predictor(batch["x"]).cpu()
        for tau, found in gathered.items():
            found.update((z + tau * logs[:, None, None]).argmax(1), batch["y"])
    return {tau: found.value()["mean_iou"] for tau, found in gathered.items()}


def _frequencies(split: Split, classes: int) -> torch.Tensor:
    """(K,): none is 0, a class without a pixel counts as one."""
    counts = torch.zeros(classes)
    for batch in batches(split, AT_ONCE):
        counts += torch.bincount(batch["y"].flatten().long(), minlength=IGNORED + 1)[:classes]
    return counts.clamp(min=1) / counts.clamp(min=1).sum()
