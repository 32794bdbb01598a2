"""The names of YOLO's classes: a list a line in `classes.txt` or `obj.names`, or the entry `names:` of a yaml file, of which nothing
else is read, so that no reader of all of yaml is needed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lamina.core.errors import DataError
from lamina.data.files import Entry, Files

LISTS = ("classes.txt", "obj.names", "labels.txt", "predefined_classes.txt")
MOST = 1 << 20  # bytes


@dataclass
class Listed:
    """`names` by class number; the files they are from, and what is told of them."""

    names: dict[int, str] = field(default_factory=dict)
    files: list[Entry] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def names_of(files: Files) -> Listed:
    """The names in the file that lies above all others, yaml first; none where no file lists them."""
    found = [entry for entry in files.listing.entries if entry.size <= MOST
             and (entry.ending in (".yaml", ".yml") or entry.name.rpartition("/")[2].lower() in LISTS)]
    for entry in sorted(found, key=lambda one: (one.name.count("/"), one.ending not in (".yaml", ".yml"), one.name)):
        _, load = next(files.contents([entry]))
        text = load().decode("utf-8-sig", errors="replace")
        names = in_yaml(text) if entry.ending in (".yaml", ".yml") else dict(enumerate(filter(None, map(str.strip, text.splitlines()))))
        if names:
            return Listed(names, [entry], [f"names of {len(names)} classes from `{entry.name}`"])
    return Listed(lines=["no file names the classes: they are called by their numbers"])


def in_yaml(text: str) -> dict[int, str]:
    """The entry `names:` as a list or as numbers with names, in lines or in brackets; {} where there is none.

    >>> in_yaml("nc: 2\\nnames: ['a, b', c]  # two"), in_yaml("names:\\n  0: a\\n  3: 'c'\\nnc: 2")
    ({0: 'a, b', 1: 'c'}, {0: 'a', 3: 'c'})
    """
    lines = [_without_comment(line) for line in text.splitlines()]
    start = next((i for i, line in enumerate(lines) if re.match(r"names\s*:", line)), None)
    if start is None:
        return {}
    first = lines[start].partition(":")[2].strip()
    if first[:1] in ("[", "{"):
        inside = " ".join([first, *map(str.strip, lines[start + 1 :])])
        items = _split(inside[1 : _closing(inside)])
    else:
        items = []
        for line in lines[start + 1 :]:
            if line.strip() and not re.match(r"\s|-", line):
                break
            items += [line.strip().removeprefix("-").strip()] if line.strip() else []
    return _numbered(items)


def _numbered(items: list[str]) -> dict[int, str]:
    found = {}
    for place, item in enumerate(items):
        number = re.match(r"['\"]?(\d+)['\"]?\s*:\s*(.+)", item)
        found[int(number.group(1)) if number else place] = _unquoted(number.group(2) if number else item)
    if "" in found.values():
        raise DataError("a name for every class under `names:`", "an empty one", "Fill it in.")
    return found


def _without_comment(line: str) -> str:
    """The line up to a `#` that stands outside quotes, at its beginning or after a space."""
    return next((line[:place] for place, letter in _outside_quotes(line)
                 if letter == "#" and (place == 0 or line[place - 1].isspace())), line)


def _closing(text: str) -> int:
    """The place of the bracket that closes the first one."""
    return next((place for place, letter in _outside_quotes(text) if letter in "]}"), len(text))


def _outside_quotes(text: str) -> Iterator[tuple[int, str]]:
    """The letters that stand outside quotes, with their places."""
    quote = ""
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        else:
            yield place, letter


def _split(text: str) -> list[str]:
    """Parted at the commas outside quotes."""
    return [item.strip() for item in re.findall(r"(?:'[^']*'|\"[^\"]*\"|[^,])+", text) if item.strip()]


def _unquoted(item: str) -> str:
    item = item.strip()
    return item[1:-1] if len(item) > 1 and item[0] == item[-1] and item[0] in "'\"" else item
