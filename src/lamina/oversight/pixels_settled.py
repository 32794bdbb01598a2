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
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from lamina.core.data import Data, Split, batches
from lamina.core.predictor import Predictor, Trust
from lamina.core.spec import Image, Mask
from lamina.data.mask_split import pixels
from lamina.metrics.masks import Masks, classes_of
from lamina.nn.tiles import LARGE

TAUS = tuple(n / 10 for n in range(-5, 6))
ALONE: tuple[float, ...] = (1.0,)  # sizes
BOTH: tuple[float, ...] = (1.0, 1.5)
ENOUGH = 0.005  # of mean IoU, that a second size has to gain
LEAST_PICTURES = 10  # of a validation split that can tell
AT_ONCE = 16
Scores = Mapping[float, float]


@dataclass(frozen=True)
class Settled:
    """What was chosen, and the mean IoU on the validation split by tau, with one size and with both."""

    tau: float
    trust: Trust
    alone: Scores
    both: Scores

    def to_json(self) -> dict[str, Any]:
        told = {name: {f"{tau:g}": found for tau, found in scores.items()} for name, scores in (("alone", self.alone), ("both", self.both))}
        return {"tau": self.tau, "trust": asdict(self.trust), "mean_iou": told, "lines": self.lines()}

    def lines(self) -> list[str]:
        """For a person."""
        plain, single = self.alone[0.0], max(self.alone.values())
        found = max((self.both if len(self.trust.sizes) > 1 else self.alone).values())
        lines = [f"validation mean IoU {100 * plain:.1f} % as trained, {100 * found:.1f} % as answered:"]
        if len(self.trust.sizes) > 1:
            lines.append(f"photos are asked about at {' and '.join(f'{size:g}' for size in self.trust.sizes)} times their size "
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
    found = _scores(predictor, data, logs)
    alone, both = found[ALONE], found.get(BOTH, found[ALONE])
    sizes, scores = (BOTH, both) if max(both.values()) - max(alone.values()) >= ENOUGH else (ALONE, alone)
    best = max(TAUS, key=lambda tau: (scores[tau], -abs(tau)))
    return Settled(best, Trust(shift=tuple((best * logs).tolist()) if best else (), sizes=sizes), alone, both)


def _scores(predictor: Predictor, data: Data, logs: torch.Tensor) -> dict[tuple[float, ...], Scores]:
    """Mean IoU on the validation split by tau, for each choice of sizes; logs (K,) of the frequencies."""
    assert isinstance(data.spec.input, Image), "masks are of pictures"
    whole = max(data.spec.input.height, data.spec.input.width) <= LARGE
    larger = predictor.trusted(replace(predictor.trust, sizes=BOTH[1:]))
    gathered = {sizes: {tau: Masks(len(logs)) for tau in TAUS} for sizes in ((ALONE, BOTH) if whole else (ALONE,))}
    for batch in batches(data.valid, AT_ONCE):
        z = {ALONE: predictor(batch["x"]).cpu()}
        if whole:
            z[BOTH] = (z[ALONE] + larger(batch["x"]).cpu()) / 2
        for sizes, by_tau in gathered.items():
            for tau, one in by_tau.items():
                one.update(classes_of(z[sizes] + tau * logs[:, None, None]), batch["y"])
    return {sizes: {tau: one.value()["mean_iou"] for tau, one in by_tau.items()} for sizes, by_tau in gathered.items()}


def _frequencies(split: Split, classes: int) -> torch.Tensor:
    """(K,): none is 0, a class without a pixel counts as one."""
    counts = sum((pixels(batch["y"], classes) for batch in batches(split, AT_ONCE)), torch.zeros(classes)).clamp(min=1)
    return counts / counts.sum()
