"""What an answer would lose without each column of its row, or each word of its text (Zeiler & Fergus 2014, occlusion).

A number is replaced by its mean over the training rows, a category by "missing", a word by an unknown one; one at a time, so
what two columns say together is not seen.
"""

from typing import Any

import torch

from lamina.core.predictor import Predictor
from lamina.core.spec import Classes, Spec, Text
from lamina.oversight.shown import cells_of, word

UNKNOWN_WORD = 1
MOST_PARTS = 2000  # that are tried one by one


def weights(predictor: Predictor, spec: Spec, x: torch.Tensor, said: int) -> list[tuple[str, float]]:
    """(name, weight) of each column or word of one row (D,): by how much the answer falls without it.

    For classes and labels in log odds of the answer `said`, for numbers in the target's own units.
    """
    places, variants = _without_each(predictor, spec, x)
    scores = _scores(predictor, spec, torch.cat([x[None], variants]), said)
    lost = (scores[0] - scores[1:]).tolist()
    if isinstance(spec.input, Text):
        return [(word(spec.input, int(x[place])), value) for place, value in zip(places, lost, strict=True)]
    names = [name for name, _ in cells_of(spec.input, x)]
    return [(names[place], value) for place, value in zip(places, lost, strict=True)]


def _without_each(predictor: Predictor, spec: Spec, x: torch.Tensor) -> tuple[list[int], torch.Tensor]:
    """The places that are tried, and the row without each: (P,), (P, D)."""
    if isinstance(spec.input, Text):
        places = (x > UNKNOWN_WORD).nonzero().flatten()[:MOST_PARTS]
        blank = torch.full_like(x, UNKNOWN_WORD)
    else:
        places = torch.arange(min(len(x), MOST_PARTS))
        scale: Any = predictor.model.input
        blank = scale.mean.detach().cpu().to(x.dtype)  # 0, "missing", for categories
    variants = x.repeat(len(places), 1)
    variants[torch.arange(len(places)), places] = blank[places]
    return places.tolist(), variants


def _scores(predictor: Predictor, spec: Spec, rows: torch.Tensor, said: int) -> torch.Tensor:
    """How much each of (R, D) speaks for the answer: (R,)."""
    output = predictor(rows).double().cpu()
    if not isinstance(spec.target, Classes):
        return output[:, said]
    others = output.clone()
    others[:, said] = float("-inf")
    return output[:, said] - others.logsumexp(1)
