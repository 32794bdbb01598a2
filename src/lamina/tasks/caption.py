"""What is in the picture, in words? A text for a picture."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F

from lamina.baselines.captions import of_captions
from lamina.core.data import Data, Split
from lamina.core.predictions import Caption, Drawable, Prediction
from lamina.core.spec import Image, Spec, Tokens
from lamina.core.task import Choice, Evaluation, Predicting, Quality, Takes
from lamina.data.caption_split import CaptionSplit
from lamina.data.inputs import Photo, read_photo
from lamina.data.tokens import tokenizer
from lamina.metrics.cider import cider
from lamina.metrics.intervals import of_mean
from lamina.metrics.translation import figures
from lamina.nn.beam_search import Said
from lamina.tasks import saying
from lamina.tasks.saying import AT_ONCE, Config
from lamina.tasks.sequence_recipes import captions as recipe

SHOWN = 6  # pictures that are drawn after training


class Describe:
    """What is in the picture, in words?"""

    name: ClassVar[str] = "caption"
    monitor: ClassVar[str] = "cider"

    def __init__(self, config: Config = Config()) -> None:
        self.config = config

    def suits(self, spec: Spec) -> bool:
        return isinstance(spec.input, Image) and isinstance(spec.target, Tokens)

    def takes(self, spec: Spec) -> Takes:
        return "photos"

    def choose(self, data: Data, quality: Quality) -> Choice:
        return recipe(data, quality)

    def evaluate(self, predictor: Predicting, split: Split, seed: int, brief: bool = False) -> Evaluation:
        assert isinstance(split, CaptionSplit), "pictures with captions"
        rows, _ = split.photos()
        how, decode = self.config.search(split.said.spec.length, brief), tokenizer(split.said.spec).decode
        said = [decode(one.tokens) for part in rows.split(AT_ONCE) for one in saying.answers(predictor, split.pictures[part], how)]
        found = _judged(said, split, brief)
        return Evaluation({**found.metrics, "loss": saying.loss(predictor, split)}, found.intervals, found.details, found.scores)

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        return None

    def baselines(self, data: Data) -> dict[str, Evaluation]:
        return of_captions(data, _judged)

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        assert isinstance(data.test, CaptionSplit), "pictures with captions"
        rows, _ = data.test.photos()
        shown = [one.permute(1, 2, 0).numpy() for one in data.test.pictures[rows[:SHOWN]]]
        answers = self.predict(predictor, data.spec, [one if one.shape[2] > 1 else one[..., 0] for one in shown])
        return {f"caption-{i}.jpg": one for i, one in enumerate(answers) if isinstance(one, Caption)}

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        assert isinstance(spec.input, Image) and isinstance(spec.target, Tokens), "pictures, and what is said of them"
        photos = [read_photo(spec.input, one) for one in inputs]
        x, how = torch.stack([photo.x for photo in photos]), self.config.search(spec.target.length)
        answers = [one for part in x.split(AT_ONCE) for one in saying.answers(predictor, part, how)]
        return [_caption(photo, answer, spec.target) for photo, answer in zip(photos, answers, strict=True)]


def _judged(said: Sequence[str], split: CaptionSplit, brief: bool = False) -> Evaluation:
    """Of what was said of each picture of a split."""
    _, wanted = split.photos()
    found, each = figures(said, wanted, brief), torch.tensor(cider(said, wanted))
    metrics = {**found.metrics, "cider": each.mean().item()}
    if brief:
        return Evaluation(metrics)
    intervals = {**found.intervals, "cider": of_mean(each.mean().item(), each.std().item() if len(each) > 1 else 0.0, len(each))}
    names = split.names()
    worst = [{"picture": names[i], "wanted": wanted[i][0], "said": said[i]} for i in found.scores.argsort()[:20].tolist()]
    details = {"signature": found.signature, "worst": worst}
    return Evaluation(metrics, intervals, details, found.scores)


def _caption(photo: Photo, answer: Said, target: Tokens) -> Caption:
    made = tokenizer(target)
    words = made.pieces(answer.tokens)
    looked = None if answer.attention is None else _places(photo, answer.attention[: len(words)].float().cpu())
    return Caption(made.decode(answer.tokens), answer.log_probability, photo.pixels, tuple(words), looked)


def _places(photo: Photo, attention: torch.Tensor) -> np.ndarray[Any, Any]:
    """Weights (T, S) of the places of the maps as (T, h', w') of the photo itself."""
    height, width = photo.x.shape[1:]
    down = max(1, round((attention.shape[1] * height / width) ** 0.5))
    maps = attention.view(len(attention), down, -1)
    whole = F.interpolate(maps[None], (height, width), mode="bilinear", align_corners=False)[0]
    return photo.unplaced(whole, most=len(attention) << 16).numpy()
