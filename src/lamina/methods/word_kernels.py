"""The compiled loops of skip-gram and CBOW (methods/skipgram.py, cbow.py), which move the vectors themselves.

The one place where gradients are written by hand: a pair of words is six products of vectors, and what autograd costs a pair is a
hundred times that. A test holds them to autograd's.

    D  numbers of a vector    K  negatives    V  words
    ids      (N,) int32        the text: word w is w + 2, 0 ends a sentence

In a window the word that is to be told and its negatives are copied, moved pair by pair, and written back at its end: they are shared by
the window where `shared` says so, else drawn for each pair. Rows are written while another thread may read them (Hogwild; Niu et al. 2011).
"""

import math
from typing import Any, NamedTuple

import numba
import numpy as np

LONGEST = 4096  # words of a sentence; a longer one is two
EDGE, STEPS = 6.0, 1024  # of the table of the sigmoid: beyond the edge it is 0 or 1
JUDGED = 64  # one window of so many tells its loss
SIGMOID = (1 / (1 + np.exp(-(np.arange(STEPS, dtype=np.float64) + 0.5) / STEPS * 2 * EDGE + EDGE))).astype(np.float32)
MULTIPLIER, INCREMENT = np.uint64(25214903917), np.uint64(11)  # of the generator of word2vec.c, Knuth's linear congruence


class Words(NamedTuple):
    """What is moved, and what is known of the words."""

    inputs: Any  # (V, D) float32, vectors of the words that are shown
    outputs: Any  # (V, D) float32, vectors of the words that are to be told
    keep: Any  # (V,) float32, probability that a word is not passed over (subsampling)
    draws: Any  # (M,) int32, words as often as they are drawn as negatives
    sigmoid: Any  # (STEPS,) float32


class How(NamedTuple):
    """How a stretch of text is gone through; without `moves` vectors stay as they are and every window is judged."""

    window: int
    negatives: int
    shared: bool
    first_rate: float  # of learning, at the beginning of the stretch
    last_rate: float  # and at its end
    seed: int
    moves: bool


fast: Any = {"cache": True, "nogil": True, "fastmath": {"contract", "reassoc", "nsz", "arcp"}, "boundscheck": False}


@numba.njit(**fast)
def _sigmoid(x, table):  # type: ignore[no-untyped-def]
    if x >= EDGE:
        return np.float32(1.0)
    if x <= -EDGE:
        return np.float32(0.0)
    return table[int((x + EDGE) * (STEPS / (2 * EDGE)))]


@numba.njit(**fast)
def _pair(x, rows, count, rate, error, table):  # type: ignore[no-untyped-def]
    """Move `rows` (1 + K, D), the first of which is to be told from x (D,) and the others not; the change of x goes to `error`.
    Three rows at once, so that x is read from memory once for them."""
    D = len(x)
    for d in range(D):
        error[d] = 0.0
    for r in range(0, count - 2, 3):
        a, b, c = rows[r], rows[r + 1], rows[r + 2]
        s = t = u = np.float32(0.0)
        for d in range(D):
            s += x[d] * a[d]
            t += x[d] * b[d]
            u += x[d] * c[d]
        s = (np.float32(r == 0) - _sigmoid(s, table)) * rate
        t, u = -_sigmoid(t, table) * rate, -_sigmoid(u, table) * rate
        for d in range(D):
            error[d] += s * a[d] + t * b[d] + u * c[d]
            a[d] += s * x[d]
            b[d] += t * x[d]
            c[d] += u * x[d]
    for r in range(count // 3 * 3, count):
        a = rows[r]
        s = np.float32(0.0)
        for d in range(D):
            s += x[d] * a[d]
        s = (np.float32(r == 0) - _sigmoid(s, table)) * rate
        for d in range(D):
            error[d] += s * a[d]
            a[d] += s * x[d]


@numba.njit(**fast)
def _loss(x, rows, count):  # type: ignore[no-untyped-def]
    """-log p of the first of rows (1 + K, D) and of no other, in nats: the true one, without the table."""
    total = 0.0
    for r in range(count):
        s = 0.0
        for d in range(len(x)):
            s += x[d] * rows[r, d]
        s = s if r == 0 else -s
        total += math.log1p(math.exp(-abs(s))) + max(-s, 0.0)
    return total


@numba.njit(**fast)
def _draw(word, targets, rows, outputs, draws, random):  # type: ignore[no-untyped-def]
    """Copy the word that is to be told and its negatives; returns the state of the generator."""
    targets[0] = word
    for k in range(1, len(targets)):
        random = random * MULTIPLIER + INCREMENT
        other = draws[((random >> np.uint64(32)) * np.uint64(len(draws))) >> np.uint64(32)]
        targets[k] = other if other != word else (other + 1) % len(outputs)
    for k in range(len(targets)):
        chosen = targets[k]  # outside of the loop, which else is not vectorized; nor is an assignment of slices
        for d in range(rows.shape[1]):
            rows[k, d] = outputs[chosen, d]
    return random


@numba.njit(**fast)
def _sentence(ids, at, last, keep, sentence, random):  # type: ignore[no-untyped-def]
    """The next sentence without the words that are passed over: (place after it, how many words, words read, generator)."""
    count = read = 0
    while at < last and count < len(sentence):
        word = ids[at] - 2
        at += 1
        if word < 0:
            if count:
                break
            continue
        read += 1
        random = random * MULTIPLIER + INCREMENT
        if np.float32((random >> np.uint64(16)) & np.uint64(0xFFFFFF)) < keep[word] * np.float32(1 << 24):
            sentence[count] = word
            count += 1
    return at, count, read, random


@numba.njit(**fast)
def skipgram(ids, words, how):  # type: ignore[no-untyped-def]
    """One pass over a stretch of text: each word is to be told from each word around it. Returns (loss, judged pairs, pairs, words)."""
    inputs, outputs, D, count = words.inputs, words.outputs, words.inputs.shape[1], 1 + how.negatives
    rows, error, targets = np.empty((count, D), np.float32), np.empty(D, np.float32), np.empty(count, np.int32)
    sentence, random = np.empty(LONGEST, np.int32), np.uint64(how.seed)
    at = pairs = judged = seen = 0
    loss = 0.0
    while at < len(ids):
        rate = np.float32(how.first_rate + (how.last_rate - how.first_rate) * at / len(ids))
        at, length, read, random = _sentence(ids, at, len(ids), words.keep, sentence, random)
        seen += read
        for i in range(length):
            random = random * MULTIPLIER + INCREMENT
            reach = 1 + int((random >> np.uint64(16)) % np.uint64(how.window))
            first, end = max(0, i - reach), min(length, i + reach + 1)
            if end - first < 2:
                continue
            if how.shared:
                random = _draw(sentence[i], targets, rows, outputs, words.draws, random)
            tells = not how.moves or (random >> np.uint64(20)) % np.uint64(JUDGED) == 0
            for j in range(first, end):
                if j == i:
                    continue
                x = inputs[sentence[j]]
                if not how.shared:
                    random = _draw(sentence[i], targets, rows, outputs, words.draws, random)
                pairs += 1
                if tells:
                    loss += _loss(x, rows, count)
                    judged += 1
                if how.moves:
                    _pair(x, rows, count, rate, error, words.sigmoid)
                    for d in range(D):
                        x[d] += error[d]
                    if not how.shared:
                        for k in range(count):
                            told = targets[k]
                            for d in range(D):
                                outputs[told, d] = rows[k, d]
            if how.moves and how.shared:
                for k in range(count):
                    told = targets[k]
                    for d in range(D):
                        outputs[told, d] = rows[k, d]
    return loss, judged, pairs, seen


@numba.njit(**fast)
def cbow(ids, words, how):  # type: ignore[no-untyped-def]
    """The same, each word to be told from the mean of the words around it; a window is one pair, so that nothing is shared."""
    inputs, outputs, D, count = words.inputs, words.outputs, words.inputs.shape[1], 1 + how.negatives
    rows, error, targets = np.empty((count, D), np.float32), np.empty(D, np.float32), np.empty(count, np.int32)
    sentence, random, mean = np.empty(LONGEST, np.int32), np.uint64(how.seed), np.empty(D, np.float32)
    at = pairs = judged = seen = 0
    loss = 0.0
    while at < len(ids):
        rate = np.float32(how.first_rate + (how.last_rate - how.first_rate) * at / len(ids))
        at, length, read, random = _sentence(ids, at, len(ids), words.keep, sentence, random)
        seen += read
        for i in range(length):
            random = random * MULTIPLIER + INCREMENT
            reach = 1 + int((random >> np.uint64(16)) % np.uint64(how.window))
            first, end = max(0, i - reach), min(length, i + reach + 1)
            if end - first < 2:
                continue
            random = _draw(sentence[i], targets, rows, outputs, words.draws, random)
            mean[:] = 0.0
            for j in range(first, end):
                if j != i:
                    for d in range(D):
                        mean[d] += inputs[sentence[j], d]
            mean /= np.float32(end - first - 1)
            pairs += 1
            if not how.moves or (random >> np.uint64(20)) % np.uint64(JUDGED) == 0:
                loss += _loss(mean, rows, count)
                judged += 1
            if how.moves:
                _pair(mean, rows, count, rate, error, words.sigmoid)
                for k in range(count):
                    told = targets[k]
                    for d in range(D):
                        outputs[told, d] = rows[k, d]
                for j in range(first, end):
                    if j != i:
                        for d in range(D):
                            inputs[sentence[j], d] += error[d]
    return loss, judged, pairs, seen
