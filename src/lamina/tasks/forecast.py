"""How does it go on? The next numbers of a series, from those before."""

from collections.abc import Iterable
from typing import Any, ClassVar

import torch

from lamina.baselines.rivals import rivals
from lamina.core.data import Data, Split, batches
from lamina.core.predictions import Drawable, Forecast, Prediction
from lamina.core.spec import Numbers, Series, Spec
from lamina.core.task import Choice, Evaluation, Predicting, Quality, Takes
from lamina.data.inputs import read_all
from lamina.metrics.regression import Regression
from lamina.tasks.sequence_recipes import series as recipe

SHOWN = 4  # windows of the test that are drawn after training


class Ahead:
    """How does it go on?"""

    name: ClassVar[str] = "forecast"
    monitor: ClassVar[str] = "rmse"

    def suits(self, spec: Spec) -> bool:
        return isinstance(spec.input, Series) and isinstance(spec.target, Numbers)

    def takes(self, spec: Spec) -> Takes:
        return "rows"

    def choose(self, data: Data, quality: Quality) -> Choice:
        return recipe(data, quality)

    def evaluate(self, predictor: Predicting, split: Split, seed: int, brief: bool = False) -> Evaluation:
        gathered = Regression()
        for batch in batches(split):
            gathered.update(predictor(batch["x"]), batch["y"])
        if brief:
            return Evaluation(gathered.value())
        said, y = gathered.pairs()
        squared = (said - y).square()
        details = {"rmse_ahead": squared.mean(0).sqrt().tolist()}  # of each step alone
        return Evaluation(gathered.value(), gathered.intervals(), details, squared.mean(1), said.float())

    def sample(self, predictor: Predicting, spec: Spec, seed: int) -> Drawable | None:
        return None

    def baselines(self, data: Data) -> dict[str, Evaluation]:
        return rivals(data, lambda rival, split: self.evaluate(rival, split, 0))

    def pictures(self, predictor: Predicting, data: Data, seed: int) -> dict[str, Drawable]:
        rows = torch.linspace(0, len(data.test) - 1, min(SHOWN, len(data.test))).long()
        batch = data.test.batch(rows)
        found = self.predict(predictor, data.spec, batch["x"])
        return {f"forecast-{i}.svg": Forecast(one.asked, one.values, one.past, tuple(y.tolist()))
                for i, (one, y) in enumerate(zip(found, batch["y"], strict=True)) if isinstance(one, Forecast)}  # fmt: skip

    def predict(self, predictor: Predicting, spec: Spec, inputs: Iterable[Any]) -> list[Prediction]:
        assert isinstance(spec.input, Series), "series"
        x = read_all(spec.input, inputs)
        said = predictor(x).cpu()
        return [Forecast(spec.input.asked, tuple(row.tolist()), tuple(before[:, spec.input.place].tolist()))
                for before, row in zip(x, said, strict=True)]  # fmt: skip
