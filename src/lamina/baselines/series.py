"""What forecasts without a network would score: the last number, the number a season ago (seasonal naive), and a line through the past.

The line is an autoregression: every step ahead is a weighted sum of what was looked back on, by ridge regression (Hoerl & Kennard 1970) on
differences from the last number, its penalty chosen on the validation windows. Hyndman & Athanasopoulos 2021, Forecasting, 5.2 and 9.3.

    N  windows    L  moments of the past    D  columns    K  moments ahead
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from lamina.baselines.rivals import Judge, judged
from lamina.core.data import Data, batches
from lamina.core.spec import Series
from lamina.core.task import Evaluation

PENALTIES = (1e-4, 1e-2, 1.0)  # times the mean square of a feature
MOST = 20_000  # windows that the line is learned from
Forecast = Callable[[torch.Tensor], torch.Tensor]  # (N, L, D) -> (N, K), as a network answers


def of_series(data: Data, judge: Judge) -> dict[str, Evaluation]:
    """Figures on the test split of `last value`, `seasonal naive` and `linear autoregression`."""
    spec, ahead = data.spec.input, data.spec.target.size
    assert isinstance(spec, Series), "series"
    learn: dict[str, Callable[[], Forecast]] = {"last value": lambda: lambda x: x[:, -1:, spec.place].expand(-1, ahead)}
    if 1 < spec.season <= spec.past:
        learn["seasonal naive"] = lambda: _seasonal(spec, ahead)
    return judged({**learn, "linear autoregression": lambda: _line(data, spec)}, judge, data.test)


def _seasonal(spec: Series, ahead: int) -> Forecast:
    places = spec.past - spec.season + torch.arange(ahead) % spec.season
    return lambda x: x[:, places, spec.place]


def _line(data: Data, spec: Series) -> Forecast:
    """The autoregression whose penalty is best on the validation windows."""
    x, y = _rows(data.train)
    some = np.linspace(0, len(x) - 1, min(len(x), MOST)).astype(int)
    x, y = x[some], y[some]
    scale = x.reshape(-1, x.shape[2]).std(0) + 1e-9
    features, last = _changes(x, scale), x[:, -1, spec.place, None]
    gram, right = features.T @ features, features.T @ (y - last)
    usual = float(np.trace(gram)) / len(gram)

    def fitted(penalty: float) -> Callable[[np.ndarray], np.ndarray]:
        weights = np.linalg.solve(gram + penalty * usual * np.eye(len(gram)), right)
        return lambda new: _changes(new, scale) @ weights + new[:, -1, spec.place, None]

    held_x, held_y = _rows(data.valid)
    best = min(map(fitted, PENALTIES), key=lambda line: float(np.square(line(held_x) - held_y).mean()))
    return lambda x: torch.from_numpy(best(x.double().numpy()))


def _changes(x: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(N, (L - 1) D + 1): differences from the last number of each column, in deviations, and a one."""
    found = ((x[:, :-1] - x[:, -1:]) / scale).reshape(len(x), -1)
    return np.concatenate([found, np.ones((len(x), 1))], 1).astype(np.float64)


def _rows(split: Any) -> tuple[np.ndarray, np.ndarray]:
    parts = list(batches(split, 5000))
    return tuple(np.concatenate([part[key].numpy() for part in parts]).astype(np.float64) for key in ("x", "y"))  # type: ignore[return-value]
