"""evaluate: the figures of a run on its test split, each look counted."""

from pathlib import Path

from lamina.core.task import Evaluation
from lamina.verbs.trained import open_run


def evaluate(folder: Path, device: str = "auto") -> tuple[Evaluation, int]:
    """The figures of the run's best weights on its test split, and how often that split was looked at, now included."""
    trained = open_run(folder, device=device)
    found = trained.task.evaluate(trained.predictor, trained.data().test, trained.described["seed"] + 1)
    result = trained.run.read("result") if (folder / "result.json").exists() else {"test_looks": 0}
    result["test_looks"] += 1
    trained.run.write("result", result)
    return found, result["test_looks"]
