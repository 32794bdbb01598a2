"""How much is it?"""

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from lamina.core.data import Data, Split, batches
from lamina.core.predictions import Number, Prediction
from lamina.core.spec import Image, Numbers, Spec
from lamina.core.task import Choice, Evaluation, Predicting, Quality
from lamina.data.inputs import read_all
from lamina.metrics.regression import Regression
from lamina.tasks.recipes import pictures, table


class Regress:
    """How much is it? One number or several."""

    name: ClassVar[str] = "regress"
    monitor: ClassVar[str] = "rmse"
    direction: ClassVar[Literal["max", "min"]] = "min"

    def suits(self, spec: Spec) -> bool:
        return isinstance(spec.target, Numbers)

    def choose(self, data: Data, quality: Quality) -> Choice:
        return pictures(data, quality) if isinstance(data.spec.input, Image) else table(data, quality)

    def evaluate(self, predictor: Predicting, split: Split, seed: int) -> Evaluation:
        gathered = Regression()
        for batch in batches(split):
            gathered.update(predictor(batch["x"]), batch["y"])
        return Evaluation(gathered.value(), {"mae": gathered.interval()})

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Prediction | None:
        return None

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        output = predictor(read_all(spec.input, inputs)).cpu().tolist()
        return [Number(dict(zip(spec.target.names, row, strict=True))) for row in output]
