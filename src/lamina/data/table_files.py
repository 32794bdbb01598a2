"""Files of tables, by their ending, each as a `Sheet` of text cells: CSV, TSV, JSON lines, Parquet, Excel; packed by gz, xz or zip."""

import gzip
import hashlib
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl

from lamina.core.data import Refusal
from lamina.core.errors import DataError, missing_package
from lamina.data import csv_text
from lamina.data.sheet import Sheet, distinct_names

TEXT = (".csv", ".tsv", ".tab", ".txt")
JSON = (".jsonl", ".ndjson", ".json")
TYPED = (".parquet", ".xlsx", ".xls")
PACKED = (".gz", ".xz", ".zip")
BROKEN = (gzip.BadGzipFile, lzma.LZMAError, zlib.error, zipfile.BadZipFile, EOFError)
Header = bool | None


def ending(path: Path) -> str:
    """The ending that tells the format, without that of the packing.

    >>> ending(Path("a.CSV.gz"))
    '.csv'
    """
    plain = path.with_suffix("") if path.suffix.lower() in PACKED else path
    inner = plain.suffix.lower()
    return inner or (".csv" if path.suffix.lower() == ".zip" else "")


def is_table(path: Path) -> bool:
    """Whether the ending is one of a table; a lone `.txt` is a text and no table."""
    found = ending(path)
    return found in (*TEXT[:3], *JSON, *TYPED) and not (found in TYPED and path.suffix.lower() in PACKED)


def open_sheet(path: Path, header: Header = None) -> Sheet:
    """The table in a file; DataError, naming file and line, for what is none."""
    kind = ending(path)
    try:
        if kind in TYPED:
            return _typed(path, _parquet if kind == ".parquet" else _excel)
        return _json(path) if kind in JSON else csv_text.read(lambda: open_packed(path), path.name, header)
    except BROKEN as error:
        raise DataError("a file that can be unpacked", f"`{path.name}`, which is damaged ({error})", "Fetch or pack it again.") from error


def digest_of(files: Iterable[Path]) -> str:
    """A hash of the contents of files in their order."""
    found = hashlib.sha256()
    for path in files:
        with path.open("rb") as opened:
            found.update(hashlib.file_digest(opened, "sha256").digest())
    return found.hexdigest()


def open_packed(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked."""
    openers: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".xz": lzma.open, ".zip": _member}
    found: IO[bytes] = openers.get(path.suffix.lower(), lambda p: p.open("rb"))(path)
    return found


def _member(path: Path) -> IO[bytes]:
    """The one file in a zip."""
    opened = zipfile.ZipFile(path)
    names = [n for n in opened.namelist() if not n.endswith("/") and not n.startswith("__MACOSX")]
    if len(names) != 1:
        raise DataError("one table in a zip", f"{len(names)} files in `{path.name}`", "Unpack it and name the table.")
    return opened.open(names[0])


# -- JSON: an object a line, or one list of objects -------------------------------------------------


def _json(path: Path) -> Sheet:
    encoding = csv_text.encoding_of(lambda: open_packed(path), path.name)
    refused: list[Refusal] = []
    lines, objects = [], []
    with TextIOWrapper(open_packed(path), encoding) as text:
        for line, found in _whole(text.read(), path.name) if ending(path) == ".json" else _by_line(text):
            if isinstance(found, dict):
                lines.append(line)
                objects.append({key: as_text(value) for key, value in found.items()})
            else:
                refused.append(Refusal(f"{path.name}:{line}", "not a JSON object", 'Write each row as {"column": value, ...}.'))
    if not objects:
        raise DataError("a table", f"`{path.name}`, which holds no row", "Write one JSON object a line.")
    names = list(dict.fromkeys(key for one in objects for key in one))
    frame = pl.DataFrame({name: [one.get(name) for one in objects] for name in names}, schema=dict.fromkeys(names, pl.String))
    return Sheet(path.name, frame, np.asarray(lines), (), tuple(refused))


def _by_line(text: TextIOWrapper) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text, 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (json.JSONDecodeError, RecursionError):
                yield number, None


def _whole(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """The objects of one list, by their place in it; a file of lines that only ends in `.json` is read line by line."""
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        parts = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if len(parts) > 1 and parts[0][1].strip().endswith("}"):
            yield from ((number, _loads(line)) for number, line in parts)
            return
        raise DataError("JSON", f"`{name}`, which is none ({error})", "Write one JSON object a line, or a list of them.") from error
    yield from enumerate(found if isinstance(found, list) else [found], 1)


def _loads(line: str) -> Any:
    try:
        return json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        return None


def as_text(value: Any) -> str | None:
    """A cell as it would be written in a CSV; whole numbers without a point, so that 4.0 and 4 are one category.

    >>> as_text(4.0), as_text(True), as_text(None), as_text("a")
    ('4', 'true', None, 'a')
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating) and _whole_numbers(np.asarray(value)):
        return str(int(value))
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


# -- formats that know the types of their columns ---------------------------------------------------


def _typed(path: Path, load: Callable[[Path], pl.DataFrame]) -> Sheet:
    try:
        frame = load(path)
    except (pl.exceptions.PolarsError, OSError, ValueError, RuntimeError) as error:
        if isinstance(error, FileNotFoundError | PermissionError | DataError):
            raise
        reason = str(error).partition("\n")[0]
        raise DataError(f"a {path.suffix} file", f"`{path.name}`, which cannot be read ({reason})", "Save it again, or as CSV.") from error
    names, notes = distinct_names(frame.columns)
    frame.columns = names
    if not frame.width:
        raise DataError("a table", f"`{path.name}`, which is empty", "Give a file with a header and rows.")
    first = 2 if path.suffix != ".parquet" else 1  # a spreadsheet counts its header
    return Sheet(path.name, frame.select(_cells(column) for column in frame), np.arange(first, frame.height + first), tuple(notes))


def _parquet(path: Path) -> pl.DataFrame:
    rows = pl.scan_parquet(path)
    return rows.collect()


def _excel(path: Path) -> pl.DataFrame:
    try:
        import fastexcel  # polars opens spreadsheets with it
    except ImportError:
        raise missing_package("fastexcel", "tables", "Excel files") from None
    try:
        return pl.read_excel(path, drop_empty_rows=False)
    except fastexcel.FastExcelError as error:
        raise ValueError(str(error)) from error


def _cells(column: pl.Series) -> pl.Series:
    """A typed column as the text of its cells."""
    kind = column.dtype
    if kind == pl.String:
        return column
    if kind == pl.Datetime:
        return column.dt.to_string("%Y-%m-%dT%H:%M:%S")
    if kind.is_float() and _whole_numbers(column.fill_nan(None).drop_nulls().to_numpy()):
        return column.fill_nan(None).cast(pl.Int64).cast(pl.String)
    if kind.is_nested() or kind in (pl.Binary, pl.Object):
        return pl.Series(column.name, [as_text(value if not isinstance(value, bytes) else None) for value in column.to_list()], pl.String)
    return column.cast(pl.String)


def _whole_numbers(values: np.ndarray) -> bool:
    return bool((np.isfinite(values) & (values == np.round(values)) & (np.abs(values) < 1e15)).all())
