"""report: the page of a run, written anew."""

from pathlib import Path

from lamina.core.data import Data
from lamina.core.errors import UsageError
from lamina.core.run import Run
from lamina.oversight import report as pages
from lamina.verbs.data import data_of_run


def report(folder: Path) -> Path:
    """Write RUN/report.html and say where it is; what needs the data is left out where they cannot be had again."""
    run = Run.open(folder)
    if not (folder / "result.json").exists():
        raise UsageError("a run that has ended", f"`{folder}`, which has not", f"Go on with `lamina train --resume {folder}`.")
    pages.write(run, _data(run))
    return folder / "report.html"


def _data(run: Run) -> Data | None:
    described = run.read("config")
    if not described["built_in_data"]:
        return None
    try:
        return data_of_run(described)
    except UsageError:  # files that were moved or changed: the page says so
        return None
