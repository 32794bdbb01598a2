"""look: what data are, which questions they can answer and what is wrong with them, before anything is trained; of a run also
which labels are doubtful."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lamina.core.data import Data
from lamina.core.errors import DataError, UsageError
from lamina.core.run import replace as write
from lamina.core.say import say
from lamina.core.spec import Classes
from lamina.oversight import label_errors
from lamina.oversight.columns import Cells
from lamina.oversight.features import Features
from lamina.oversight.framing import questions, ranked
from lamina.oversight.label_errors import Doubt
from lamina.oversight.look import Look
from lamina.oversight.look_page import page_of
from lamina.oversight.own_looks import own_look
from lamina.oversight.problems import problems
from lamina.oversight.rows import Rows
from lamina.oversight.table_survey import is_table, survey
from lamina.verbs.data import config_of, load_data
from lamina.verbs.trained import Trained, open_run


def look(data: Any, *, device: str = "auto", seed: int = 0, **knobs: Any) -> Look:
    """What is found in `data`: a word or path as for `train`, a run folder, or a `Data`; knobs are those of its reader.

    >>> found = look("iris")
    >>> found.questions[0].command
    'lamina train iris'
    """
    began = time.perf_counter()
    if isinstance(data, Data):
        found = _of_data(data, data.name)
    elif is_run(Path(data)):
        found = _of_run(Path(data), device, knobs)
    else:
        found = _of_word(str(data), _generous(str(data), knobs), seed)
    return replace(found, seconds=time.perf_counter() - began)


def keep(found: Look, out: Path | None) -> Path:
    """Write the page: into `out`, else into the run, else into looks/NAME. Returns its file."""
    own = Path("looks") / re.sub(r"[^\w.-]+", "-", Path(found.word).stem or "data")
    folder = out or (Path(found.word) if is_run(Path(found.word)) else own)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "look.html", page_of(found))
    return folder / "look.html"


def is_run(path: Path) -> bool:
    """Whether a path is a run's folder."""
    return (path / "config.json").is_file()


def _generous(word: str, knobs: Mapping[str, Any]) -> dict[str, Any]:
    """The knobs, with any share of refusals let through: they are what is looked for."""
    known = config_of(word).model_fields
    given = {name.removeprefix("data."): value for name, value in knobs.items()}
    return ({"allow_refused": 1.0} if "allow_refused" in known else {}) | given


def _of_word(word: str, knobs: dict[str, Any], seed: int) -> Look:
    """A table is surveyed first: every column of it could be the target, unless the user named one."""
    columns = survey(Path(word)) if is_table(Path(word)) else []
    asked = str(knobs.get("target", ""))
    try:
        data = load_data(word, knobs, seed)
    except DataError:
        others = ranked(columns)
        if asked or not others:
            raise
        data = load_data(word, knobs | {"target": others[0].name}, seed)  # the column that the reader guessed was none to predict
    return _of_data(data, word, columns, asked)


def _of_data(data: Data, word: str, columns: Sequence[Cells] = (), asked: str = "") -> Look:
    """columns: of a table's file, each of which could be the target if none is `asked` for by name."""
    if (own := own_look(data)) is not None:
        return Look(word, data, None, own.questions(data, word), own.problems(data))
    rows = Rows(data)
    possible = [column for column in columns if asked in ("", column.name)]
    return Look(word, data, rows, questions(rows, data, word, possible), problems(rows, columns))


def _of_run(folder: Path, device: str, knobs: Mapping[str, Any]) -> Look:
    """The data of a run as it was made of, and its doubtful labels."""
    if knobs:
        raise UsageError("a run alone, which knows its data", ", ".join(f"`{name}`" for name in knobs), "Leave them out, or look at DATA.")
    trained = open_run(folder, device=device)
    found = _of_data(trained.data(), str(trained.described["data"]))
    found = replace(found, word=str(folder))
    if found.rows is None or not isinstance(trained.spec.target, Classes):
        return found
    doubts, cost = _doubts(trained, found.rows)
    return replace(found, doubts=doubts, cost=cost)


def _doubts(trained: Trained, rows: Rows) -> tuple[list[Doubt], str]:
    """Doubtful labels of the rows that were trained on and validated; the test stays sealed."""
    began = time.perf_counter()
    count = rows.sizes[0] + rows.sizes[1]
    features = Features(trained.predictor, rows, count)
    s = rows.y[:count]
    boosted = trained.spec.input.kind in ("table", "vector")
    guess = features.seconds() + label_errors.seconds(features.width, s, rows.data.spec.target.size, boosted)
    say(f"judging {count} labels by {label_errors.FOLDS} models, none of which saw the row: about {guess:.0f} s")
    p = label_errors.out_of_sample(features.all(), s, rows.data.spec.target.size, boosted)
    by = "gradient boosting on the columns" if boosted else f"a linear head on {features.width} features of the run's network"
    cost = (f"{count} labels of train and valid judged by {by}, in {label_errors.FOLDS} parts, each by a model that did not see it: "
            f"{time.perf_counter() - began:.0f} s (about {guess:.0f} s expected)")
    return label_errors.doubts(p, s), cost
