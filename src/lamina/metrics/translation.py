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
from lamina.metrics.bootstrap import drawn, middle
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
    measures: dict[str, Any] = {"bleu": bleu, "chrf": chrf}
    metrics = {name: float(one.corpus_score(list(said), columns).score) for name, one in measures.items()} | {"exact": same / len(said)}
    if brief:
        return TextFigures(metrics, {}, "", torch.empty(0))
    spread = {name: _interval(one, list(said), columns) for name, one in measures.items()} | {"exact": wilson(same, len(said))}
    each = torch.tensor([chrf.sentence_score(a, list(b)).score / 100 for a, b in zip(said, wanted, strict=True)])
    lower = BLEU(lowercase=True, force=True).corpus_score(list(said), columns)
    signature = f"{bleu.get_signature()}; lower-cased {lower.score:.2f}"
    return TextFigures(metrics, spread, signature, each)


def _interval(measure: Any, said: list[str], columns: list[Any]) -> tuple[float, float]:
    """95 % of a corpus figure by drawing sentences anew (Koehn 2004), from sacrebleu's counts of each; its own interval fails where a draw
    has nothing right."""
    if len(said) == 1:  # which says nothing of others
        return 0.0, 100.0
    counts = torch.tensor(measure._extract_corpus_statistics(said, columns), dtype=torch.float64)  # (N, S)
    sums = drawn(len(said), DRAWS) @ counts
    return middle(torch.tensor([float(measure._compute_score_from_stats(row).score) for row in sums.long().tolist()]))
