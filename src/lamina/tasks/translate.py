"""How is it said otherwise? A text for a text: another language, another form, a name for a long name."""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch

from lamina.baselines.translation import Say, of_pairs
from lamina.core.data import Data, Split
from lamina.core.predictions import Drawable, Prediction, Translation
from lamina.core.spec import FILL, Spec, Tokens
from lamina.core.task import Choice, Evaluation, Predicting, Quality, Takes
from lamina.data.inputs import read_all
from lamina.data.pair_split import PairSplit
from lamina.data.tokens import tokenizer
from lamina.metrics.translation import figures
from lamina.nn.beam_search import Said
from lamina.tasks import saying
from lamina.tasks.saying import AT_ONCE, Config
from lamina.tasks.sequence_recipes import pairs as recipe

SHOWN = 3  # answers whose attention is drawn after training


class Translate:
    """How is it said otherwise? A text for a text."""

    name: ClassVar[str] = "translate"
    monitor: ClassVar[str] = "chrf"  # BLEU is nothing for texts of less than four words

    def __init__(self, config: Config = Config()) -> None:
        self.config = config

    def suits(self, spec: Spec) -> bool:
        return isinstance(spec.input, Tokens) and isinstance(spec.target, Tokens)

    def takes(self, spec: Spec) -> Takes:
        return "texts"

    def choose(self, data: Data, quality: Quality) -> Choice:
        return recipe(data, quality)

    def evaluate(self, predictor: Predicting, split: Split, seed: int, brief: bool = False) -> Evaluation:
        assert isinstance(split, PairSplit), "pairs of texts"
        said = _texts(predictor, split, self.config, brief)
        found = figures(said, [(text,) for text in split.said.texts], brief)
        metrics = {**found.metrics, "loss": saying.loss(predictor, split)}
        if brief:
            return Evaluation(metrics)
        worst = found.scores.argsort()[:20].tolist()
        shown = [{"heard": split.heard.texts[i], "wanted": split.said.texts[i], "said": said[i]} for i in worst]
        return Evaluation(metrics, found.intervals, {"signature": found.signature, "worst": shown}, found.scores)

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        return None

    def baselines(self, data: Data) -> dict[str, Evaluation]:
        def judge(say: Say, split: PairSplit) -> Evaluation:
            found = figures(say(split.heard.texts), [(text,) for text in split.said.texts])
            return Evaluation(found.metrics, found.intervals, {"signature": found.signature}, found.scores)

        return of_pairs(data, judge)

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        texts = data.test.heard.texts[:SHOWN] if isinstance(data.test, PairSplit) else ()
        found = self.predict(predictor, data.spec, texts) if texts else []
        return {f"attention-{i}.svg": one for i, one in enumerate(found) if isinstance(one, Translation) and one.looked is not None}

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        x = read_all(spec.input, inputs)
        answers = [one for part in x.split(AT_ONCE) for one in saying.answers(predictor, part, self.config.search(_most(part)))]
        return [_translation(row, answer, spec) for row, answer in zip(x, answers, strict=True)]


def _most(x: torch.Tensor) -> int:
    """The most tokens that are said of tokens (B, S)."""
    return 2 * x.shape[1] + 20


def _texts(predictor: Predicting, split: PairSplit, config: Config, brief: bool) -> list[str]:
    """What is said of each row of a split; rows of about the same length are asked together."""
    order = split.heard.lengths.argsort()
    found: list[list[int]] = [[]] * len(split)
    for part in order.split(AT_ONCE):
        x = split.batch(part)["x"]
        for i, one in zip(part.tolist(), saying.answers(predictor, x, config.search(_most(x), brief)), strict=True):
            found[i] = one.tokens
    decode = tokenizer(split.said.spec).decode
    return [decode(tokens) for tokens in found]


def _translation(row: torch.Tensor, answer: Said, spec: Spec) -> Translation:
    assert isinstance(spec.input, Tokens) and isinstance(spec.target, Tokens), "texts on both sides"
    heard, said = tokenizer(spec.input), tokenizer(spec.target)
    tokens = row[row != FILL].tolist()
    looked = None if answer.attention is None else answer.attention[: len(answer.tokens) + 1, : len(tokens)].cpu().numpy()
    pieces = [*said.pieces(answer.tokens), "■"][: len(answer.tokens) + 1]
    return Translation(said.decode(answer.tokens), answer.log_probability, tuple(heard.pieces(tokens)), tuple(pieces), looked)


