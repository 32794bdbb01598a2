"""How near texts that were said are to those that were wanted: BLEU (Papineni et al. 2002) and chrF (Popovic 2015), by the package
sacrebleu so that figures can be compared (Post 2018), and how many are the same to the letter.

Texts are compared as a person reads them, with their capitals and marks. BLEU counts runs of one to four words and is nothing for texts
of less than four; chrF counts runs of one to six characters, and holds for any text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lamina.core.errors import missing_package
from lamina.metrics.intervals import wilson

DRAWS = 1000  # of sentences, for an interval


@dataclass(frozen=True)
class TextFigures:
    """Figures of texts: `bleu` and `chrf` 0 to 100, `exact` a share; `scores` (N,) the chrF of each text, 0 to 1."""

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    signature: str
    scores: torch.Tensor


def figures(said: Sequence[str], wanted: Sequence[Sequence[str]], brief: bool = False) -> TextFigures:
    """The figures of texts said against those wanted, any of which is right; `brief` leaves intervals and the scores of each text out."""
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        raise missing_package("sacrebleu", "text", "the figures of translations") from error
    bleu, chrf = BLEU(force=True), CHRF()  # force: texts may look tokenized, as dates do
    same = sum(a in b for a, b in zip(said, wanted, strict=True))
    columns: list[Any] = [[texts[n] if n < len(texts) else None for texts in wanted] for n in range(max(map(len, wanted)))]
    draws = 1 if brief else DRAWS
    measures: dict[str, Any] = {"bleu": bleu, "chrf": chrf}
    found = {name: one.corpus_score(list(said), columns, n_bootstrap=draws) for name, one in measures.items()}
    metrics = {name: float(one.score) for name, one in found.items()} | {"exact": same / len(said)}
    if brief:
        return TextFigures(metrics, {}, "", torch.empty(0))
    spread = {name: (float(one._mean - one._ci), float(one._mean + one._ci)) for name, one in found.items()}
    spread["exact"] = wilson(same, len(said))
    each = torch.tensor([chrf.sentence_score(a, list(b)).score / 100 for a, b in zip(said, wanted, strict=True)])
    lower = BLEU(lowercase=True, force=True).corpus_score(list(said), columns)
    signature = f"{bleu.get_signature()}; lower-cased {lower.score:.2f}"
    return TextFigures(metrics, spread, signature, each)
