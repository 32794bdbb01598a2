"""CSV and its relatives as a `Sheet`: encoding, separator and header are guessed and said, broken rows are refused by their line.

RFC 4180 with the freedoms that files take: other separators, spaces after them, any line end, no header. Python's own
parser reads, because it knows on which line a row begins; polars holds the columns.
"""

import codecs
import csv
from collections import Counter
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from itertools import chain, islice
from typing import IO, Any

import numpy as np
import polars as pl

from lamina.core.data import Refusal
from lamina.core.errors import DataError
from lamina.data.sheet import Sheet, distinct_names

MOST_BYTES = 1 << 31  # of the unpacked text
LONGEST_LINE = 10_000_000
SEPARATORS = "\t;|,"  # where two part the rows equally well, the first: a comma is also a decimal sign
SAMPLE_ROWS = 200
BLOCK = 100_000  # rows that are Python lists at a time
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
Opener = Callable[[], IO[bytes]]


def read(opener: Opener, name: str, header: bool | None = None) -> Sheet:
    """The table in the bytes that `opener` opens. header: whether the first row names the columns, None to guess.

    Raises DataError for what is no text, for a line or a file past the limits, and for an empty file.
    """
    encoding = encoding_of(opener, name)
    separator = _separator(opener, encoding)
    refused: list[Refusal] = []
    with _text(opener, encoding) as text:
        rows = _rows(csv.reader(_lines(text), delimiter=separator, strict=True, skipinitialspace=True), name, refused)
        first = list(islice(rows, SAMPLE_ROWS))
        if not first:
            raise DataError("a table", f"`{name}`, which is empty", "Give a file with a header and rows.")
        named = looks_like_header([cells for _, cells in first]) if header is None else header
        titles, notes = _titles([cells for _, cells in first], named)
        wanted = chain(first[1:] if named else first, rows)
        frame, lines = _frame(_fitting(wanted, first[0][1] if named else None, len(titles), name, refused), titles)
    notes = _said(encoding, separator, named, header is None) + notes
    return Sheet(name, frame, lines, tuple(notes), tuple(refused))


def _said(encoding: str, separator: str, named: bool, guessed: bool) -> list[str]:
    notes = [] if encoding in ("utf-8", "utf-8-sig") else [f"its text is read as {encoding}, which is a guess"]
    notes += [] if separator == "," else [f"cells are parted by `{'tab' if separator == chr(9) else separator}`"]
    return notes + ([] if named or not guessed else ["the first row holds values: the columns have no names (`header=true` if they have)"])


def encoding_of(opener: Opener, name: str) -> str:
    """utf-8 where all bytes are; utf-16 by its mark or its zeros; else cp1252, or latin-1 where that has no such byte."""
    with opener() as file:
        head = file.read(4096)
    for mark, encoding in MARKS:
        if head.startswith(mark):
            _scan(opener, name, encoding)
            return encoding
    if head[1::2].count(0) > len(head) // 8 or head[::2].count(0) > len(head) // 8:
        encoding = "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
        _scan(opener, name, encoding)
        return encoding
    for encoding in ("utf-8", "cp1252", "latin-1"):
        try:
            _scan(opener, name, encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    raise AssertionError("latin-1 reads every byte")


def _scan(opener: Opener, name: str, encoding: str) -> None:
    """Read all once, holding a megabyte at a time: UnicodeDecodeError, or DataError past the limits."""
    decoder = codecs.getincrementaldecoder(encoding)()
    size = line = since = 0
    with opener() as file:
        while block := file.read(1 << 20):
            text = decoder.decode(block)
            size += len(block)
            last = max(text.rfind("\n"), text.rfind("\r"))
            since = since + len(text) if last < 0 else len(text) - last
            if "\0" in text:
                raise DataError("text", f"a zero byte in line {line + text.partition(chr(0))[0].count(chr(10)) + 1} of `{name}`",
                                "Save the table as CSV, or give the file its true ending.")
            line += text.count("\n")
            if since > LONGEST_LINE:
                raise DataError(f"lines of at most {LONGEST_LINE:,} characters", f"a longer one, line {line + 1} of `{name}`",
                                "Check the line ends and the quotes of the file.")
            if size > MOST_BYTES:
                raise DataError(f"at most {MOST_BYTES >> 20} MB of text", f"more in `{name}`",
                                "Save the table as Parquet, or a part of it.")
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            if encoding.startswith("utf-16"):
                raise DataError("whole characters", f"half a one at the end of `{name}`", "Save the file again as UTF-8.") from error
            raise


def _text(opener: Opener, encoding: str) -> TextIOWrapper:
    return TextIOWrapper(opener(), encoding, newline="")


def _lines(text: TextIOWrapper) -> Iterator[str]:
    return iter(lambda: text.readline(LONGEST_LINE + 1), "")


def _separator(opener: Opener, encoding: str) -> str:
    """The separator by which most of the first rows have as many cells as the very first, and more than one."""
    with _text(opener, encoding) as text:
        lines = list(islice(_lines(text), SAMPLE_ROWS))
    scores = {separator: _fit(lines, separator) for separator in SEPARATORS}
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] > 0 else ","


def _fit(lines: list[str], separator: str) -> float:
    """The share of rows with the most frequent number of cells; halved where the first row has another, 0 where that is one."""
    try:
        counts = [len(cells) for cells in csv.reader(lines, delimiter=separator, skipinitialspace=True) if cells]
    except csv.Error:
        return 0.0
    if not counts:
        return 0.0
    usual, often = Counter(counts).most_common(1)[0]
    return 0.0 if usual == 1 else often / len(counts) * (1.0 if counts[0] in (usual, usual - 1) else 0.5)


def _rows(reader: Any, name: str, refused: list[Refusal]) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every row that is not blank; what the quotes have broken is refused, line by line."""
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if reader.line_num - line > 1 or "end of data" in str(error) or "limit" in str(error):
                raise DataError("quotes that are closed", f"an open one from line {line} of `{name}` on ({error})",
                                "Close it, or double the quotes inside a cell.") from error
            refused.append(Refusal(f"{name}:{line}", "its quotes are broken", "Double the quotes inside a quoted cell."))
            continue
        if cells and any(cell.strip() for cell in cells):
            yield line, cells


def is_number(cell: str) -> bool:
    """Whether a cell is written as a number, with a point or a comma.

    >>> [is_number(cell) for cell in ("-1.5e3", "1,5", "a1", "")]
    [True, True, False, False]
    """
    try:
        return bool(cell.strip()) and float(cell.replace(",", ".", 1)) is not None
    except ValueError:
        return False


def looks_like_header(rows: list[list[str]]) -> bool:
    """Whether the first row names the columns: no cell of it is a number, and one stands over a column of numbers, or none comes
    again and again below itself.

    >>> looks_like_header([["size", "c"], ["1.5", "a"], ["2", "c"], ["3", "c"]])
    True
    >>> looks_like_header([["a", "c"], ["b", "c"], ["b", "c"]])
    False
    """
    below = [row for row in rows[1:] if row != rows[0]]
    columns = [[cell for row in below for cell in row[place : place + 1] if cell] for place in range(len(rows[0]))]
    over_numbers = any(cells and all(map(is_number, cells)) for title, cells in zip(rows[0], columns, strict=True) if title)
    again = any(title and cells.count(title) > 1 for title, cells in zip(rows[0], columns, strict=True))
    return not any(map(is_number, rows[0])) and (over_numbers or not again)


def _titles(rows: list[list[str]], named: bool) -> tuple[list[str], list[str]]:
    usual = Counter(map(len, rows)).most_common(1)[0][0]
    if not named:
        return [f"column {place}" for place in range(1, usual + 1)], []
    titles = list(rows[0])
    if len(rows) > 1 and usual == len(titles) + 1:  # as R writes the names of rows
        titles.insert(0, "")
    return distinct_names(titles)


def _fitting(rows: Iterator[tuple[int, list[str]]], header: list[str] | None, width: int, name: str,
             refused: list[Refusal]) -> Iterator[tuple[int, list[str]]]:  # fmt: skip
    for line, cells in rows:
        if cells == header:
            refused.append(Refusal(f"{name}:{line}", "the header again", "Delete the line."))
        elif len(cells) != width:
            refused.append(Refusal(f"{name}:{line}", f"not the {width} cells of the table", "Quote the cells that hold the separator."))
        else:
            yield line, cells


def _frame(rows: Iterator[tuple[int, list[str]]], titles: list[str]) -> tuple[pl.DataFrame, np.ndarray]:
    schema = dict.fromkeys(titles, pl.String)
    blocks, lines = [pl.DataFrame(schema=schema)], []
    while block := list(islice(rows, BLOCK)):
        lines += [line for line, _ in block]
        blocks.append(pl.DataFrame([cells for _, cells in block], schema=schema, orient="row"))
    return pl.concat(blocks), np.asarray(lines, np.int64)
