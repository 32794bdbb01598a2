"""Readers of a person's own files, one kind of data a file; the first that suits a path opens it."""

from pathlib import Path
from typing import Any

from lamina.core.errors import DataError
from lamina.core.reader import Reader
from lamina.core.registry import Registry

READERS = Registry("reader", {
    "boxes": "lamina.data.readers.boxes:BoxReader",  # before photos: they are photos too, with more beside them
    "masks": "lamina.data.readers.masks:MaskReader",
    "captions": "lamina.data.readers.captions:CaptionReader",
    "photos": "lamina.data.readers.photos:PhotoReader",
    "tags": "lamina.data.readers.tags:TagReader",  # before pairs: they are pairs of words and labels
    "pairs": "lamina.data.readers.pairs:PairReader",  # before texts: both have columns of texts
    "corpus": "lamina.data.readers.corpus:CorpusReader",  # before texts: one file is one long text
    "texts": "lamina.data.readers.texts:TextReader",  # before tables: a table of texts and their labels is theirs
    "series": "lamina.data.readers.series:SeriesReader",
    "table": "lamina.data.readers.table:TableReader",
})  # fmt: skip


KINDS = {  # the reader of each kind of input
    "image": "photos", "table": "table", "vector": "table", "text": "texts", "tokens": "pairs", "series": "series",
}  # fmt: skip
OF_TASKS = {  # by what is asked, of files that could be several
    "translate": "pairs", "tag": "tags", "write": "corpus", "embed": "corpus", "caption": "captions", "forecast": "series",
}  # fmt: skip
# of targets that need their own
SCENES = {
    "boxes": ("boxes",), "mask": ("masks", "boxes"), "next": ("corpus",), "context": ("corpus",), "tags": ("tags",),
}  # fmt: skip
# whose new data need not look like those learned (short, no labels), as they say themselves what is lacking
SELF_CHECKING = ("texts", "boxes", "masks", "pairs", "tags", "corpus", "captions", "series")


def reader_for(path: Path, kind: str, target: str = "") -> type[Reader]:
    """The reader of files like those that a model with inputs of this `kind` and such a `target` was trained on; DataError where it cannot
    open the path."""
    names = ("captions",) if (kind, target) == ("image", "tokens") else SCENES.get(target, (KINDS.get(kind, ""),))
    if names[0] not in READERS or not path.exists():
        return reader_of(path)
    name = next((name for name in names if READERS[name].suits(path)), names[0])
    found: type[Reader] = READERS[name]
    if name not in SELF_CHECKING and not found.suits(path):
        raise DataError(f"{name} as in training", f"`{path}`, which looks like something else", "Give a file of the kind that was learned.")
    return found


def looks_like_path(name: str) -> bool:
    """Whether a word names a file or folder rather than something built in."""
    return "/" in name or "\\" in name or (name != "" and is_there(Path(name)))  # "" would be the folder we are in


def is_there(path: Path) -> bool:
    """Whether something lies at a path, or aligned files whose names begin so."""
    return path.exists() or READERS["pairs"].suits(path)


def reader_of(path: Path, task: str = "") -> type[Reader]:
    """The reader for what lies at `path`, where a `task` is named the one for it; DataError where nothing lies that can be read."""
    if not is_there(path):
        raise DataError("a file or folder that is there", f"`{path}`, which is not", "Check the name.")
    if task in OF_TASKS:
        asked: type[Reader] = READERS[OF_TASKS[task]]
        return asked
    for name in READERS:
        reader: Any = READERS[name]
        if reader.suits(path):
            found: type[Reader] = reader
            return found
    raise DataError("photos, a table or texts", f"`{path}`, which looks like none of them",
                    "Give a folder of photos (one folder a class, or with boxes or masks), a CSV, TSV, Parquet, JSON-lines or Excel file, "
                    "or text files by folder.")
