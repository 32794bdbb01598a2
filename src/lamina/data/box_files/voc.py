"""Boxes as Pascal VOC writes them (Everingham et al. 2010): one XML file a picture, parts in `ImageSets/Main`.

VOC counts pixels from 1 and both ends belong to the box, so that `xmin` 1 is the left edge: 0 from the left. Programs that write VOC
files differ; a set in which some corner is 0 counts from 0, and its corners are taken as they are.
"""

from collections.abc import Sequence
from dataclasses import replace
from xml.etree.ElementTree import Element, ParseError, TreeBuilder
from xml.parsers import expat

import numpy as np

from lamina.core.data import Refusal
from lamina.core.errors import DataError
from lamina.data.box_files import Annotated, Said, named, number, picked, size_of, some_contents
from lamina.data.files import Entry, Files
from lamina.data.parts import part_of
from lamina.data.picture_names import PictureNames

CORNERS = ("xmin", "ymin", "xmax", "ymax")
LISTS = {"train": "train", "val": "valid", "test": "test", "trainval": "train"}  # the first that names a picture counts
MOST_XML = 1 << 24  # bytes: 50,000 boxes


class Voc:
    """One XML file a picture."""

    @staticmethod
    def files(files: Files, labels: str) -> list[Entry]:
        found = picked(files.listing.entries, (".xml",), labels)
        contents = some_contents(files, found)
        return found if contents and sum(b"<annotation" in content for content in contents) * 2 >= len(contents) else []

    @staticmethod
    def read(files: Files, entries: Sequence[Entry], names: PictureNames) -> Said:
        lists = _lists(files)
        said, parts = Said(files=[*entries, *lists]), _parts(files, lists, names)
        if parts:
            said.parts_by = "from the lists in `ImageSets`"
        for place, load in files.contents(entries):
            one = _annotated(load(), entries[place], names)
            if isinstance(one, Refusal):
                said.refused.append(one)
            else:
                said.pictures.append(replace(one, part=parts.get(one.picture, "") if parts else part_of(one.picture)))
        if not said.pictures:
            first = said.refused[0]
            raise DataError("VOC files of photos that are there", f"{first.reason}, as in `{first.where}`", first.repair)
        said.pictures.sort(key=lambda one: one.picture)
        return _from_zero(said)


def _annotated(content: bytes, entry: Entry, names: PictureNames) -> Annotated | Refusal:
    """What one file says; the picture is called as the file, or as its `filename` says."""
    try:
        root = parsed(content)
    except (ParseError, expat.ExpatError, ValueError) as error:
        return Refusal(entry.name, f"XML that cannot be read: {str(error).partition(':')[0]}", "Export it again.")
    stem = entry.name.rpartition(".")[0]
    cell = (root.findtext("filename") or stem).strip()
    picture = named(names.meant(stem, entry.name) or names.meant(cell, entry.name), cell, entry.name)
    if isinstance(picture, Refusal):
        return picture
    objects = root.findall("object")
    boxes = np.array([[number(one.findtext(f"bndbox/{corner}")) for corner in CORNERS] for one in objects]).reshape(-1, 4)
    ignored = np.array([number(one.findtext("difficult", "0")) == 1 for one in objects], bool)
    size = size_of(root.findtext("size/height"), root.findtext("size/width"))
    return Annotated(picture, boxes, [(one.findtext("name") or "").strip() for one in objects], ignored, entry.name, size=size)


def parsed(content: bytes) -> Element:
    """A small XML file as a tree. ValueError for one that declares a document type, with which entities could be made to grow or
    to read other files, and for one that is too long; ExpatError for one that is broken."""
    if len(content) > MOST_XML:
        raise ValueError(f"longer than {MOST_XML} bytes")
    builder, parser = TreeBuilder(), expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = builder.start, builder.end, builder.data
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.Parse(content, True)
    return builder.close()


def _refuse_doctype(*words: object) -> None:
    raise ValueError("a document type is declared")


def _lists(files: Files) -> list[Entry]:
    """The lists in `ImageSets/Main` that name parts; those of single classes do not."""
    found = [e for e in files.listing.entries if "/imagesets/main/" in "/" + e.name.lower() and _word(e) in LISTS]
    return sorted(found, key=lambda entry: list(LISTS).index(_word(entry)))


def _word(entry: Entry) -> str:
    return entry.name.rpartition("/")[2].removesuffix(".txt")


def _parts(files: Files, lists: Sequence[Entry], names: PictureNames) -> dict[str, str]:
    """The part of each picture that a list names."""
    contents = {place: load().decode("utf-8", errors="replace") for place, load in files.contents(lists)}
    found: dict[str, str] = {}
    for place, entry in enumerate(lists):
        for line in contents[place].splitlines():
            for picture in names.meant(line.split()[0], entry.name)[:1] if line.split() else ():
                found.setdefault(picture, LISTS[_word(entry)])
    return found


def _from_zero(said: Said) -> Said:
    """Corners counted from 0, the end left out. A box of which both ends are equal stays so: it was a click, and is refused later."""
    boxes = np.concatenate([one.boxes for one in said.pictures])
    if not len(boxes) or (boxes[:, :2] < 1).any():
        return said
    for place, one in enumerate(said.pictures):
        said.pictures[place] = replace(one, boxes=one.boxes - np.pad(one.boxes[:, 2:] > one.boxes[:, :2], ((0, 0), (0, 2))))
    said.meaning.append("corners count pixels from 1, as VOC does: no corner is 0")
    return said
