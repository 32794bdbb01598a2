"""What counting words would score on texts: the most frequent class, naive Bayes, and TF-IDF with logistic regression.

The strong rival takes words and pairs of neighbours, 1 + log of their counts, weighed by the inverse of the share of texts
that hold them, each text of length one (Salton & Buckley 1988); its penalty is chosen on the validation split.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import sparse

from lamina.baselines.rivals import Judge, judged
from lamina.baselines.tables import constant, log_probabilities
from lamina.core.batch import Batch
from lamina.core.data import Data, Split, batches
from lamina.core.spec import FIRST_WORD, Text
from lamina.core.task import Evaluation

STRENGTHS = (1.0, 4.0, 16.0)  # inverse penalties of the strong rival that are tried
LEAST_TEXTS = 2  # that hold a pair of neighbours which is counted
Counts = Any  # scipy's csr matrix (N, F)


def of_texts(data: Data, judge: Judge) -> dict[str, Evaluation]:
    """Figures on the test split: `most frequent` or `mean`, `naive Bayes` for classes, and TF-IDF with a linear model."""
    assert isinstance(data.spec.input, Text), "rivals of texts"
    kind, size = data.spec.target.kind, data.spec.target.size
    y = torch.cat([batch["y"] for batch in batches(data.train)])
    found: dict[str, Callable[[], Any]] = {"most frequent" if kind == "classes" else "mean": lambda: constant(Batch(y=y), kind, size)}
    if kind == "numbers" or (kind == "classes" and len(y.unique()) > 1):
        grams = Grams(data.train, len(data.spec.input.words) + FIRST_WORD)
        counts = sparse.vstack([grams.count(batch["x"]) for batch in batches(data.train)], format="csr")
        if kind == "classes":
            found["naive Bayes"] = lambda: _naive_bayes(grams, counts, y.numpy(), size)
            found["TF-IDF + logistic regression"] = lambda: _logistic(grams, counts, y.numpy(), data, judge)
        else:
            found["TF-IDF + linear regression"] = lambda: _ridge(grams, counts, y.numpy())
    return judged(found, judge, data.test)


class Grams:
    """The words of a vocabulary, and the pairs of neighbours that at least two texts of a split hold."""

    def __init__(self, split: Split, words: int) -> None:
        self.words = words
        each = [_unique_a_row(*self._pairs(batch["x"].numpy()), words * words) for batch in batches(split)]
        pairs, texts = np.unique(np.concatenate(each), return_counts=True)
        self.pairs = pairs[texts >= LEAST_TEXTS]  # sorted, as first * words + second

    def count(self, x: torch.Tensor) -> Counts:
        """How often each occurs in each of the texts (B, L): (B, words + pairs) float64."""
        ids = x.numpy()
        rows, places = np.nonzero(ids >= FIRST_WORD)
        pair_rows, pairs = self._pairs(ids)
        found = np.searchsorted(self.pairs, pairs)
        known = np.flatnonzero(np.append(self.pairs, -1)[found] == pairs)
        rows = np.concatenate([rows, pair_rows[known]])
        columns = np.concatenate([ids[rows[: len(places)], places], self.words + found[known]])
        return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), (len(ids), self.words + len(self.pairs)))

    def _pairs(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(row, pair) of every two known neighbours in (B, L)."""
        first, second = ids[:, :-1], ids[:, 1:]
        rows, places = np.nonzero((first >= FIRST_WORD) & (second >= FIRST_WORD))
        return rows, first[rows, places].astype(np.int64) * self.words + second[rows, places]


def _unique_a_row(rows: np.ndarray, values: np.ndarray, above: int) -> np.ndarray:
    """The values, each once a row; `above`: more than any value."""
    found: np.ndarray = np.unique(rows * above + values) % above
    return found


class CountRival:
    """A model of counts that answers as a `Predictor` does: texts (B, L) -> logits or numbers (B, K)."""

    def __init__(self, grams: Grams, answer: Callable[[Counts], np.ndarray]) -> None:
        self._grams, self._answer = grams, answer

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """The rival's output for a batch."""
        return torch.from_numpy(self._answer(self._grams.count(x.cpu())).astype(np.float32))


def _naive_bayes(grams: Grams, counts: Counts, y: np.ndarray, classes: int) -> CountRival:
    """Multinomial naive Bayes on words alone (McCallum & Nigam 1998), a linear rule that needs no search."""
    from sklearn.naive_bayes import MultinomialNB

    model = MultinomialNB().fit(counts[:, : grams.words], y)
    return CountRival(grams, lambda found: log_probabilities(model, found[:, : grams.words], classes))


def _logistic(grams: Grams, counts: Counts, y: np.ndarray, data: Data, judge: Judge) -> CountRival:
    """The strong rival, with the penalty that is best on the validation split."""
    from sklearn.linear_model import LogisticRegression

    weigh = _tf_idf(counts)
    weighed = weigh(counts)
    two = len(np.unique(y)) == 2  # then the dual needs a tenth of the time
    how: dict[str, Any] = {"solver": "liblinear", "dual": True, "random_state": 0} if two else {"max_iter": 300}

    def fitted(strength: float) -> CountRival:
        model: Any = LogisticRegression(C=strength, **how).fit(weighed, y)
        return CountRival(grams, lambda found: log_probabilities(model, weigh(found), data.spec.target.size))

    tried = [fitted(strength) for strength in STRENGTHS]
    return max(tried, key=lambda rival: judge(rival, data.valid).metrics["accuracy"])


def _ridge(grams: Grams, counts: Counts, y: np.ndarray) -> CountRival:
    from sklearn.linear_model import Ridge

    weigh = _tf_idf(counts)
    model = Ridge().fit(weigh(counts), y)
    return CountRival(grams, lambda found: model.predict(weigh(found)).reshape(found.shape[0], -1))


def _tf_idf(counts: Counts) -> Callable[[Counts], Counts]:
    from sklearn.feature_extraction.text import TfidfTransformer

    weigh: Callable[[Counts], Counts] = TfidfTransformer(sublinear_tf=True).fit(counts).transform
    return weigh
