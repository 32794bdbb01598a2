"""Boxes as COCO writes them (Lin et al. 2014): JSON files with `images`, `annotations` and `categories`, one a part.

`bbox` is x, y, width, height in pixels from 0; `iscrowd` marks a box of many, which is neither learned nor judged. The part of a file is
a word of its name (`instances_train.json`) or of its folder (`train/_annotations.coco.json`).
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lamina.core.data import Refusal
from lamina.core.errors import DataError
from lamina.data.box_files import Annotated, Said, named, number, picked, size_of
from lamina.data.files import Entry, Files
from lamina.data.parts import part_called, part_of
from lamina.data.picture_names import PictureNames

KEYS = (b'"images"', b'"annotations"', b'"bbox"')
OBJECTS = "instances"  # COCO's own files of people and captions lie beside those of objects

Found = Mapping[str, Any]


class Coco:
    """JSON files, each of many pictures."""

    @staticmethod
    def files(files: Files, labels: str) -> list[Entry]:
        found = picked(files.listing.entries, (".json",), labels)
        known = [found[place] for place, load in files.contents(found) if all(key in content for content in [load()] for key in KEYS)]
        objects = [entry for entry in known if OBJECTS in entry.name.rpartition("/")[2]]
        return sorted(objects or known, key=lambda entry: entry.name)

    @staticmethod
    def read(files: Files, entries: Sequence[Entry], names: PictureNames) -> Said:
        said = Said(files=list(entries))
        contents = {place: load() for place, load in files.contents(entries)}
        for place, entry in enumerate(entries):
            for one in annotated(document(contents[place], entry.name), entry, names, said):
                said.pictures.append(one[0])
        return said


def document(content: bytes, where: str) -> Found:
    """One file as plain values; DataError where it is no JSON, or not of COCO's kind."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError("a JSON file", f"`{where}`: {error}", "Export it again.") from error
    lists = ("images", "annotations", "categories")
    missing = [name for name in lists if not isinstance(found, dict) or not isinstance(found.get(name), list)]
    if missing:
        raise DataError(f"a COCO file with lists of {', '.join(lists)}", f"`{where}` without `{missing[0]}`", "Export it again.")
    whole: Found = found
    return whole


def annotated(found: Found, entry: Entry, names: PictureNames, said: Said) -> Iterator[tuple[Annotated, Sequence[Found]]]:
    """What a document says of each picture, beside the annotations of its boxes; what belongs to nothing is refused in `said`."""
    categories: dict[Any, str] = {one.get("id"): str(one.get("name", "")).strip() for one in found["categories"] if isinstance(one, dict)}
    of_image = defaultdict[Any, list[Found]](list)
    for place, one in enumerate(found["annotations"], 1):
        if not isinstance(one, dict) or "bbox" not in one:
            said.refused.append(Refusal(f"{entry.name}, annotation {place}", "an annotation without a box", "Draw it, or take it out."))
        elif not categories.get(_key(one.get("category_id"))):
            said.refused.append(Refusal(f"{entry.name}, annotation {place}", "a class that the file does not list",
                                        f"Add the category {one.get('category_id')}, or take the box out."))
        else:
            of_image[_key(one.get("image_id"))].append(one)
    part = part_called(entry.name.rpartition("/")[2]) or part_of(entry.name)
    for one in found["images"]:
        if isinstance(one, dict):
            yield from _picture(one, of_image.pop(_key(one.get("id")), []), (entry, part, categories), (names, said))
    said.refused += [Refusal(f"{entry.name}, annotation {one.get('id')}", "a box of an image that the file does not list",
                             "Add the image, or take it out.") for rest in of_image.values() for one in rest]


def _picture(
    image: Found, boxes: Sequence[Found], file: tuple[Entry, str, Mapping[Any, str]], into: tuple[PictureNames, Said]
) -> Iterator[tuple[Annotated, Sequence[Found]]]:
    """One picture with its boxes, if it is there."""
    (entry, part, categories), (names, said) = file, into
    cell = str(image.get("file_name", ""))
    where = f"{entry.name}, image `{cell}`"
    picture = named(names.meant(cell, entry.name), cell, where)
    if isinstance(picture, Refusal):
        said.refused.append(picture)
        return
    corners = np.array([_box(one["bbox"]) for one in boxes]).reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]
    classes = [categories[_key(one.get("category_id"))] for one in boxes]
    crowds = np.array([bool(one.get("iscrowd")) for one in boxes], bool)
    size = size_of(image.get("height"), image.get("width"))
    yield Annotated(picture, corners, classes, crowds, where, part or part_of(picture), size), boxes


def _box(found: Any) -> list[float]:
    """Four numbers, NaN where there are none."""
    if isinstance(found, list) and len(found) == 4:
        return [number(one) for one in found]
    return [float("nan")] * 4


def _key(found: Any) -> Any:
    """An id that can be looked up; lists and the like are none."""
    return found if isinstance(found, int | float | str) else None
