"""How is it said otherwise? A text for a text: another language, another form, a name for a long name."""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch

from lamina.baselines.translation import Say, of_pairs
from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.data import Data, Split, batches
from lamina.core.predictions import Drawable, Prediction, Translation
from lamina.core.spec import FILL, Spec, Tokens
from lamina.core.task import Choice, Evaluation, Predicting, Quality, Takes
from lamina.data.inputs import read_all
from lamina.data.pair_split import PairSplit
from lamina.data.tokens import tokenizer
from lamina.methods.teacher_forcing import loss_of, shifted
from lamina.metrics.translation import figures
from lamina.nn.beam_search import Said, Search, search
from lamina.tasks.sequence_recipes import pairs as recipe

AT_ONCE = 64  # pairs
SHOWN = 3  # answers whose attention is drawn after training


class Config(knobs.Config):
    """How an answer is searched."""

    beam: int = knob(5, "answers that are followed side by side", low=1, high=100)
    length_penalty: float = knob(0.6, "power by which long answers are favoured", low=0, high=5)
    coverage: float = knob(0.0, "weight of having looked at everything", low=0, high=5)


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
        said = _texts(predictor, split, Search(1) if brief else self._search())
        found = figures(said, split.said.texts, brief)
        loss = _loss(predictor, split)
        metrics = {**found.metrics, "loss": loss}
        if brief:
            return Evaluation(metrics)
        worst = found.scores.argsort()[:20].tolist()
        shown = [{"heard": split.heard.texts[i], "wanted": split.said.texts[i], "said": said[i]} for i in worst]
        return Evaluation(metrics, found.intervals, {"signature": found.signature, "worst": shown}, found.scores)

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        return None

    def baselines(self, data: Data) -> dict[str, Evaluation]:
        def judge(say: Say, split: PairSplit) -> Evaluation:
            found = figures(say(split.heard.texts), split.said.texts)
            return Evaluation(found.metrics, found.intervals, {"signature": found.signature}, found.scores)

        return of_pairs(data, judge)

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        texts = data.test.heard.texts[:SHOWN] if isinstance(data.test, PairSplit) else ()
        found = self.predict(predictor, data.spec, texts) if texts else []
        return {f"attention-{i}.svg": one for i, one in enumerate(found) if isinstance(one, Translation) and one.looked is not None}

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        x = read_all(spec.input, inputs)
        answers = [one for part in x.split(AT_ONCE) for one in _said(predictor, part, self._search())]
        return [_translation(row, answer, spec) for row, answer in zip(x, answers, strict=True)]

    def _search(self) -> Search:
        return Search(self.config.beam, alpha=self.config.length_penalty, beta=self.config.coverage)


def _said(predictor: Predicting, x: torch.Tensor, how: Search) -> list[Said]:
    most = 2 * x.shape[1] + 20 if x.ndim == 2 else how.most
    with predictor.asked() as model:
        return search(model, x.to(predictor.device), Search(how.beam, most, how.alpha, how.beta))


def _texts(predictor: Predicting, split: PairSplit, how: Search) -> list[str]:
    """What is said of each row of a split; rows of about the same length are asked together."""
    order = split.heard.lengths.argsort()
    found: list[list[int]] = [[]] * len(split)
    for part in order.split(AT_ONCE):
        for i, one in zip(part.tolist(), _said(predictor, split.batch(part)["x"], how), strict=True):
            found[i] = one.tokens
    decode = tokenizer(split.said.spec).decode
    return [decode(tokens) for tokens in found]


def _loss(predictor: Predicting, split: Split) -> float:
    """The mean loss of a token, in nats."""
    total = count = 0.0
    with predictor.asked() as model:
        for batch in batches(split, AT_ONCE):
            batch = batch.to(predictor.device)
            loss, tokens = loss_of(model, batch["x"], shifted(batch["y"]), batch["y"])
            total, count = total + loss.item(), count + tokens.item()
    return total / count


def _translation(row: torch.Tensor, answer: Said, spec: Spec) -> Translation:
    assert isinstance(spec.input, Tokens) and isinstance(spec.target, Tokens), "texts on both sides"
    heard, said = tokenizer(spec.input), tokenizer(spec.target)
    tokens = row[row != FILL].tolist()
    looked = None if answer.attention is None else answer.attention[: len(answer.tokens) + 1, : len(tokens)].cpu().numpy()
    pieces = [*said.pieces(answer.tokens), "■"][: len(answer.tokens) + 1]
    return Translation(said.decode(answer.tokens), answer.log_probability, tuple(heard.pieces(tokens)), tuple(pieces), looked)


