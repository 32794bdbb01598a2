"""What is where? Objects by their boxes."""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch

from lamina.baselines.scenes import of_boxes
from lamina.core.data import Data, Split, batches
from lamina.core.detector import Truth
from lamina.core.predictions import Drawable, Found, Objects, Prediction
from lamina.core.spec import Boxes, Image, Spec
from lamina.core.task import Choice, Evaluation, Predicting, Quality, Takes
from lamina.data.inputs import Photo, read_photo
from lamina.metrics.boxes import Detections
from lamina.tasks.scene_recipes import boxes as recipe

AT_ONCE = 16  # photos


class Detect:
    """Boxes around objects, and the class of each."""

    name: ClassVar[str] = "detect"
    monitor: ClassVar[str] = "AP"

    def suits(self, spec: Spec) -> bool:
        return isinstance(spec.target, Boxes)

    def takes(self, spec: Spec) -> Takes:
        return "photos"

    def choose(self, data: Data, quality: Quality) -> Choice:
        return recipe(data, quality)

    def evaluate(self, predictor: Predicting, split: Split, seed: int, brief: bool = False) -> Evaluation:
        gathered, said = Detections(), list[torch.Tensor]()
        for batch in batches(split, AT_ONCE):
            said.append(predictor(batch["x"]).cpu())
            gathered.update(said[-1], Truth.of(batch), batch["scale"])
        threshold = getattr(predictor, "threshold", 0.0) or gathered.best_threshold()  # a rival has none of its own
        scores = gathered.per_picture(threshold)
        figures = gathered.value() | {"f1": scores.mean().item()}
        if brief:
            return Evaluation(figures)
        details = {"per_class": gathered.per_class(), "threshold": threshold, "curves": gathered.curves(),
                   "errors": gathered.errors(threshold)["counts"], "reliability": gathered.reliability().to_json()}
        return Evaluation(figures, gathered.intervals(), details, scores, torch.cat(said))

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        return None

    def baselines(self, data: Data) -> dict[str, Evaluation]:
        return of_boxes(data, lambda rival, split: self.evaluate(rival, split, 0))

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        return {}

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        assert isinstance(spec.input, Image), "boxes are in pictures"
        photos = [read_photo(spec.input, one) for one in inputs]
        said = predictor(torch.stack([photo.x for photo in photos])).cpu()
        return [_objects(answer, photo, spec, predictor.threshold) for answer, photo in zip(said, photos, strict=True)]


def _objects(answer: torch.Tensor, photo: Photo, spec: Spec, threshold: float) -> Objects:
    """The rows of an answer (M, 6) that are sure enough, in the photo's own pixels."""
    sure = answer[answer[:, 4] >= max(threshold, 1e-6)]
    height, width = photo.pixels.shape[:2]
    boxes = photo.placement.back(sure[:, :4])
    boxes[:, 0::2] = boxes[:, 0::2].clamp(0, width)
    boxes[:, 1::2] = boxes[:, 1::2].clamp(0, height)
    found = [Found(spec.target.names[int(row[5])], int(row[5]), float(row[4]), tuple(box))
             for row, box in zip(sure, boxes.tolist(), strict=True)]
    return Objects(tuple(found), spec.target.names, photo.pixels)
