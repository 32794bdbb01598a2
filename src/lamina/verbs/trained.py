"""A trained run, opened again: its spec, its task and a predictor with its best weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from lamina.core import device as machine
from lamina.core.data import Data
from lamina.core.errors import RunError, UsageError
from lamina.core.predictor import Predictor
from lamina.core.run import Run
from lamina.core.spec import Spec
from lamina.core.task import Task
from lamina.oversight.familiar import Familiar
from lamina.tasks import TASKS
from lamina.verbs.data import data_of_run
from lamina.verbs.judge import trust_of
from lamina.verbs.setup import rebuild


@dataclass(frozen=True)
class Trained:
    """What a run learned, ready to answer."""

    run: Run
    described: dict[str, Any]
    spec: Spec
    task: Task
    predictor: Predictor

    def familiar(self) -> Familiar:
        """What it knows of its training data."""
        return Familiar(self.run.kept("familiar"))

    def data(self, named: str = "") -> Data:
        """The built-in data it was trained on, split as then; UsageError for data that were given from Python. `named`: the user's own file
        that the run is of."""
        if not self.described["built_in_data"]:
            raise UsageError("a run of data that Lamina can load again", f"`{self.described['data']}`, given from Python",
                             "Evaluate it there: lm.load_run(RUN).evaluate(X, y).")
        return data_of_run(self.described, named)


def open_run(folder: Path, module: nn.Module | None = None, device: str = "auto") -> Trained:
    """The run at `folder`; `module`: the user's own, where the run was made with one."""
    run = Run.open(folder)
    described = run.read("config")
    spec = run.read_as("spec", Spec)
    model = rebuild(described, spec, module)
    weights = run.load("best", ("weights",))["weights"]
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        if module is not None:
            raise
        raise RunError("weights that fit the run's `config.json`", f"`{folder}`, where they do not",
                       "The run is damaged; restore the file, or train again.") from error
    where = machine.pick(device)
    precision = run.read("plan")["precision"]
    trust = trust_of(run.read("result") if (folder / "result.json").exists() else {})
    return Trained(run, described, spec, TASKS[described["task"]](), Predictor(model.to(where), where, precision, trust))
