"""Where a model is worst: the rows that it got most wrong, and its classes one by one."""

from collections.abc import Sequence
from typing import Any

import torch

from lamina.core.data import Split
from lamina.core.spec import Image, Numbers, Spec
from lamina.oversight.charts import said_against_true
from lamina.oversight.confusions import Answers
from lamina.oversight.page import Html, figure, gallery, join, section, table, tag
from lamina.oversight.shown import drawn, name_of

MOST = 24


def worst(found: Answers) -> Html:
    """The wrong answers that were least doubted, the surest first."""
    said = found.p.argmax(1)
    true = found.p.gather(1, found.y[:, None])[:, 0]
    order = true.argsort(stable=True)
    rows = order[(said != found.y)[order]][:MOST]
    if not len(rows):
        return section("Worst errors", tag("p", "None: every test row was answered rightly."))
    captions = [f"{name_of(found.split, row)}: {found.names[y]}, said {found.names[s]} ({100 * found.p[row, s]:.0f} %)"
                for row, y, s in zip(rows.tolist(), found.y[rows].tolist(), said[rows].tolist(), strict=True)]
    return section("Worst errors", _rows(found.split, found.kind, rows, captions))


def numbers(split: Split, spec: Spec, said: torch.Tensor, y: torch.Tensor) -> Html:
    """Said against true for each number, and the rows of the largest errors in units of the number's own spread."""
    assert isinstance(spec.target, Numbers), "numbers were predicted"
    panels = [figure(said_against_true(said[:, i], y[:, i], name), f"{name}: test rows; on the line they would be equal")
             for i, name in enumerate(spec.target.names)]
    off = ((said - y).abs() / y.std(0, correction=0).clamp_min(1e-12)).amax(1)
    rows = off.argsort(descending=True, stable=True)[:MOST]
    captions = [f"{name_of(split, row)}: {_values(y[row])}, said {_values(said[row])}" for row in rows.tolist()]
    return section("Said against true", *panels, tag("h3", "Worst errors"), _rows(split, spec.input, rows, captions))


def by_class(found: Sequence[dict[str, Any]], names: Sequence[str]) -> Html:
    """How much of each class was found, the least first, with its interval; and how often its name was said rightly."""
    order = sorted(range(len(names)), key=lambda i: found[i]["recall"])
    rows = [[names[i], int(found[i]["count"]), f"{100 * found[i]['recall']:.1f} %",
             tag("span", f"{100 * found[i]['recall_low']:.0f} to {100 * found[i]['recall_high']:.0f} %"),
             f"{100 * found[i]['precision']:.1f} %"] for i in order]  # fmt: skip
    return section("Class by class", table(["class", "test rows", "found", "95 %", "right when said"], rows))


def _rows(split: Split, kind: Any, rows: torch.Tensor, captions: Sequence[str]) -> Html:
    pieces = [drawn(kind, x, caption) for x, caption in zip(split.batch(rows)["x"], captions, strict=True)]
    return gallery(pieces) if isinstance(kind, Image) else join(*pieces)


def _values(row: torch.Tensor) -> str:
    return ", ".join(f"{value:.4g}" for value in row.tolist())
