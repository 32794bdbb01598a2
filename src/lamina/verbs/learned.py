"""What a fit left in memory, or a run on disk: enough to answer, to train on, and to be written as a run folder."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lamina.core import device as machine
from lamina.core.errors import RunError, UsageError
from lamina.core.events import Event
from lamina.core.predictor import Predictor
from lamina.core.run import Run
from lamina.core.spec import Spec
from lamina.core.task import Task
from lamina.tasks import TASKS
from lamina.verbs import own_module
from lamina.verbs.judge import trust_of
from lamina.verbs.request import Request
from lamina.verbs.setup import rebuild
from lamina.verbs.train import Outcome, described
from lamina.verbs.trained import open_run


@dataclass(frozen=True)
class Learned:
    """Config, plan and result as the run's JSON files have them; `predictor` answers with the best weights."""

    config: dict[str, Any]
    plan: dict[str, Any]
    spec: Spec
    predictor: Predictor
    result: dict[str, Any] = field(default_factory=dict)
    events: Sequence[Event] = ()
    folder: Path | None = None

    @property
    def task(self) -> Task:
        task: Task = TASKS[self.config["task"]]()
        return task

    def looked(self) -> int:
        """Count one more look at the test split, in the run too where there is one."""
        self.result["test_looks"] = self.result.get("test_looks", 0) + 1
        if self.folder is not None:
            Run.open(self.folder).write("result", self.result)
        return int(self.result["test_looks"])

    def weights(self) -> dict[str, torch.Tensor]:
        """The best weights, scales included, as copies on the processor."""
        return {k: v.detach().cpu().clone() for k, v in self.predictor.model.state_dict().items()}


def from_outcome(request: Request, outcome: Outcome, events: Sequence[Event]) -> Learned:
    """What a training in memory or in a folder reached; a user's module is given the best weights."""
    best = outcome.predictor.model
    if best is not outcome.setup.learner.model:  # an average answers
        outcome.setup.learner.model.load_state_dict(best.state_dict())
    best.eval()
    result = {
        "task": outcome.setup.task.name, "reason": outcome.reason, "test_looks": 0,
        "seconds": outcome.seconds, "cpu_seconds": outcome.cpu_seconds,
    } | outcome.judgement.to_json() if outcome.run is None else outcome.run.read("result")  # fmt: skip
    folder = None if outcome.run is None else outcome.run.folder
    config, spec = described(request, outcome.setup), outcome.setup.data.spec
    return Learned(config, outcome.plan.model_dump(), spec, outcome.predictor, result, tuple(events), folder)


def from_run(folder: Path, module: nn.Module | None) -> Learned:
    """The run at `folder`; `module`: the user's own, where the run was made with one. Warns if its source differs."""
    config = Run.open(folder).read("config")
    own = config["own_module"]
    if module is not None and own is None:
        raise UsageError("no module for a run of a built-in model", f"`{type(module).__name__}` for `{config['model']}`",
                         "Open it with lm.load_run(RUN).")
    if module is not None:
        own_module.warn_if_changed(own, module)
    try:
        trained = open_run(folder, module)
    except RuntimeError as error:  # load_state_dict, whose text names every weight that does not fit
        raise RunError("the module that the run was made with", str(error).partition("\n\t")[2].partition("\n")[0],
                       "Give lm.load_run a module of the same layers.") from error
    trained.predictor.model.eval()
    result = trained.run.read("result") if (folder / "result.json").exists() else {}
    past = tuple(trained.run.told())
    return Learned(config, trained.run.read("plan"), trained.spec, trained.predictor, result, past, folder)


def save(learned: Learned, folder: Path) -> None:
    """Write a run folder with the best weights; the optimizer's state is not kept, so it is trained on by a new fit."""
    with Run.create(folder) as run:
        run.write("spec", learned.spec.model_dump())
        run.write("plan", learned.plan)
        run.write("result", learned.result)
        run.write("config", learned.config | {"weights_only": True})
        for event in learned.events:
            run.tell(event)
        best_step = next((e.values["best_step"] for e in reversed(learned.events) if e.kind == "done"), 0)
        run.save(best_step, {"weights": learned.weights(), "rest": {}}, best=True)


def pack(learned: Learned) -> dict[str, Any]:
    """Plain values and tensors, for copying to another process."""
    kept = {"config": learned.config, "plan": learned.plan, "result": learned.result, "events": learned.events}
    return kept | {"spec": learned.spec.model_dump(), "weights": learned.weights()}


def unpack(packed: dict[str, Any], net: nn.Module | None) -> Learned:
    """The inverse of `pack`; `net`: the user's own module. The model comes back on the processor."""
    spec = Spec.model_validate(packed["spec"])
    model = rebuild(packed["config"], spec, net)
    model.load_state_dict(packed["weights"])
    predictor = Predictor(model.eval(), machine.pick("cpu"), packed["plan"]["precision"], trust_of(packed["result"]))
    return Learned(packed["config"], packed["plan"], spec, predictor, packed["result"], packed["events"])
