"""Words that belong together become one, `new_york` (Mikolov et al. 2013, Distributed representations, section 4).

    score(a, b) = (count(a b) - least) / (count(a) count(b)) * V,    V the number of different words, as gensim has it
"""

import numpy as np

THRESHOLD = 10.0  # the score from which two words are one


def joined(ids: np.ndarray, names: list[str], counts: np.ndarray, least: int) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Words (N,) as numbers, negative where a sentence ends: the same with pairs that belong together as one word each, the names and
    counts of all."""
    first, second = ids[:-1].astype(np.int64), ids[1:].astype(np.int64)
    neighbours = np.flatnonzero((first >= 0) & (second >= 0))
    codes = first[neighbours] * len(names) + second[neighbours]
    pairs, together = np.unique(codes, return_counts=True)
    a, b = np.divmod(pairs, len(names))
    score = (together - least) / (counts[a].astype(float) * counts[b]) * len(names)
    good = pairs[(score > THRESHOLD) & (together >= least)]
    if not len(good):
        return ids, names, counts
    places = np.minimum(np.searchsorted(good, codes), len(good) - 1)
    hits = neighbours[good[places] == codes]
    taken = hits[_alone(hits)]
    new = ids.copy()
    new[taken] = len(names) + np.searchsorted(good, first[taken] * len(names) + second[taken])
    new = np.delete(new, taken + 1)
    made = [f"{names[i]}_{names[j]}" for i, j in zip(*np.divmod(good, len(names)), strict=True)]
    return new, [*names, *made], np.bincount(new[new >= 0], minlength=len(names) + len(made))


def _alone(hits: np.ndarray) -> np.ndarray:
    """Which of overlapping pairs are taken: of a run of neighbours every second one, from its first on."""
    fresh = np.r_[True, np.diff(hits) > 1]
    start = np.maximum.accumulate(np.where(fresh, np.arange(len(hits)), 0))
    found: np.ndarray = (np.arange(len(hits)) - start) % 2 == 0
    return found
