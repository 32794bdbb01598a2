"""evaluate: the figures of a run on its test split, each look counted; or on other data, which are no look at the test."""

from dataclasses import dataclass
from pathlib import Path

from lamina.core.data import Split
from lamina.core.errors import DataError, UsageError
from lamina.core.task import Evaluation
from lamina.envs.episodes import EpisodeSplit
from lamina.oversight.familiar import strange_rows
from lamina.verbs.data import reader
from lamina.verbs.trained import Trained, open_run


@dataclass(frozen=True)
class Judged:
    """Figures of `rows` rows. `looks`: how often the sealed test was looked at, this time included; 0 for other data, of which
    `strange` rows are unlike the training data."""

    found: Evaluation
    rows: int
    looks: int = 0
    strange: int = 0


def evaluate(folder: Path, data: Path | None = None, device: str = "auto", episodes: int = 0) -> Judged:
    """The figures of the run's best weights on its sealed test split, or on the photos, table or texts at `data`. `episodes`: how many are
    played, of a run that plays; 0 as many as in training's own test."""
    trained = open_run(folder, device=device)
    named = str(data) if data is not None and trained.described.get("own_file") else ""
    if data is not None and not named:
        return _other(trained, data)
    whole = trained.data(named)
    test, seed = _counted(whole.test, episodes), trained.described["seed"] + 1
    found = trained.task.evaluate(trained.predictor, test, seed)
    for name, picture in trained.task.pictures(trained.predictor, whole, seed).items() if isinstance(test, EpisodeSplit) else ():
        trained.run.draw(name, picture)
    return Judged(found, len(test), looked(trained))


def _counted(test: Split, episodes: int) -> Split:
    """The test with as many episodes as asked for; UsageError where none are played."""
    if not episodes:
        return test
    if not isinstance(test, EpisodeSplit):
        raise UsageError("`--episodes` for a run that plays in an environment", f"a run on {len(test)} test rows", "Leave it out.")
    return test.of(episodes)


def looked(trained: Trained) -> int:
    """Count one more look at the test split of a run."""
    result = trained.run.read("result") if (trained.run.folder / "result.json").exists() else {"test_looks": 0}
    result["test_looks"] += 1
    trained.run.write("result", result)
    return int(result["test_looks"])


def _other(trained: Trained, data: Path) -> Judged:
    split = reader(data, trained.described["configs"]["data"], trained.spec).rows(trained.spec)
    if len(split) == 0:
        raise DataError("at least one row with an answer", f"none in `{data}`", "Give data with the answers that the run knows.")
    found = trained.task.evaluate(trained.predictor, split, trained.described["seed"] + 1)
    return Judged(found, len(split), strange=strange_rows(trained.familiar(), trained.predictor, trained.spec, split))
