"""The six steps of a first lecture: load, stack, fit, evaluate, predict, save. Thin: the verbs do the work.

    data = lm.load("digits")
    model = lm.Model(nn.Sequential(nn.Flatten(), nn.LazyLinear(64), nn.ReLU(), nn.LazyLinear(10)))
    model.fit(data)
    print(model.evaluate(data.test))
    print(model.predict("my_digit.png"))
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lamina.core.data import Data, Split
from lamina.core.errors import DataError, UsageError, unknown
from lamina.core.events import Event
from lamina.core.predictions import Prediction
from lamina.core.spec import Classes, Labels, Text, Tokens
from lamina.data import texts
from lamina.data.arrays import Divisible, cut, from_arrays
from lamina.data.given import checked_weight, inputs_of, rows_of
from lamina.data.inputs import read_all
from lamina.models import MODELS
from lamina.oversight.summary import layers, table
from lamina.verbs import learned as keeping
from lamina.verbs.data import load_data
from lamina.verbs.learned import Learned
from lamina.verbs.request import Request
from lamina.verbs.setup import prepare
from lamina.verbs.train import Outcome, Watcher, train

WISHES = frozenset({"task", "method", "device", "quality", "seconds", "until"})  # of a Request; other words are knobs
CHUNK = 1000  # rows that are answered at once


def load(name: str, seed: int = 0, **knobs: Any) -> Data:
    """A built-in data set (`lamina list datasets`), split by `seed`; UsageError for an unknown name or knob.

    >>> data = load("iris")
    >>> len(data.train), len(data.valid), len(data.test)
    (102, 18, 30)
    """
    found = load_data(name, knobs, seed)
    return found if found.origin else replace(found, origin={"name": name, "knobs": knobs, "seed": seed})


def load_run(run: str | Path, module: nn.Module | None = None) -> "Model":
    """The model of a run folder with its best weights.

    module: the user's own, untrained, where the run was made with one; a warning says if its source file changed.
    Raises RunError for a folder that is no run, UsageError where a module is missing or not called for.
    """
    found = keeping.from_run(Path(run), module)
    model = Model(module if module is not None else found.config["model"])
    model._learned = found
    return model


@dataclass(frozen=True)
class Score:
    """The figures of one split; intervals are 95 %. `looks`: how often this fit's own test split was seen, 0 for other rows."""

    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    details: Mapping[str, Any]
    rows: int
    looks: int = 0

    def __getitem__(self, figure: str) -> float:
        if figure not in self.metrics:
            raise unknown("figure", figure, self.metrics)
        return self.metrics[figure]

    def __str__(self) -> str:
        figures = ", ".join(f"{name} {value:.4g}{self._interval(name)}" for name, value in self.metrics.items())
        again = f"; look {self.looks} at the test split" if self.looks > 1 else ""
        return f"{figures} on {self.rows} rows{again}"

    def _interval(self, name: str) -> str:
        if name not in self.intervals:
            return ""
        low, high = self.intervals[name]
        return f" (95 %: {low:.4g} to {high:.4g})"


class Model:
    """A plain torch module, whose lazy layers are filled in from the data, or a built-in model by name.

    knobs: what `lamina train DATA --knobs` lists, for every fit. The module is trained in place and holds the best
    weights afterwards; its outputs are logits (classes, labels) or numbers, without a last softmax or sigmoid.
    """

    def __init__(self, module_or_name: nn.Module | str, **knobs: Any) -> None:
        if isinstance(module_or_name, str) and module_or_name not in MODELS:
            raise unknown("model", module_or_name, MODELS, "`lamina list models` shows them.")
        if not isinstance(module_or_name, str | nn.Module):
            raise UsageError("a torch module or the name of a built-in model", f"`{module_or_name!r}`",
                             "Write for example lm.Model(nn.Sequential(nn.Flatten(), nn.LazyLinear(10))).")
        self.module = module_or_name if isinstance(module_or_name, nn.Module) else None
        self.name = module_or_name if isinstance(module_or_name, str) else ""
        self.knobs = knobs
        self._learned: Learned | None = None
        self._test: Split | None = None

    # -- learn ------------------------------------------------------------------------------------

    def fit(self, data: Any, y: Any = None, *, sample_weight: Any = None, out: str | Path | None = None,
            seed: int = 0, quiet: bool = False, **knobs: Any) -> "Model":
        """Train on a `Data`, a data set's name, or arrays X (N, ...) and y (N,) or (N, K); the best weights are kept.

        out: a run folder, None trains in memory. A second fit goes on from the present weights. knobs: `epochs=3`,
        `learning_rate=0.01`, `patience=5` ..., and `device`, `quality`, `seconds`, `until`, `method`, `task`.
        Raises DataError for arrays that do not fit together, UsageError for a knob or a module that does not fit the data.
        """
        if not isinstance(data, Data):
            data = load(data, seed) if isinstance(data, str) else self._cut(data, y, sample_weight, seed)
        elif y is not None or sample_weight is not None:
            raise UsageError("`fit(data)` or `fit(X, y)`", "a Data and arrays beside it", "A Data holds its targets and weights.")
        self._check_same(data)
        request = self._request(data, {**self.knobs, **knobs}, seed, out)
        events: list[Event] = []
        outcome = train(request, _watcher(events, quiet))
        self._learned, self._test = keeping.from_outcome(request, outcome, events), data.test
        if not quiet:
            _say(outcome)
        return self

    def _cut(self, x: Any, y: Any, weight: Any, seed: int) -> Data:
        """Arrays as splits: a fifth for the test, some for validation."""
        if y is None:
            raise UsageError("targets beside the inputs", "`fit(X)` without y", "Call fit(X, y), or fit(data) with a Data.")
        x, y = _array(x), np.atleast_1d(_array(y))
        weights = checked_weight(weight, len(y))
        if weights is not None and len(x) == len(y):  # a row of weight zero is not there
            counts = (weights > 0).numpy()
            x, y, weights = x[counts], y[counts], weights[counts]
        if weights is not None and x.ndim == 1 and texts.are_texts(x):
            raise UsageError("texts that all count alike", "`sample_weight`", "Leave it out; `class_weights=1` weighs classes.")
        if self._learned is None and texts.are_texts(x):
            return texts.of_arrays(x, y, seed)
        rows: Divisible
        if self._learned is None:
            spec, rows, _ = from_arrays("arrays", x, y, weight=weights)
        else:
            spec, rows = self._learned.spec, rows_of(self._learned.spec, x, y, weights)
        data = cut("arrays", spec, rows, seed, sheet=f"arrays of {len(rows)} rows")
        if min(len(data.train) - 1, len(data.valid), len(data.test)) < 1:
            raise DataError("rows enough for training, validation and test", f"`{len(rows)}`",
                            "Give more rows, or use lm.Classifier or lm.Regressor.")
        return data

    def _check_same(self, data: Data) -> None:
        if self._learned is None:
            return
        old, new = self._learned.spec, data.spec
        words = isinstance(old.input, Text | Tokens) and old.input != new.input
        if (old.input.shape, old.target) != (new.input.shape, new.target) or words:
            raise DataError(f"data like those of the first fit: inputs {old.input.shape}, {old.target.size} {old.target.kind}",
                            f"inputs {new.input.shape}, {new.target.size} {new.target.kind}", "Make a new lm.Model for other data.")

    def _request(self, data: Data, words: Mapping[str, Any], seed: int, out: str | Path | None) -> Request:
        wishes = {k: v for k, v in words.items() if k in WISHES}
        start = None if self._learned is None else self._learned.weights()
        return Request(
            data=data, model=self.name, words={k: v for k, v in words.items() if k not in WISHES}, seed=seed,
            out=None if out is None else Path(out), net=self.module, start=start, **wishes,
        )  # fmt: skip

    # -- answer -----------------------------------------------------------------------------------

    def evaluate(self, data: Any, y: Any = None) -> Score:
        """The figures of a split, of a Data's test split, or of arrays X and y (also as one pair)."""
        known = self._known()
        if isinstance(data, tuple) and y is None:
            data, y = data
        split: Split = data.test if isinstance(data, Data) else data if y is None else rows_of(known.spec, data, y)
        if not isinstance(split, Split):
            raise UsageError("a split, a Data, or X and y", f"`{type(data).__name__}`", "Call evaluate(data.test) or evaluate(X, y).")
        self._check_fits(split)
        found = known.task.evaluate(known.predictor, split, known.config["seed"] + 1)
        looks = known.looked() if split is self._test or self._was_trained_on(data) else 0
        return Score(found.metrics, found.intervals, found.details, len(split), looks)

    def _was_trained_on(self, data: Any) -> bool:
        """Whether `data` is the data set of the run, loaded again."""
        if not isinstance(data, Data) or data.origin is None:
            return False
        config = self._known().config
        made_of = {"name": config["data"], "knobs": config["configs"]["data"], "seed": config["data_seed"]}
        return config["built_in_data"] and dict(data.origin) == made_of

    def _check_fits(self, split: Split) -> None:
        spec = self._known().spec
        shape = tuple(split.batch(torch.arange(1))["x"].shape[1:]) if len(split) else ()
        if shape != spec.input.shape and not (isinstance(spec.input, Text | Tokens) and len(shape) == 1):
            raise DataError(f"rows of the shape that the model was trained on, {spec.input.shape}", f"`{shape}`",
                            "Give data of that shape.")

    def predict(self, inputs: Any) -> Any:
        """One `Prediction` for one input (a picture's file, an array, a row), a list of them for many."""
        known = self._known()
        rows, single = inputs_of(known.spec.input, inputs)
        answers: list[Prediction] = []
        for start in range(0, len(rows), CHUNK):
            answers += known.task.predict(known.predictor, known.spec, rows[start : start + CHUNK])
        return answers[0] if single else answers

    def predict_proba(self, inputs: Any) -> np.ndarray:
        """The probability of each class or label: (K,) for one input, (N, K) for many, in the order of `classes`."""
        known = self._known()
        if not isinstance(known.spec.target, Classes | Labels):
            raise UsageError("a model of classes or labels", f"one of {known.spec.target.kind}", "Use `predict`.")
        rows, single = inputs_of(known.spec.input, inputs)
        chunks = [known.predictor(read_all(known.spec.input, rows[i : i + CHUNK])).cpu() for i in range(0, len(rows), CHUNK)]
        logits = torch.cat(chunks) if chunks else torch.empty(0, known.spec.target.size)
        found: np.ndarray = (logits.softmax(1) if isinstance(known.spec.target, Classes) else logits.sigmoid()).numpy()
        return found[0] if single else found

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, labels or numbers that are answered."""
        target = self._known().spec.target
        return tuple(getattr(target, "names", ()))

    # -- look and keep ----------------------------------------------------------------------------

    def summary(self, data: Data | None = None) -> str:
        """A line a layer: name, type, output shape, parameters. Before a fit, of a copy that is filled in from `data`."""
        if data is None:
            known = self._known()
            return table(layers(known.predictor.model, known.spec))
        blank = Model(self.name or _copied(self.module), **self.knobs)
        return table(layers(prepare(blank._request(data, self.knobs, 0, None)).learner.model, data.spec))

    def save(self, folder: str | Path) -> None:
        """Write a run folder, which `lm.load_run` opens, and for built-in models also `lamina predict`."""
        keeping.save(self._known(), Path(folder))

    def _known(self) -> Learned:
        if self._learned is None:
            raise UsageError("a model that was trained", "one that was not",
                             "Call model.fit(data) first, or open a run with lm.load_run(RUN).")
        return self._learned

    def __repr__(self) -> str:
        return f"lm.Model({self.name or type(self.module).__name__}, {'trained' if self._learned else 'not trained'})"

    def __getstate__(self) -> dict[str, Any]:
        packed = None if self._learned is None else keeping.pack(self._learned)
        return self.__dict__ | {"_learned": packed, "_test": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if state["_learned"] is not None:
            self._learned = keeping.unpack(state["_learned"], self.module)


def _array(values: Any) -> np.ndarray:
    """Arrays, lists, tables and tensors; pictures as tensors (N, C, H, W) become (N, H, W, C)."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = (values.movedim(1, -1) if values.ndim == 4 else values).numpy()
    return np.asarray(values)


def _copied(module: nn.Module | None) -> nn.Module:
    from copy import deepcopy

    assert module is not None, "a model has a name or a module"
    return deepcopy(module)


def _watcher(events: list[Event], quiet: bool) -> Watcher:
    """Keeps every event, and shows them unless it is to be quiet."""
    if quiet:
        return Watcher(event=events.append)
    from lamina.terminal import Screen

    shown = Screen(as_json=False).watcher()

    def event(one: Event) -> None:
        events.append(one)
        shown.event(one)

    return Watcher(shown.announce, event)


def _say(outcome: Outcome) -> None:
    figures = ", ".join(f"{name} {value:.4g}" for name, value in outcome.valid.metrics.items())
    where = "" if outcome.run is None else f"   run: {outcome.run.folder}"
    print(f"best of training: {figures} on the validation split ({outcome.reason}, {outcome.seconds:.1f} s){where}")
