"""What is to be found in each photo: the boxes that files give it, checked, with its part; and every file and box that is refused."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from lamina.core.data import Refusal
from lamina.core.errors import DataError
from lamina.data.box_files import Annotated, Said, recognised
from lamina.data.boxes import Drawn, Repairs, checked, in_pixels
from lamina.data.files import Entry, Files
from lamina.data.parts import part_of
from lamina.data.photo_answers import NO_PART
from lamina.data.photo_heads import heads
from lamina.data.picture_names import PictureNames
from lamina.data.pictures import ENDINGS, Head

MOST_NAMED = 20  # classes in one line
NONE = Drawn(np.zeros((0, 4)), (), np.zeros(0, bool))


@dataclass
class Answers:
    """The photos that can be used; by the name of each its boxes, its part and its head. `files`: those that the boxes come
    from; `parts_by`: what names the parts."""

    used: list[Entry] = field(default_factory=list)
    drawn: dict[str, Drawn] = field(default_factory=dict)
    part: dict[str, str] = field(default_factory=dict)
    head: dict[str, Head] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    meaning: list[str] = field(default_factory=list)
    files: list[Entry] = field(default_factory=list)
    parts_by: str = ""

    def boxes(self) -> int:
        """How many boxes can be used."""
        return sum(len(self.drawn[entry.name].boxes) for entry in self.used)

    def lengths(self) -> np.ndarray:
        """(N,) the longer side of every box as a share of its photo's."""
        return np.concatenate([(one.boxes[:, 2:] - one.boxes[:, :2]).max(1, initial=0) / max(self.head[entry.name][:2])
                               for entry in self.used for one in [self.drawn[entry.name]]])


def answers(files: Files, labels: str) -> Answers:
    """By the files of boxes that lie with the photos. DataError where there are none, or no photos."""
    pictures = [entry for entry in files.listing.entries if entry.ending in ENDINGS]
    way, entries, meaning = recognised(files, labels)
    if not pictures:
        raise DataError("the photos that the boxes are drawn in", f"{len(entries)} files of boxes as `{entries[0].name}`, and no photo",
                        "Put the photos and the files of boxes into one folder.")
    said = in_pixels(way.read(files, entries, PictureNames([entry.name for entry in pictures])))
    found = Answers(refused=list(said.refused), meaning=[*meaning, *said.meaning], files=list(said.files), parts_by=said.parts_by)
    by_name = _once(said, found)
    wanted = [entry for entry in pictures if _is_wanted(entry, by_name, said, found)]
    found.head, refused = heads(files, wanted)
    found.refused += refused
    found.used = [entry for entry in wanted if entry.name in found.head]
    _check(found, by_name, said.relative)
    return found


def _once(said: Said, found: Answers) -> dict[str, Annotated]:
    """What is said of each picture; what is said of it a second time is refused."""
    by_name: dict[str, Annotated] = {}
    for one in said.pictures:
        if by_name.setdefault(one.picture, one) is not one:
            found.refused.append(Refusal(one.where, "boxes of a picture that another file gives boxes too",
                                         f"Keep one of them: the other is `{by_name[one.picture].where}`."))
    return by_name


def _is_wanted(entry: Entry, by_name: dict[str, Annotated], said: Said, found: Answers) -> bool:
    """Whether a photo can be used; said where it cannot. Parts are asked of all photos where any is in one."""
    one = by_name.get(entry.name)
    if one is None and not said.complete:
        found.refused.append(Refusal(entry.name, "no file says which boxes are in it",
                                     "Draw them, or give it a file without a box if nothing is in it."))
        return False
    found.part[entry.name] = part_of(entry.name) if one is None else one.part
    return True


def _check(found: Answers, by_name: dict[str, Annotated], relative: bool) -> None:
    """Check the boxes of every photo, and tell what was put right."""
    repairs = Repairs()
    for entry in found.used:
        found.drawn[entry.name] = NONE
        if entry.name in by_name:
            found.drawn[entry.name], refused = checked(by_name[entry.name], relative, found.head[entry.name], repairs)
            found.refused += refused
    found.meaning += repairs.lines()
    _only_in_parts(found)
    found.meaning += _told(found)


def _only_in_parts(found: Answers) -> None:
    """Where some photos are in train, valid or test, leave the others out; where none is, all are to be trained on."""
    if not any(found.part[entry.name] for entry in found.used):
        found.part = dict.fromkeys(found.part, "train")
        return
    found.refused += [Refusal(entry.name, NO_PART, "Move it into one.") for entry in found.used if not found.part[entry.name]]
    found.used = [entry for entry in found.used if found.part[entry.name]]


def _told(found: Answers) -> list[str]:
    """Classes with their boxes, photos without any, boxes that are ignored."""
    drawn = [found.drawn[entry.name] for entry in found.used]
    counts = Counter(name for one in drawn for name in one.names)
    if not counts:
        raise DataError("a box that can be used", f"none in {len(drawn)} photos", "Look at what was refused: `lamina look`.")
    named = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items())[:MOST_NAMED])
    lines = [f"{counts.total():,} boxes of {len(counts)} classes in {len(drawn):,} photos: {named}"
             + (f" and {len(counts) - MOST_NAMED} more" if len(counts) > MOST_NAMED else "")]
    empty, ignored = sum(not len(one.boxes) for one in drawn), sum(int(one.ignored.sum()) for one in drawn)
    lines += [f"{empty} photos have no box: they teach what is not to be found"] if empty else []
    lines += [f"{ignored} boxes are difficult or crowds: neither learned nor judged"] if ignored else []
    lonely = [name for name, count in sorted(counts.items()) if count == 1]
    shown = ", ".join(f"`{name}`" for name in lonely[:MOST_NAMED])
    return lines + ([f"classes with one box, which cannot be both learned and tested: {shown}. Add some."] if lonely else [])
