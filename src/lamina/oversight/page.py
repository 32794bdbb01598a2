"""A page for a person: one HTML file with everything inside it, readable offline, on a phone, by day and by night.

Small functions make pieces and `page` puts them together; no script runs in it and nothing is fetched. A piece is `Html`;
any other text is escaped where it is put in, so that the name of a file can never become a part of the page.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from typing import Any

import numpy as np

BAR_WIDTH, BAR_HEIGHT = 100, 20  # units of the drawing; the page stretches it
_CODE = re.compile("`([^`]+)`")
MANY_COLOURS = 64  # above, a picture is a photo and becomes a JPEG

CSS = """
:root { color-scheme: light dark; --ink: #1d2127; --paper: #fff; --faint: #e2e5e9; --soft: #f5f6f8; --quiet: #5d6673;
  --blue: #1f5fa8; --orange: #b4531c; --red: #b3261e; --amber: #8a5a00; --green: #1d7a3c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --paper: #15181d; --faint: #333a44; --soft: #1e232a;
  --quiet: #a3adba; --blue: #7db3f0; --orange: #f0a070; --red: #ff8a80; --amber: #f0c060; --green: #7fd197; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem 1rem 3rem; max-width: 60rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem;
  padding-top: .5rem; border-top: 1px solid var(--faint); } h3 { font-size: 1rem; margin: 0 0 .25rem; }
p { margin: .4rem 0; } ul { margin: .4rem 0; padding-left: 1.2rem; } .quiet { color: var(--quiet); font-size: .9rem; }
code { font: .9em ui-monospace, monospace; background: var(--soft); padding: .1em .3em; border-radius: .25em; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: .5rem 0; }
th, td { padding: .3rem .7rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--faint); }
th { font-size: .85rem; color: var(--quiet); } .number { text-align: right; font-variant-numeric: tabular-nums; }
.large figure { width: 18rem; } .key { display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 .8em; }
.gallery { display: flex; flex-wrap: wrap; gap: .6rem; margin: .5rem 0; }
figure { margin: 0; max-width: 100%; } .gallery figure { width: 7.5rem; }
img { display: block; max-width: 100%; border-radius: .25rem; } .gallery img { width: 100%; }
img.pixels { image-rendering: pixelated; }
figcaption { font-size: .78rem; line-height: 1.3; color: var(--quiet); overflow-wrap: anywhere; }
.card { border-left: .25rem solid var(--faint); padding: .1rem 0 .1rem .8rem; margin: 1rem 0; }
.serious { border-color: var(--red); } .worth { border-color: var(--amber); } .note { border-color: var(--blue); }
.good { border-color: var(--green); }
.bars { display: grid; grid-template-columns: minmax(4rem, 10rem) 1fr auto; gap: .15rem .6rem; align-items: center; }
.bars > div { overflow-wrap: anywhere; } .bars svg { width: 100%; height: 1rem; display: block; } .bars rect { fill: var(--blue); }
figure svg { max-width: 100%; height: auto; } details { margin: .3rem 0; } summary { cursor: pointer; padding: .2rem 0; }
pre { overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
a.cell { color: inherit; padding: .1rem .4rem; border-radius: .25rem; }
"""


class Html(str):
    """A piece of a page, already escaped."""

    __slots__ = ()


def text(value: Any) -> Html:
    """Anything as text of a page, words in backticks as code; `Html` stays as it is.

    >>> text("a < b in `c`"), text(Html("<b>a</b>"))
    ('a &lt; b in <code>c</code>', '<b>a</b>')
    """
    return value if isinstance(value, Html) else Html(_CODE.sub(r"<code>\1</code>", escape(str(value))))


def join(*pieces: Any) -> Html:
    """Pieces one after another."""
    return Html("".join(text(piece) for piece in pieces))


def tag(name: str, *pieces: Any, kind: str = "") -> Html:
    """An element with the pieces inside; `kind` is its class in the style sheet.

    >>> tag("p", "1 < 2", kind="quiet")
    '<p class="quiet">1 &lt; 2</p>'
    """
    attribute = f' class="{escape(kind)}"' if kind else ""
    return Html(f"<{name}{attribute}>{join(*pieces)}</{name}>")


def page(title: str, *pieces: Any) -> str:
    """The whole file."""
    head = Html(f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
                f"<title>{escape(title)}</title><style>{CSS}</style>")
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{join(tag("h1", title), *pieces)}\n</body></html>\n'


def section(title: str, *pieces: Any) -> Html:
    """A part of the page under a heading of its own."""
    return tag("section", tag("h2", title), *pieces)


def card(kind: str, title: Any, *pieces: Any) -> Html:
    """A remark with a coloured edge; kind: serious, worth, note or good."""
    return tag("div", tag("h3", title), *pieces, kind=f"card {kind}")


def bullets(lines: Iterable[Any]) -> Html:
    """A list; nothing for no lines."""
    found = [tag("li", line) for line in lines]
    return tag("ul", *found) if found else Html("")


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Html:
    """A table that a phone scrolls sideways; columns of numbers stand at the right."""
    rows = [list(row) for row in rows]
    numbers = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(head))]
    kinds = ["number" if number else "" for number in numbers]
    line = tag("tr", *(tag("th", cell, kind=kind) for cell, kind in zip(head, kinds, strict=True)))
    body = [tag("tr", *(tag("td", cell, kind=kind) for cell, kind in zip(row, kinds, strict=True))) for row in rows]
    return tag("div", tag("table", line, *body), kind="wide")


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) or (isinstance(cell, str) and cell[-1:] in "0123456789%" and cell[:1] in "+-0123456789")


def figure(source: str, caption: Any = "", pixels: bool = False) -> Html:
    """A picture, `source` a data URI or an `Html` drawing; pixels: small ones are shown with sharp edges."""
    alt = "" if isinstance(caption, Html) else str(caption)
    shape = ' class="pixels"' if pixels else ""
    drawn = source if isinstance(source, Html) else Html(f'<img src="{escape(source)}" alt="{escape(alt)}"{shape}>')
    return tag("figure", drawn, tag("figcaption", caption) if caption else "")


def gallery(figures: Iterable[Html], large: bool = False) -> Html:
    """Figures side by side, as many in a line as the screen has room for."""
    return tag("div", *figures, kind="gallery large" if large else "gallery")


def key(names: Iterable[tuple[str, tuple[int, int, int]]]) -> Html:
    """What each colour means: names with their red, green and blue."""
    marks = (join(Html(f'<span class="key" style="background:rgb{tuple(map(int, colour))}"></span>'), name) for name, colour in names)
    return tag("p", *marks, kind="quiet")


def bars(rows: Iterable[tuple[Any, float, Any]]) -> Html:
    """A bar chart of (label, value >= 0, words for the value), the longest bar the whole width."""
    rows = list(rows)
    most = max((value for _, value, _ in rows), default=0) or 1
    return tag("div", *(piece for label, value, words in rows for piece in (
        tag("div", label), tag("div", _bar(value / most)), tag("div", words, kind="number"))), kind="bars")  # fmt: skip


def _bar(share: float) -> Html:
    size = f'viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}" preserveAspectRatio="none" aria-hidden="true"'
    return Html(f'<svg {size}><rect width="{BAR_WIDTH * share:.2f}" height="{BAR_HEIGHT}"/></svg>')


def picture(pixels: Any, side: int = 160) -> str:
    """Pixels as a data URI, at most `side` on the longer side: a JPEG, or a PNG where there are few colours.

    pixels: (H, W) or (H, W, C) uint8, or a tensor (C, H, W) uint8.
    """
    from PIL import Image as pil

    drawn = pil.fromarray(_channels_last(pixels))
    drawn.thumbnail((side, side))
    few = drawn.getcolors(MANY_COLOURS) is not None or drawn.width * drawn.height <= 64 * 64
    file, kind = BytesIO(), "png" if few else "jpeg"
    drawn.save(file, kind, **({"optimize": True} if few else {"quality": 80}))
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def _channels_last(pixels: Any) -> np.ndarray:
    if not isinstance(pixels, np.ndarray):
        pixels = pixels.detach().cpu().movedim(0, -1).numpy()
    return np.ascontiguousarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
