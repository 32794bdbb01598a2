"""Which words are used alike? A vector for each word of a text, by what stands around it."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, ClassVar

import torch
import torch.nn.functional as F

from lamina.core import config as knobs
from lamina.core import rng
from lamina.core.config import knob
from lamina.core.data import Data, Split
from lamina.core.errors import UsageError
from lamina.core.predictions import Drawable, Neighbour, Neighbours, Prediction
from lamina.core.spec import Context, Spec, Text
from lamina.core.task import Choice, Evaluation, Predicting, Quality, Takes
from lamina.core.vectors_kept import VectorFile, WordMap
from lamina.data.corpus_split import CorpusSplit
from lamina.data.word_tests import WordTestSplit
from lamina.methods.word2vec import Config as Pairs
from lamina.methods.word2vec import loop_of
from lamina.metrics.intervals import of_mean
from lamina.metrics.word_tests import answered
from lamina.tasks.sequence_recipes import words as recipe

LITTLE = 20  # times that a word must stand in the text for its vector to be relied on
MAPPED = 600  # words of the map
JUDGED, LEAST_JUDGED = 10, 500  # stretches of a held-out text, whose losses give an interval; words of each
EVENT = re.compile(r"([+-]?)\s*([^\s+-]\S*)")


class Config(knobs.Config):
    """How many words are told."""

    nearest: int = knob(10, "nearest words that are told", low=1, high=1000)


class Embed:
    """Which words are used alike? A vector for each word of a text."""

    name: ClassVar[str] = "embed"
    monitor: ClassVar[str] = "loss"

    def __init__(self, config: Config = Config()) -> None:
        self.config = config

    def suits(self, spec: Spec) -> bool:
        return isinstance(spec.target, Context)

    def takes(self, spec: Spec) -> Takes:
        return "words"

    def choose(self, data: Data, quality: Quality) -> Choice:
        return recipe(data, quality)

    def evaluate(self, predictor: Predicting, split: Split, seed: int, brief: bool = False) -> Evaluation:
        if isinstance(split, WordTestSplit):
            return _tested(predictor, split)
        assert isinstance(split, CorpusSplit), "a text"
        losses = _losses(predictor, split)
        loss = sum(losses) / len(losses)
        deviation = float(torch.tensor(losses).std()) if len(losses) > 1 else 0.0
        return Evaluation({"loss": loss}, {} if brief else {"loss": of_mean(loss, deviation, len(losses))})

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        return None

    def baselines(self, data: Data) -> dict[str, Evaluation]:
        """Vectors that know nothing: of a word and five that are not there each is as probable as not."""
        return {"no vectors": Evaluation({"loss": (1 + Pairs().negatives) * float(torch.tensor(2.0).log())})}

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        words, vectors = _words(data.spec), predictor.model.inputs.detach().cpu().float()
        text, binary = (VectorFile(words, vectors.numpy(), binary=kind) for kind in (False, True))
        return {"vectors.txt": text, "vectors.bin": binary, "map.svg": WordMap(words[:MAPPED], _plane(vectors[:MAPPED], seed))}

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        return [_neighbours(predictor, spec, str(text), self.config.nearest) for text in inputs]


def _words(spec: Spec) -> tuple[str, ...]:
    assert isinstance(spec.input, Text), "words"
    return spec.input.words


def _losses(predictor: Predicting, split: CorpusSplit) -> list[float]:
    """The loss of a pair and its negatives in stretches of a text, with the same draws every time."""
    model, found = predictor.model, []
    assert split.target is not None, "a text whose words are learned"
    edges = torch.linspace(0, len(split.ids), max(1, min(JUDGED, len(split.ids) // LEAST_JUDGED)) + 1).long().tolist()
    for pairs in (Pairs(), Pairs(sample=0.0)):  # of a short text all words may be so frequent that they are passed over
        loop = loop_of("skipgram", Spec(input=split.spec, target=split.target), pairs)
        for i, (a, b) in enumerate(pairwise(edges)):
            loss, judged, _, _ = loop(split.ids[a:b], model, (0.0, 0.0), rng.key(0, i, "judge"), False)
            found += [loss / judged] if judged else []
        if found:
            return found
    return [float("nan")]


def _tested(predictor: Predicting, split: WordTestSplit) -> Evaluation:
    """Analogies and similarities that the user gave."""
    found = answered(split.test, split.words, predictor.model.inputs.detach().cpu())
    metrics = {found.figure: found.value, "asked": float(found.asked), "questions": float(found.of)}
    return Evaluation(metrics, {found.figure: found.interval}, scores=torch.from_numpy(found.each).float())


def _neighbours(predictor: Predicting, spec: Spec, text: str, nearest: int) -> Neighbours:
    """What is nearest to words added and taken away, `king - man + woman`."""
    assert isinstance(spec.target, Context), "words"
    words, counts = _words(spec), spec.target.counts
    places = {word: i for i, word in reversed(list(enumerate(words)))}
    asked = [(-1.0 if sign == "-" else 1.0, word.lower()) for sign, word in EVENT.findall(text)]
    if not asked:
        raise UsageError("words, as `king - man + woman`", f"`{text}`", "Write at least one word.")
    for _, word in asked:
        if word not in places:
            near = get_close_matches(word, words[:50_000], n=3, cutoff=0.7)
            raise UsageError("words of the text that was learned", f"`{word}`, which is not among its {len(words):,}",
                             f"Did you mean {', '.join(f'`{one}`' for one in near)}?" if near else "It may be too rare: see `least`.")
    unit = F.normalize(predictor.model.inputs.detach().cpu().float(), dim=1)
    mine = [places[word] for _, word in asked]
    sought = F.normalize(sum(sign * unit[i] for (sign, _), i in zip(asked, mine, strict=True)), dim=0)  # type: ignore[arg-type]
    near_by = unit @ sought
    near_by[mine] = -torch.inf
    top = near_by.topk(min(nearest, len(words) - len(set(mine))))
    found = [Neighbour(words[i], cosine, counts[i], counts[i] >= LITTLE) for cosine, i in zip(*(t.tolist() for t in top), strict=True)]
    little = tuple(words[i] for i in mine if counts[i] < LITTLE)
    return Neighbours(tuple(found), little)


def _plane(vectors: torch.Tensor, seed: int) -> Any:
    """(M, D) in two dimensions, (M, 2), neighbours staying neighbours (t-SNE, van der Maaten & Hinton 2008)."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    unit = F.normalize(vectors, dim=1).numpy()
    if len(unit) < 10 or unit.shape[1] < 3:
        return PCA(min(2, *unit.shape)).fit_transform(unit)
    return TSNE(2, perplexity=min(15.0, (len(unit) - 1) / 3), init="pca", random_state=seed % (1 << 31)).fit_transform(unit)
