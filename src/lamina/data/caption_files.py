"""Photos and what is said of them, in the forms in which such data lie about.

    a table      a column that names the photos and one of captions, a row a caption (Flickr8k and Flickr30k, also without a header and with
                 `photo.jpg#2` for its third caption; CSV, TSV, JSON lines such as Hugging Face's `metadata.jsonl`)
    COCO         JSON with `images` and `annotations`, of which each has a `caption` (Lin et al. 2014); parts by the names of the files
    Karpathy     JSON with `images`, each with its `sentences` and its `split` (Karpathy & Fei-Fei 2015)
    beside       a text of the same name beside each photo, a caption a line
"""

import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath

from lamina.core.data import Refusal
from lamina.core.errors import DataError
from lamina.data import csv_text
from lamina.data.files import Entry, Files
from lamina.data.labelling import Finder
from lamina.data.layout import PARTS
from lamina.data.parts import part_called, part_of
from lamina.data.pictures import ENDINGS
from lamina.data.text_files import decoded

NAMES = ("caption", "captions", "sentence", "sentences", "description", "comment", "text")  # of a column of captions; the first is taken
FILES = ("file_name", "filename", "file", "image", "image_name", "photo", "path")
TABLES, LINES = (".csv", ".tsv", ".txt", ".token"), (".jsonl", ".ndjson")
TOLD = re.compile(r"caption|token|metadata|sentence|description", re.IGNORECASE)  # a name of a file of captions
MOST_BYTES, MOST_BESIDE, HEAD = 1 << 28, 1 << 16, 1 << 12
BESIDE = 0.5  # share of the photos that must have a text of their name
NUMBER = re.compile(r"#\d+$")
Row = tuple[str, str, str, str]  # the photo as the file calls it, a caption, its part if the file says it, the place


@dataclass
class Captioned:
    """Captions: of each the photo's name in the listing, its words, its place, and its part; which files they stand in."""

    photo: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def is_there(files: Files) -> bool:
    """Whether photos with captions lie there; cheap, by names and the heads of few files."""
    return any(entry.ending in ENDINGS for entry in files.listing.entries) and bool(_told(files) or _beside(files))


def captions(files: Files) -> Captioned:
    """All captions; DataError where there are none, or they name no photos."""
    pictures = [entry.name for entry in files.listing.entries if entry.ending in ENDINGS]
    told, beside, found = _told(files), _beside(files), Captioned()
    if beside and not told:
        _take_beside(found, files, beside)
    else:
        for entry in told or _tables(files):
            _take(found, entry, _rows(files, entry), pictures)
    if not found.photo:
        first = f"; {found.refused[0].where}: {found.refused[0].reason}" if found.refused else ""
        raise DataError("photos with captions: a table of file names and captions, COCO's JSON, or a text beside each photo",
                        f"none in {len(pictures)} photos{first}", "Add `captions.csv` with the columns `file,caption`.")
    return found


def _take(found: Captioned, entry: Entry, rows: Sequence[Row], pictures: Sequence[str]) -> None:
    """Add the captions of a file; those of photos that are not there are refused."""
    finder = Finder(pictures)
    found.files.append(entry.name)
    for name, text, part, where in rows:
        photo = finder(NUMBER.sub("", name))
        if photo is None:
            found.refused.append(Refusal(where, "a caption of a photo that is not there", f"Add `{name[:80]}`, or take the row out."))
        elif not text.strip():
            found.refused.append(Refusal(where, "an empty caption", "Write it, or take the row out."))
        else:
            _add(found, photo, text, part or part_called(PurePosixPath(entry.name).stem) or part_of(photo), where)


def _take_beside(found: Captioned, files: Files, texts: dict[Entry, str]) -> None:
    """Add the captions of texts that lie beside their photos."""
    for place, load in files.contents(list(texts)):
        entry = list(texts)[place]
        found.files.append(entry.name)
        try:
            lines = decoded(load())[0].splitlines()
        except ValueError as error:
            found.refused.append(Refusal(entry.name, f"no text: {error}", "Save it as plain text in UTF-8."))
            continue
        for number, line in enumerate(lines, 1):
            if line.strip():
                _add(found, texts[entry], line, part_of(texts[entry]), f"{entry.name}, line {number}")


def _add(found: Captioned, photo: str, text: str, part: str, where: str) -> None:
    for values, value in ((found.photo, photo), (found.text, " ".join(text.split())), (found.part, part), (found.where, where)):
        values.append(value)


def _told(files: Files) -> list[Entry]:
    """The files whose names or heads say that they hold captions."""
    return [entry for entry in _tables(files) if TOLD.search(PurePosixPath(entry.name).name) or _names_captions(files, entry)]


def _tables(files: Files) -> list[Entry]:
    """The files that could hold captions of several photos."""
    pictures = _by_stem(files)
    return [e for e in files.listing.entries
            if e.ending in (*TABLES, *LINES, ".json") and 0 < e.size <= MOST_BYTES and _stem(e) not in pictures]


def _names_captions(files: Files, entry: Entry) -> bool:
    """Whether the first line of a table names a column of captions and one of files."""
    if entry.ending not in (".csv", ".tsv"):
        return False
    _, load = next(files.contents([entry]))
    head = {name.strip().strip('"').lower() for name in re.split(r"[,;\t|]", load()[:HEAD].decode("utf-8", "replace").partition("\n")[0])}
    return bool(head & set(NAMES)) and bool(head & set(FILES))


def _beside(files: Files) -> dict[Entry, str]:
    """The texts that lie beside photos of the same name, and these; {} where few photos have one."""
    pictures = _by_stem(files)
    texts = {e: pictures[_stem(e)] for e in files.listing.entries
             if e.ending == ".txt" and e.size <= MOST_BESIDE and _stem(e) in pictures}
    return texts if len(texts) >= BESIDE * len(pictures) else {}


def _by_stem(files: Files) -> dict[str, str]:
    """The photos by their names without the ending."""
    return {_stem(entry): entry.name for entry in files.listing.entries if entry.ending in ENDINGS}


def _stem(entry: Entry) -> str:
    return str(PurePosixPath(entry.name).with_suffix(""))


def _rows(files: Files, entry: Entry) -> list[Row]:
    """The captions that a file tells."""
    _, load = next(files.contents([entry]))
    read = {".json": _of_json, **dict.fromkeys(LINES, _of_lines)}.get(entry.ending, _of_table)
    try:
        return list(read(load, entry.name))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError("captions as COCO's JSON, or as JSON lines with `file_name` and `text`", f"`{entry.name}`: {error!r}",
                        "Give a table `file,caption` instead.") from error


def _of_json(load: Callable[[], bytes], name: str) -> Iterator[Row]:
    told = json.loads(load())
    images = told["images"] if isinstance(told, dict) else told
    if isinstance(told, dict) and "annotations" in told:
        files = {one["id"]: one["file_name"] for one in images}
        for n, one in enumerate(told["annotations"]):
            yield str(files.get(one["image_id"], one["image_id"])), str(one["caption"]), "", f"{name}, annotation {n}"
        return
    for one in images:
        part = PARTS.get(str(one.get("split", "")), "train" if one.get("split") == "restval" else "")
        for sentence in one["sentences"]:
            yield str(one["filename"]), str(sentence["raw"]), part, f"{name}, {one['filename']}"


def _of_lines(load: Callable[[], bytes], name: str) -> Iterator[Row]:
    rows = [(n, json.loads(line)) for n, line in enumerate(load().decode("utf-8-sig").splitlines(), 1) if line.strip()]
    known = set(rows[0][1]) if rows else set()
    file, text = (next((one for one in names if one in known), "") for names in (FILES, NAMES))
    if not file or not text:
        raise DataError("the keys `file_name` and `text`", f"`{name}`, which has {sorted(known)}", "Rename them.")
    for n, row in rows:
        each = row.get(text)
        for one in each if isinstance(each, list) else [each]:
            yield str(row.get(file, "")), "" if one is None else str(one), "", f"{name}, line {n}"


def _of_table(load: Callable[[], bytes], name: str) -> Iterator[Row]:
    sheet = csv_text.read(partial(io.BytesIO, load()), name)
    columns = {str(column).strip().lower(): column for column in sheet.frame.columns}
    file = next((columns[one] for one in FILES if one in columns), sheet.frame.columns[0])
    others = [column for column in sheet.frame.columns if column != file]
    if not others:
        raise DataError("a column of photos and one of captions", f"`{name}` with one column", "Write `file,caption` into its first line.")
    text = next((columns[one] for one in NAMES if one in columns), others[-1])
    for line, photo, caption in zip(sheet.lines, sheet.frame[file].to_list(), sheet.frame[text].to_list(), strict=True):
        yield str(photo or ""), str(caption or ""), "", f"{name}, line {line}"
