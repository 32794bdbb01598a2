"""Where pairs of texts lie: a table of two columns, or two files whose lines belong together, also in parts for train, valid and test."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from lamina.core.data import Refusal
from lamina.core.errors import DataError, quoted, unknown
from lamina.data import text_files
from lamina.data.archives import BROKEN
from lamina.data.corpus_files import PACKED
from lamina.data.layout import PARTS
from lamina.data.pairs import Pairs
from lamina.data.table_files import open_packed, open_sheet

MOST_BYTES = 1 << 31  # of one file of lines, unpacked
Sides = dict[str, Path]  # the file of each part for one side


def sides_of(path: Path) -> dict[str, Sides]:
    """Aligned files by their last ending, the language: {"de": {"train": ..., "valid": ...}, "en": ...}; {} where there are no two.

    path: a folder of such files, or what two names have in common (`corpus/train` for train.de and train.en).
    """
    if path.is_dir():
        near = [one for one in sorted(path.iterdir()) if one.is_file()]
    elif path.parent.is_dir() and not path.exists():
        near = [one for one in sorted(path.parent.iterdir()) if one.is_file() and _stem(one)[0] == path.name]
    else:
        return {}
    found: dict[str, Sides] = {}
    for one in near:
        stem, language = _stem(one)
        part = "train" if not path.is_dir() else part_of(stem)
        if language and part:
            found.setdefault(language, {})[part] = one
    whole = {language: files for language, files in found.items() if "train" in files}
    return whole if len(whole) == 2 and len({frozenset(files) for files in whole.values()}) == 1 else {}


def part_of(stem: str) -> str:
    """The part of a file by its name, "" for none: `test_2016_flickr` is of the test."""
    return PARTS.get(stem.lower(), PARTS.get(stem.lower().replace("-", "_").split("_")[0], ""))


def _stem(path: Path) -> tuple[str, str]:
    """`train.de.gz` -> (`train`, `de`)."""
    name = path.name.removesuffix(path.suffix) if path.suffix in PACKED else path.name
    stem, _, language = name.rpartition(".")
    return stem, language if language.isalpha() and len(language) <= 8 else ""


def of_files(sides: Mapping[str, Sides], source: str = "") -> Pairs:
    """The lines of aligned files; DataError where two do not have as many."""
    languages = sorted(sides)
    if source and source not in languages:
        raise unknown("side", source, languages)
    a = source or languages[0]
    b = next(language for language in languages if language != a)
    heard, said, where, parts = list[str](), list[str](), list[str](), list[str]()
    for part in sides[a]:
        mine, theirs = lines_of(sides[a][part]), lines_of(sides[b][part])
        if len(mine) != len(theirs):
            raise DataError("two files of equally many lines", f"{len(mine):,} in `{sides[a][part].name}` and {len(theirs):,} in "
                            f"`{sides[b][part].name}`", "Bring the lines together: line n of one belongs to line n of the other.")
        heard, said = heard + mine, said + theirs
        where += [f"{sides[a][part].name} line {i}" for i in range(1, len(mine) + 1)]
        parts += [part] * len(mine)
    meaning = (f"`{a}` is heard and `{b}` is said; the other way round: `source={b}`",)
    return Pairs(heard, said, where, np.array(parts), (a, b), meaning=meaning)


def lines_of(path: Path) -> list[str]:
    """The lines of a file of plain text, also packed; DataError where it is none."""
    try:
        with open_packed(path) as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise DataError(f"a file of at most {MOST_BYTES >> 30} GB", f"`{path}`", "Part it.")
        text = text_files.decoded(content)[0]
    except (*BROKEN, ValueError) as error:
        raise DataError("a file of plain text", f"`{path}`: {error}", "Save it as plain text in UTF-8.") from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").removesuffix("\n").split("\n")


def looks_like_pairs(frame: pl.DataFrame) -> bool:
    """Whether the first rows of a table are pairs of texts: two columns, mostly of different cells with a letter in both."""
    if frame.width != 2 or not frame.height:
        return False
    return all(_is_said(frame[name].drop_nulls().cast(pl.String)) for name in frame.columns)


def _is_said(cells: pl.Series) -> bool:
    """Texts that differ from row to row, of several words or many letters each; a column of labels repeats itself."""
    if not len(cells) or cells.n_unique() <= 0.5 * len(cells):
        return False
    letters = cells.str.contains(r"\p{L}").mean() or 0.0
    words = cells.str.count_matches(r"\S+").mean() or 0.0
    return float(letters) > 0.9 and float(words) > 1.5  # type: ignore[arg-type]


def of_tables(files: Mapping[str, Path], source: str, target: str, header: bool | None) -> Pairs:
    """The rows of tables with two columns of texts."""
    found: list[Pairs] = []
    for part, path in files.items():
        found.append(_of_table(path, part, (source, target), header))
    first = found[0]
    return replace(first, heard=[t for p in found for t in p.heard], said=[t for p in found for t in p.said],
                   where=[w for p in found for w in p.where], parts=np.concatenate([p.parts for p in found]),
                   refused=tuple(r for p in found for r in p.refused))


def _of_table(path: Path, part: str, names: tuple[str, str], header: bool | None) -> Pairs:
    sheet = open_sheet(path, header)
    a, b = _columns(sheet.frame, *names)
    where = sheet.where()
    cells = [sheet.frame[name].cast(pl.String).fill_null("").to_list() for name in (a, b)]
    others = [name for name in sheet.frame.columns if name not in (a, b)]
    meaning = (f"`{a}` is heard and `{b}` is said; others: `source=COLUMN --target COLUMN`", *(f"`{name}`: left out" for name in others))
    refused: tuple[Refusal, ...] = sheet.refused
    return Pairs(cells[0], cells[1], where, np.full(len(where), part), (a, b), refused, meaning)


def _columns(frame: pl.DataFrame, source: str, target: str) -> tuple[str, str]:
    """The columns of what is heard and what is said: as named, else the first two."""
    for name in filter(None, (source, target)):
        if name not in frame.columns:
            raise unknown("column", name, frame.columns)
    rest: Iterator[str] = iter([name for name in frame.columns if name not in (source, target)])
    a = source or next(rest, "")
    b = target or next(rest, "")
    if not a or not b:
        raise DataError("two columns of texts", quoted(frame.columns), "Give a table of two columns with a tab or comma between them.")
    return a, b
