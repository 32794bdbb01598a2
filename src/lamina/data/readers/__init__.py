"""Readers of a person's own files, one kind of data a file; the first that suits a path opens it."""

from pathlib import Path
from typing import Any

from lamina.core.errors import DataError
from lamina.core.reader import Reader
from lamina.core.registry import Registry

READERS = Registry("reader", {
    "photos": "lamina.data.readers.photos:PhotoReader",
})  # fmt: skip


def looks_like_path(name: str) -> bool:
    """Whether a word names a file or folder rather than something built in."""
    return "/" in name or "\\" in name or Path(name).exists()


def reader_of(path: Path) -> type[Reader]:
    """The reader for what lies at `path`; DataError where nothing does, or nothing that can be read."""
    if not path.exists():
        raise DataError("a file or folder that is there", f"`{path}`, which is not", "Check the name.")
    for name in READERS:
        reader: Any = READERS[name]
        if reader.suits(path):
            found: type[Reader] = reader
            return found
    raise DataError("photos, a table or texts", f"`{path}`, which looks like none of them",
                    "Give a folder of photos (one folder a class), a CSV, TSV, Parquet, JSON-lines or Excel file, or text files by folder.")
