"""What comes next? A text is written on, token by token."""

from collections.abc import Iterable
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
import torch

from lamina.baselines.language import of_text
from lamina.core import config as knobs
from lamina.core import rng
from lamina.core.config import knob
from lamina.core.data import Data, Split
from lamina.core.errors import DataError
from lamina.core.predictions import Drawable, Prediction, Written
from lamina.core.speaker import State
from lamina.core.spec import BEGIN, END, FILL, UNKNOWN, Next, Spec, Tokens
from lamina.core.task import Choice, Evaluation, Predicting, Quality, Takes
from lamina.data.corpus_split import CorpusSplit
from lamina.data.tokens import tokenizer
from lamina.metrics.intervals import of_mean
from lamina.tasks.sequence_recipes import text as recipe

STRETCH, AT_ONCE = 256, 32  # tokens that are read at once, and stretches side by side
SAMPLED = 300  # tokens of a sample
MOST_JUDGED = 1 << 20  # tokens of a validation while training


class Config(knobs.Config):
    """How a text is written on."""

    length: int = knob(500, "tokens that are written", low=1, high=1_000_000)
    temperature: float = knob(0.8, "how daring: 0 takes the most probable token, 1 draws by the model's own probabilities", low=0, high=10)
    top: int = knob(0, "only the most probable tokens are drawn from, so many; 0 all", low=0)
    seed: int = knob(0, "every draw follows from it")


class Write:
    """What comes next? A text is written on."""

    name: ClassVar[str] = "write"
    monitor: ClassVar[str] = "loss"

    def __init__(self, config: Config = Config()) -> None:
        self.config = config

    def suits(self, spec: Spec) -> bool:
        return isinstance(spec.target, Next)

    def takes(self, spec: Spec) -> Takes:
        return "words"

    def choose(self, data: Data, quality: Quality) -> Choice:
        return recipe(data, quality)

    def evaluate(self, predictor: Predicting, split: Split, seed: int, brief: bool = False) -> Evaluation:
        assert isinstance(split, CorpusSplit), "a text"
        losses = losses_of(predictor, split, MOST_JUDGED if brief else len(split.ids))
        return _figures(losses, brief)

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        assert isinstance(spec.input, Tokens), "tokens"
        return written(predictor, spec.input, "\n", Config(length=SAMPLED))

    def baselines(self, data: Data) -> dict[str, Evaluation]:
        return of_text(data, lambda log_p: _figures(-log_p, brief=False))

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        assert isinstance(data.spec.input, Tokens), "tokens"
        return {"written.txt": written(predictor, data.spec.input, "\n", Config(length=4 * SAMPLED))}

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        assert isinstance(spec.input, Tokens), "tokens"
        return [written(predictor, spec.input, str(text), self.config) for text in inputs]


def _figures(losses: np.ndarray, brief: bool) -> Evaluation:
    """Of the loss of each token (N,), in nats. Neighbours are alike, so that the interval is that of means over stretches."""
    loss = float(losses.mean())
    metrics = {"loss": loss, "perplexity": float(np.exp(min(loss, 700.0)))}
    if brief:
        return Evaluation(metrics)
    means = np.array([part.mean() for part in np.array_split(losses, max(2, len(losses) // STRETCH))])
    low, high = of_mean(loss, float(means.std(ddof=1)), len(means))
    return Evaluation(metrics, {"loss": (low, high), "perplexity": (float(np.exp(low)), float(np.exp(high)))},
                      scores=torch.from_numpy(means).float())


def losses_of(predictor: Predicting, split: CorpusSplit, most: int) -> np.ndarray:
    """The loss of each token but the first, in nats, (N,).

    A network that carries its state reads the text in `AT_ONCE` rows, each from its beginning to its end. Another one is
    shown stretches that overlap by half, of which the second half counts, so that each token has its half of a stretch before it.
    """
    count = min(len(split.ids) - 1, most)
    with predictor.asked() as model:
        if model.carries:
            return _carried(model, predictor, split, count)
        half, found = STRETCH // 2, []
        starts = np.arange(-half, count - half, half)
        for some in np.array_split(starts, max(1, len(starts) // AT_ONCE)):
            batch = split.stretches(np.maximum(some, 0), STRETCH).to(predictor.device)
            each = _losses(model, model.read(batch["x"], {})[0], batch["y"])
            late = torch.from_numpy(np.where(some < 0, 0, half)).to(each.device)[:, None] + torch.arange(half, device=each.device)
            found.append(each.gather(1, late).flatten().cpu().numpy())
        return np.concatenate(found)[:count]


def _carried(model: Any, predictor: Predicting, split: CorpusSplit, count: int) -> np.ndarray:
    rows = max(1, min(AT_ONCE, count // STRETCH))
    each = -(-count // rows)
    state: State = {}
    found = []
    for place in range(0, each, STRETCH):
        batch = split.stretches(np.arange(rows) * each + place, min(STRETCH, each - place)).to(predictor.device)
        features, state = model.read(batch["x"], state)
        found.append(_losses(model, features, batch["y"]).cpu().numpy())
    return np.concatenate(found, 1).reshape(-1)[:count]


def _losses(model: Any, features: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """(B, T) the loss of each token."""
    log_p = model.head(features).float().log_softmax(-1)
    return -log_p.gather(2, y[..., None].long())[..., 0]


def written(predictor: Predicting, spec: Tokens, text: str, how: Config) -> Written:
    """The text, written on."""
    made = tokenizer(spec)
    ids = made.encode([text])[0].tolist()
    if not ids:
        raise DataError("the beginning of a text", f"`{text}`", "Write at least one letter.")
    strange = sorted({one for one, i in zip(text, ids, strict=False) if i == UNKNOWN}) if spec.unit == "character" else []
    random = rng.generator(how.seed, crc32(text.encode(errors="replace")), "write")
    said = list[int]()
    with predictor.asked() as model:
        x = torch.tensor([ids], device=predictor.device)
        state: State = {}
        for _ in range(how.length):
            features, state = model.read(x, state)
            said.append(_drawn(model.head(features[0, -1]).float().cpu(), how, random))
            x = x.new_tensor([[said[-1]]])
    return Written(text, made.decode([*ids, *said])[len(made.decode(ids)) :], tuple(strange))


def _drawn(logits: torch.Tensor, how: Config, random: torch.Generator) -> int:
    """One token (V,) -> its place."""
    logits[[FILL, UNKNOWN, BEGIN, END]] = -torch.inf
    if how.temperature == 0:
        return int(logits.argmax())
    if how.top:
        logits[logits < logits.topk(min(how.top, len(logits))).values[-1]] = -torch.inf
    return int(torch.multinomial((logits / how.temperature).softmax(-1), 1, generator=random))
