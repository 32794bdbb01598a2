"""What is to be answered of each photo: its label, its part and its group, from its folders or from a table of labels."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lamina.core.data import Refusal
from lamina.core.errors import DataError, quoted
from lamina.data import labelling as tables
from lamina.data.files import Entry, Files
from lamina.data.layout import Place, places

MOST_TABLE = 1 << 28  # bytes
NO_CLASS, NO_PART = "in no class folder", "in no folder of train, valid or test"
MOST_NAMED = 20  # classes in one line


class Asked(Protocol):
    """The knobs that say what the answers are."""

    @property
    def labels(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def group(self) -> str: ...


@dataclass
class Answers:
    """The photos that have an answer; by the name of each its label, a word or a number, its part and, if asked for, its group."""

    used: list[Entry] = field(default_factory=list)
    label: dict[str, str | float] = field(default_factory=dict)
    part: dict[str, str] = field(default_factory=dict)
    group: dict[str, str] = field(default_factory=dict)
    column: str = ""
    refused: list[Refusal] = field(default_factory=list)
    meaning: list[str] = field(default_factory=list)
    tables: list[Entry] = field(default_factory=list)


def answers(files: Files, pictures: Sequence[Entry], asked: Asked) -> Answers:
    """By the table of labels, if the photos lie in no class folders or if `target` or `labels` ask for it; else by the folders."""
    found = places([entry.name for entry in pictures])
    classes = {place.label for place in found if place.label}
    table = _table(files, asked.labels)
    if table is not None and (len(classes) < 2 or asked.target or asked.labels):
        return _by_table(files, table, pictures, found, asked)
    if len(classes) < 2:
        raise DataError("photos of at least two classes, one folder each, or a table of labels beside the photos",
                        f"{len(pictures)} photos in {'one folder, ' + quoted(classes) if classes else 'one folder'}",
                        "Put the photos of each class into a folder that is called like it, or add `labels.csv` with columns `file,label`.")
    if asked.target or asked.group:
        raise DataError("a table of labels for `--target` or `--group`", "folders of classes alone", "Add it, or leave the word out.")
    return _by_folder(pictures, found)


def _by_folder(pictures: Sequence[Entry], found: Sequence[Place]) -> Answers:
    told = Answers(column="class")
    for entry, place in zip(pictures, found, strict=True):
        if place.part and place.label:
            _add(told, entry, place.label, place.part)
        else:
            told.refused.append(Refusal(entry.name, NO_CLASS if place.part else NO_PART, "Move it into one."))
    counts = [f"{name} ({count})" for name, count in sorted(Counter(map(str, told.label.values())).items())]
    more = f" and {len(counts) - MOST_NAMED} more" if len(counts) > MOST_NAMED else ""
    told.meaning.append(f"classes from the names of folders: {', '.join(counts[:MOST_NAMED])}{more}")
    return told


def _by_table(files: Files, table: Entry, pictures: Sequence[Entry], found: Sequence[Place], asked: Asked) -> Answers:
    _, load = next(files.contents([table]))
    said = tables.labelling(load(), table.name, [entry.name for entry in pictures], asked.target, asked.group)
    told = Answers(column=said.column, group=said.group, refused=list(said.refused), tables=[table])
    labels: dict[str, str | float] = dict(zip(said.label, _values(list(said.label.values())), strict=True))
    for entry, place in zip(pictures, found, strict=True):
        if entry.name not in labels:
            told.refused.append(Refusal(entry.name, f"no label in `{table.name}`", "Add a row for it, or take it out."))
        elif not place.part:
            told.refused.append(Refusal(entry.name, NO_PART, "Move it into one."))
        else:
            _add(told, entry, labels[entry.name], place.part)
    told.meaning.append(f"column `{said.column}` of `{table.name}` is what is predicted; `{said.file_column}` names the photos")
    return told


def _add(told: Answers, entry: Entry, label: str | float, part: str) -> None:
    told.used.append(entry)
    told.label[entry.name], told.part[entry.name] = label, part


def _values(cells: Sequence[str]) -> Sequence[str | float]:
    """Numbers where every cell is one, else the words."""
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        return cells
    whole = all(number.is_integer() for number in numbers)
    return cells if whole and len(set(numbers)) <= 20 else numbers


def _table(files: Files, wanted: str) -> Entry | None:
    """The table of labels: the one that is asked for, or the only one that lies above all others."""
    listed = [entry for entry in files.listing.entries if entry.ending in tables.ENDINGS and entry.size <= MOST_TABLE]
    if wanted:
        named = [entry for entry in listed if entry.name == wanted or entry.name.endswith("/" + wanted)]
        if len(named) != 1:
            there = f"tables: {quoted(e.name for e in listed) or 'none'}"
            raise DataError(f"one table `{wanted}`", f"{len(named)} of them; {there}", "Check the name.")
        return named[0]
    top = [e for e in listed if e.name.count("/") == min(entry.name.count("/") for entry in listed)]
    if len(top) > 1:
        raise DataError("one table of labels", quoted(e.name for e in top), "Say which: `data.labels=FILE`.")
    return top[0] if top else None
