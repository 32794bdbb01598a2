"""What is each word? A label for every word of a text, in step with it."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar

import torch

from lamina.core.data import Data, Split, batches
from lamina.core.predictions import Drawable, Prediction, TaggedText
from lamina.core.spec import IGNORED, Spec, Tags, Tokens
from lamina.core.task import Choice, Evaluation, Predicting, Quality, Takes
from lamina.data.inputs import read_all
from lamina.data.tags import TagSplit
from lamina.metrics.classification import Classification
from lamina.tasks.sequence_recipes import tags as recipe

AT_ONCE = 200  # texts
TOLD = 10.0  # logit of what a rival says


class Tag:
    """What is each word? A label for every word of a text."""

    name: ClassVar[str] = "tag"
    monitor: ClassVar[str] = "accuracy"

    def suits(self, spec: Spec) -> bool:
        return isinstance(spec.target, Tags)

    def takes(self, spec: Spec) -> Takes:
        return "texts"

    def choose(self, data: Data, quality: Quality) -> Choice:
        return recipe(data, quality)

    def evaluate(self, predictor: Predicting, split: Split, seed: int, brief: bool = False) -> Evaluation:
        return _judged((predictor(batch["x"]).cpu(), batch["y"]) for batch in batches(split, AT_ONCE))

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        return None

    def baselines(self, data: Data) -> dict[str, Evaluation]:
        """Each word's most frequent label in the training texts, for an unknown word the most frequent of all."""
        assert isinstance(data.train, TagSplit), "texts with labels"
        size, counts = data.spec.target.size, Counter[tuple[int, int]]()
        for batch in batches(data.train, AT_ONCE):
            held = batch["y"] != IGNORED
            counts.update(zip(batch["x"][held].tolist(), batch["y"][held].tolist(), strict=True))
        often = torch.zeros(data.spec.input.size, size)  # type: ignore[union-attr]
        for (word, label), count in counts.items():
            often[word, label] = count
        told = torch.where(often.sum(1, keepdim=True) > 0, often, often.sum(0)).argmax(1)
        said = torch.nn.functional.one_hot(told, size).float() * TOLD
        constant = torch.nn.functional.one_hot(often.sum(0).argmax(), size).float() * TOLD

        def judge(table: torch.Tensor) -> Evaluation:
            rows = ((batch["x"].long(), batch["y"]) for batch in batches(data.test, AT_ONCE))
            return _judged((table[x].transpose(1, 2), y) for x, y in rows)

        return {"most frequent": judge(constant.expand_as(said)), "most frequent of each word": judge(said)}

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        return {}

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        assert isinstance(spec.input, Tokens), "words"
        texts = list(inputs)
        x = read_all(spec.input, texts)
        p = predictor(x).cpu().softmax(1)
        best = p.max(1)
        return [TaggedText(tuple(text.split()), tuple(spec.target.names[k] for k in labels[: len(text.split())]), tuple(sure))
                for text, labels, sure in zip(texts, best.indices.tolist(), best.values.tolist(), strict=True)]  # fmt: skip


def _judged(rows: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> Evaluation:
    """Of logits (B, K, L) and labels (B, L); the scores are the share of right labels in each text."""
    gathered, scores = None, []
    for said, y in rows:
        held = y != IGNORED
        gathered = Classification(said.shape[1]) if gathered is None else gathered
        gathered.update(said.transpose(1, 2)[held], y[held])
        scores.append(((said.argmax(1) == y) & held).sum(1) / held.sum(1).clamp(min=1))
    assert gathered is not None, "a split has rows"
    details = {"confusion": gathered.confusion.tolist(), "per_class": gathered.per_class()}
    each = torch.cat(scores)
    return Evaluation({**gathered.value(), "text_accuracy": each.mean().item()}, {"accuracy": gathered.interval()}, details, each)
