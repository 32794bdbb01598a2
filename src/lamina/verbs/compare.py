"""compare: runs side by side on the same sealed test, and whether what lies between them is more than noise."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lamina.core.errors import UsageError, quoted
from lamina.core.run import Run
from lamina.core.task import Evaluation
from lamina.oversight.verdict import Difference, best_rival, difference
from lamina.verbs.evaluate import looked
from lamina.verbs.judge import rows_of
from lamina.verbs.seeds import Group, draw, groups_of
from lamina.verbs.trained import Trained, open_run


@dataclass(frozen=True)
class Entry:
    """One run: its test figures, what it cost, and how often its test was looked at."""

    run: str
    model: str
    metrics: Mapping[str, float]
    intervals: Mapping[str, Any]
    seconds: float
    parameters: int
    looks: int


@dataclass(frozen=True)
class Comparison:
    """The runs in the order in which they were named, a sentence on the best beside each other one, and groups that differ by seed."""

    runs: list[Entry]
    sentences: list[str]
    differences: list[dict[str, Any]] = field(default_factory=list)
    warning: str = ""
    groups: list[Group] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(folders: Sequence[Path], device: str = "auto", picture: Path | None = None) -> Comparison:
    """Test figures of finished runs, paired row by row where they have the same test rows; a look at each test is counted. `picture`: a
    file for how they learned."""
    if len({folder.resolve() for folder in folders}) < max(2, len(folders)):
        raise UsageError("two runs or more, each once", quoted(map(str, folders)), "Write `lamina compare RUN1 RUN2`.")
    opened = [open_run(folder, device=device) for folder in folders]
    tasks = {one.task.name for one in opened}
    if len(tasks) > 1:
        raise UsageError("runs of one task", quoted(sorted(tasks)), "Their figures cannot be compared.")
    if picture is not None:
        draw(opened, picture)
    judged = [_judged(one) for one in opened]
    groups = groups_of(opened, judged)
    runs = [_entry(folder, one, found) for folder, one, found in zip(folders, opened, judged, strict=True)]
    if warning := _not_the_same(opened):
        return Comparison(runs, [], warning=warning, groups=groups)
    named = {str(folder): found for folder, found in zip(folders, judged, strict=True)}
    return Comparison(runs, *_paired(named), groups=groups)


def _judged(trained: Trained) -> Evaluation:
    """As the run found it at its end; looked at anew where it kept no rows."""
    kept, result = trained.run.kept("test"), _result(trained.run)
    if "test" in result and "scores" in kept:
        return Evaluation(result["test"], result["test_intervals"], scores=kept["scores"])
    return trained.task.evaluate(trained.predictor, trained.data().test, trained.described["seed"] + 1)


def _result(run: Run) -> dict[str, Any]:
    return run.read("result") if (run.folder / "result.json").exists() else {}


def _entry(folder: Path, trained: Trained, found: Evaluation) -> Entry:
    parameters = sum(p.numel() for p in trained.predictor.model.parameters())
    seconds = float(_result(trained.run).get("seconds", 0))
    return Entry(str(folder), trained.described["model"], found.metrics, found.intervals, seconds, parameters, looked(trained))


def _not_the_same(opened: Sequence[Trained]) -> str:
    """Why the runs were not tested on the same rows, or ""."""
    first, rows = opened[0], [_result(one.run).get("test_rows") or rows_of(one.data().test) for one in opened]
    for other, theirs in zip(opened[1:], rows[1:], strict=True):
        differs = [word for word in ("data", "fingerprint", "data_seed") if first.described[word] != other.described[word]]
        if theirs != rows[0] or first.described["fingerprint"] != other.described["fingerprint"]:
            why = f" ({', '.join(differs)} differ)" if differs else ""
            return (f"`{first.run.folder}` and `{other.run.folder}` were not tested on the same rows{why}: "
                    "the figures stand side by side, and no difference between them is worked out.")
    return ""


def _paired(named: Mapping[str, Evaluation]) -> tuple[list[str], list[dict[str, Any]]]:
    """The best, by the test itself, beside each other run."""
    if any(difference(found, found) is None for found in named.values()):
        return ["These runs have no figure row by row, so nothing is said of noise."], []
    best = best_rival(named)
    sentences, found = [], []
    for name, other in named.items():
        if name == best:
            continue
        between = difference(named[best], other)
        assert between is not None, "runs of one test have scores of the same rows"
        sentences.append(sentence(best, name, between))
        found.append({"best": best, "other": name, **asdict(between)})
    return sentences, found


def sentence(best: str, other: str, found: Difference) -> str:
    """What lies between two runs, filled from figures."""
    if found.answer == "better":
        return f"{best} is better than {other} by {found.size()} ({found}): more than noise."
    lead = f"is ahead of {other} by {found.size()}" if found.value else f"does as well as {other}"
    return f"{best} {lead} ({found}): within noise, the simpler one will do."
