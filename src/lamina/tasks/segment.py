"""Which class is every pixel of?"""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
import torch.nn.functional as F

from lamina.baselines.scenes import of_masks
from lamina.core.data import Data, Split, batches
from lamina.core.drawn import colours_of
from lamina.core.predictions import Drawable, Prediction, Regions
from lamina.core.spec import Image, Mask, Spec
from lamina.core.task import Choice, Evaluation, Predicting, Quality, Takes
from lamina.data.inputs import Photo, read_photo
from lamina.metrics.masks import Masks
from lamina.tasks.scene_recipes import masks as recipe

AT_ONCE = 16  # photos


class Segment:
    """A class for every pixel."""

    name: ClassVar[str] = "segment"
    monitor: ClassVar[str] = "mean_iou"

    def suits(self, spec: Spec) -> bool:
        return isinstance(spec.target, Mask)

    def takes(self, spec: Spec) -> Takes:
        return "photos"

    def choose(self, data: Data, quality: Quality) -> Choice:
        return recipe(data, quality)

    def evaluate(self, predictor: Predicting, split: Split, seed: int, brief: bool = False) -> Evaluation:
        gathered, answers = None, list[torch.Tensor]()
        for batch in batches(split, AT_ONCE):
            said = predictor(batch["x"]).cpu()
            gathered = Masks(said.shape[1], thorough=not brief) if gathered is None else gathered
            answers.append(gathered.update(said, batch["y"]).byte())
        assert gathered is not None, "a split has rows"
        scores = gathered.per_picture()
        figures = gathered.value() | {"picture_iou": scores.mean().item()}
        if brief:
            return Evaluation(figures)
        details = {"per_class": gathered.per_class(), "confusion": gathered.confusion.tolist(),
                   "reliability": gathered.reliability.to_json()}
        return Evaluation(figures, gathered.intervals(), details, scores, torch.cat(answers))

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        return None

    def baselines(self, data: Data) -> dict[str, Evaluation]:
        return of_masks(data, lambda rival, split: self.evaluate(rival, split, 0))

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        return {}

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        assert isinstance(spec.input, Image), "masks are of pictures"
        photos = [read_photo(spec.input, one) for one in inputs]
        said = predictor(torch.stack([photo.x for photo in photos])).cpu()
        return [regions(answer, photo, spec) for answer, photo in zip(said, photos, strict=True)]


def regions(answer: torch.Tensor, photo: Photo, spec: Spec) -> Regions:
    """The logits (K, h, w) of one photo as classes at its own size."""
    assert isinstance(spec.target, Mask), "logits of classes"
    classes = photo.unplaced(answer).argmax(0).byte()
    classes = F.interpolate(classes[None, None], photo.pixels.shape[:2])[0, 0]  # nearest; of huge photos only it changes anything
    return Regions(classes.numpy(), spec.target.names, photo.pixels, colours_of(spec.target))
