"""One row of a split as a person sees it: its picture, its columns, or its words; and what it is called."""

from typing import Any

import torch

from lamina.core.data import Split
from lamina.core.spec import FIRST_WORD, Image, Input, Table, Text, Vector
from lamina.oversight.page import Html, figure, picture, tag

MOST_COLUMNS, MOST_WORDS = 12, 60
SMALL = 48  # pixels a side, below which a picture is shown with sharp edges
SIDE = 112  # of a photo in the page


def drawn(kind: Input, x: torch.Tensor, caption: Any) -> Html:
    """A row `x` as one figure of a gallery, or as one paragraph."""
    if isinstance(kind, Image):
        return figure(picture(x, SIDE), caption, pixels=max(kind.height, kind.width) <= SMALL)
    return tag("p", caption, " ", tag("span", in_words(kind, x), kind="quiet"))


def in_words(kind: Input, x: torch.Tensor) -> str:
    """A row of a table or a text, in words."""
    if isinstance(kind, Text):
        ids = [i for i in x.tolist() if i]
        return " ".join(word(kind, i) for i in ids[:MOST_WORDS]) + (" ..." if len(ids) > MOST_WORDS else "")
    cells = [f"{name} = {value}" for name, value in cells_of(kind, x)]
    return ", ".join(cells[:MOST_COLUMNS]) + (", ..." if len(cells) > MOST_COLUMNS else "")


def cells_of(kind: Input, x: torch.Tensor) -> list[tuple[str, str]]:
    """(column, value) of a row of a table (D,)."""
    if isinstance(kind, Table):
        return [(f"{c.name} ({c.part})" if c.part else c.name, _category(c.categories, value) if c.kind == "category" else _number(value))
                for c, value in zip(kind.columns, x.tolist(), strict=True)]
    names = kind.names if isinstance(kind, Vector) and kind.names else [f"column {i}" for i in range(x.numel())]
    return list(zip(names, map(_number, x.flatten().tolist()), strict=True))


def word(kind: Text, index: int) -> str:
    """The word behind its place in the vocabulary."""
    return kind.words[index - FIRST_WORD] if index >= FIRST_WORD else "?"


def name_of(split: Split, row: int) -> str:
    """What a person calls a row: its file in its folder, or its line; `row 3` where it has no name."""
    where = getattr(split, "where", ())
    return "/".join(str(where[row]).rsplit("/", 2)[-2:]) if len(where) else f"row {row}"


def _category(categories: tuple[str, ...], value: float) -> str:
    return categories[int(value) - 1] if value >= 1 else "missing or unseen"


def _number(value: float) -> str:
    return "missing" if value != value else f"{value:.4g}"
