"""How much is it?"""

from collections.abc import Iterable
from typing import Any, ClassVar

from lamina.baselines.photos import on_gradients
from lamina.baselines.rivals import rivals
from lamina.core.data import Data, Split, batches
from lamina.core.predictions import Drawable, Number, Prediction
from lamina.core.spec import Numbers, Series, Spec
from lamina.core.task import Choice, Evaluation, Predicting, Quality, Takes
from lamina.data.inputs import read_all
from lamina.metrics.regression import Regression
from lamina.tasks.recipes import recipe, takes


class Regress:
    """How much is it? One number or several."""

    name: ClassVar[str] = "regress"
    monitor: ClassVar[str] = "rmse"

    def suits(self, spec: Spec) -> bool:
        return isinstance(spec.target, Numbers) and not isinstance(spec.input, Series)

    def takes(self, spec: Spec) -> Takes:
        return takes(spec)

    def choose(self, data: Data, quality: Quality) -> Choice:
        return recipe(data, quality)

    def evaluate(self, predictor: Predicting, split: Split, seed: int, brief: bool = False) -> Evaluation:
        gathered = Regression()
        for batch in batches(split):
            gathered.update(predictor(batch["x"]), batch["y"])
        if brief:
            return Evaluation(gathered.value())
        said, y = gathered.pairs()
        return Evaluation(gathered.value(), gathered.intervals(), {}, (said - y).square().mean(1), said.float())

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        return None

    def baselines(self, data: Data) -> dict[str, Evaluation]:
        def judge(rival: Predicting, split: Split) -> Evaluation:
            return self.evaluate(rival, split, 0)

        return {**rivals(data, judge), **on_gradients(data, judge)}

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        return {}

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        output = predictor(read_all(spec.input, inputs)).cpu().tolist()
        return [Number(dict(zip(spec.target.names, row, strict=True))) for row in output]
