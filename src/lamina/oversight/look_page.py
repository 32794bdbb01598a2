"""`look.html`: what was found in the data, with their pictures, on one page."""

from collections.abc import Iterable

import numpy as np

from lamina.core.spec import Actions, Boxes, Classes, Controls, Image, Mask, Table, Text, Vector
from lamina.oversight import page, scenes_shown
from lamina.oversight.columns import Cells
from lamina.oversight.framing import columns_of
from lamina.oversight.look import DEGREES, Look
from lamina.oversight.own_looks import own_look
from lamina.oversight.page import Html
from lamina.oversight.problems import Problem
from lamina.oversight.rows import Rows

CLASSES, EACH, DOUBTS, COLUMNS, BINS = 20, 4, 60, 40, 24
SMALL = 64  # pixels: pictures up to this size are shown with sharp edges


def page_of(look: Look) -> str:
    """The whole page."""
    pieces = [page.tag("p", look.data.sheet or look.kind), *_what(look), _questions(look), _problems(look)]
    if look.doubts is not None:
        pieces.append(_doubts(look))
    if look.rows is not None:
        pieces.append(_shown(look.rows))
    if (own := own_look(look.data)) is not None:
        pieces.append(own.shown(look.data))
    foot = page.tag("p", f"lamina look {look.word}: {look.seconds:.1f} s, no network was trained.", kind="quiet")
    return page.page(f"A look at {look.word}", *pieces, _refused(look), foot)


def _what(look: Look) -> list[Html]:
    if isinstance(look.data.spec.target, Actions | Controls):
        return []
    sizes = page.table(("part", "rows"), look.sizes().items())
    taken = page.tag("details", page.tag("summary", "What each part was taken to mean"), page.bullets(look.data.meaning))
    return [sizes, taken if look.data.meaning else Html("")]


def _questions(look: Look) -> Html:
    cards = [page.card("good", q.asks, page.tag("p", page.tag("code", q.command)),
                       page.tag("p", "A trivial model: ", q.trivial, kind="quiet")) for q in look.questions]
    first, rest = cards[:6], cards[6:]
    more = page.tag("details", page.tag("summary", f"{len(rest)} more questions"), *rest) if rest else Html("")
    return page.section("Questions that these data can answer", *first, more)


def _problems(look: Look) -> Html:
    if not look.problems:
        none = page.tag("p", "Nothing that Lamina looks for is wrong with the data.")
        return page.section("Problems", page.card("good", "None found", none))
    return page.section("Problems", *(_problem(problem, look.rows) for problem in look.problems))


def _problem(problem: Problem, rows: Rows | None) -> Html:
    title = f"{problem.name} ({problem.count})"
    shown = _pictures(problem.shown, rows) if rows is not None and problem.shown and isinstance(rows.data.spec.input, Image) else \
        page.bullets(problem.where)
    degree = page.tag("p", DEGREES[problem.severity].lower(), kind="quiet")
    do = page.tag("p", page.tag("b", "What to do: "), problem.do)
    return page.card(problem.severity, title, degree, page.tag("p", problem.means), do, shown)


def _pictures(groups: Iterable[tuple[int, ...]], rows: Rows) -> Html:
    return page.gallery(_photo(rows, row, f"{rows.name(row)}: {rows.answer(row)}") for group in groups for row in group)


def _photo(rows: Rows, row: int, caption: str) -> Html:
    target = rows.data.spec.target
    x = scenes_shown.marked(rows.one(row), target) if isinstance(target, Boxes | Mask) else rows.x(row)
    x = x if len(x) in (1, 3) else x[:1]
    return page.figure(page.picture(x), caption, pixels=max(x.shape[1:]) <= SMALL)


def _doubts(look: Look) -> Html:
    assert look.doubts is not None, "asked for only where labels were judged"
    assert look.rows is not None, "only rows have labels"
    told = [look.doubt(one) for one in look.doubts[:DOUBTS]]
    if isinstance(look.rows.data.spec.input, Image):
        captions = [f"{d['label']}? rather {d['suggested']} - {d['where']}" for d in told]
        shown = page.gallery(_photo(look.rows, one.row, caption) for one, caption in zip(look.doubts, captions, strict=False))
    else:
        shown = page.table(("row", "labelled", "looks like", "label believed"),
                           [(d["where"], d["label"], d["suggested"], f"{d['probability_of_label']:.1%}") for d in told])
    return page.section(f"Doubtful labels: {len(look.doubts)}", page.tag("p", look.cost, kind="quiet"), shown)


def _refused(look: Look) -> Html:
    refused = look.data.account.refused
    if not refused:
        return Html("")
    rows = [(r.where, r.reason, r.repair) for r in refused[:200]]
    more = page.tag("p", f"and {len(refused) - 200} more") if len(refused) > 200 else ""
    title = f"Refused: {len(refused)} of {look.data.account.used + len(refused)}"
    return page.section(title, page.table(("where", "why", "what to do"), rows), more)


def _shown(rows: Rows) -> Html:
    """What the data look like: classes with examples, columns with their spread, some texts."""
    spec = rows.data.spec
    pieces = [_classes(rows, spec.target.names)] if isinstance(spec.target, Classes) else []
    if isinstance(spec.target, Boxes | Mask):
        pieces.append(scenes_shown.examples(rows, spec.target))
    if isinstance(spec.input, Table | Vector):
        pieces.append(_columns(columns_of(rows)))
    return page.section("The data", *pieces)


def _classes(rows: Rows, names: tuple[str, ...]) -> Html:
    counts = np.bincount(rows.y, minlength=len(names))
    order = np.argsort(-counts, kind="stable")
    chart = page.bars((names[i], float(counts[i]), int(counts[i])) for i in order[:CLASSES])
    if not isinstance(rows.data.spec.input, Image | Text):
        return chart
    examples = [page.join(page.tag("h3", names[i]), _examples(rows, np.flatnonzero(rows.y == i)[:EACH])) for i in order[:CLASSES]]
    return page.join(chart, *examples)


def _examples(rows: Rows, some: np.ndarray) -> Html:
    if isinstance(rows.data.spec.input, Image):
        return page.gallery(_photo(rows, int(row), rows.name(int(row))) for row in some)
    return page.bullets(text_of(rows, int(row)) for row in some)


def text_of(rows: Rows, row: int, words: int = 40) -> str:
    """The beginning of a text as the network sees it."""
    spec = rows.data.spec.input
    assert isinstance(spec, Text), "texts are words"
    ids = rows.x(row)[:words].tolist()
    return " ".join(spec.words[i - 2] if i > 1 else "?" for i in ids if i)


def _columns(columns: list[Cells]) -> Html:
    lines = [(column.name, column.kind, _range(column), f"{column.missing:.1%}", column.distinct, _spread(column))
             for column in columns[:COLUMNS]]
    more = page.tag("p", f"and {len(columns) - COLUMNS} more columns", kind="quiet") if len(columns) > COLUMNS else ""
    return page.join(page.table(("column", "kind", "values", "missing", "different", "spread"), lines), more)


def _range(column: Cells) -> str:
    if not len(column.present):
        return ""
    if column.categories:
        values, counts = np.unique(column.present, return_counts=True)
        often = [column.categories[int(values[i]) - 1] for i in np.argsort(-counts)[:3]]
        return ", ".join(often) + (" ..." if len(values) > 3 else "")
    return f"{column.present.min():.4g} to {column.present.max():.4g}, half below {np.median(column.present):.4g}"


def _spread(column: Cells) -> Html:
    """A small histogram."""
    if column.is_constant():
        return Html("")
    heights = np.histogram(column.present, min(BINS, max(2, column.distinct)))[0] / len(column.present)
    heights = heights / heights.max()
    width = 96 / len(heights)
    drawn = "".join(f'<rect x="{i * width:.1f}" y="{24 * (1 - h):.1f}" width="{width * 0.9:.1f}" height="{24 * h:.1f}" fill="var(--blue)"/>'
                    for i, h in enumerate(heights))
    return Html(f'<svg viewBox="0 0 96 24" width="96" height="24" aria-hidden="true">{drawn}</svg>')
