"""What the values or colours of masks mean: which are classes, how these are called, and which are nobody's."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lamina.core.errors import DataError, quoted
from lamina.core.spec import IGNORED
from lamina.data.mask_files import AS_PNG, MOST_COLOURS, Seen, unpacked
from lamina.data.mask_names import Names

VOID = frozenset({"void", "unlabelled", "unlabeled", "ignore", "ignored", "dontcare", "don't care", "don't-care"})
BINARY = {0: "background", 255: "foreground"}
MOST_NAMED = 20

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Meaning:
    """`names` of the classes, their `colours`, and `place`: the class of each value, or of each colour where `by_colour`; what is
    not in it is IGNORED. `lines`: the same for a person."""

    names: tuple[str, ...]
    colours: tuple[Colour, ...]
    place: Mapping[int, int]
    by_colour: bool
    lines: tuple[str, ...] = ()


def meaning_of(seen: Sequence[Seen], listed: Names, names: Sequence[str], ignore: Sequence[str]) -> Meaning:
    """The classes of all masks together. listed: names in a file beside them; names, ignore: by the user, by value from 0 on, and
    values or names that are nobody's. Of two values with one name one class is made."""
    by_colour = _is_by_colour(seen, listed)
    counts = Counter[int]()
    for one in seen:
        counts.update(one.by(by_colour))
    if len(counts) > MOST_COLOURS:
        raise DataError(f"masks of at most {MOST_COLOURS} colours", f"{len(counts)} of them", AS_PNG)
    called = _called(counts, by_colour, listed, names)
    nobody = {value: why for value in sorted(counts) if (why := _nobody(value, called, by_colour, ignore))}
    of_class: dict[str, list[int]] = {}
    for value in sorted(counts):
        if value not in nobody:
            of_class.setdefault(called[value], []).append(value)
    if len(of_class) < 2:
        raise DataError("masks of at least two classes", quoted(of_class) or "none", "Check `data.ignore`, `data.names` and the masks.")
    palette = {value: colour for one in reversed(seen) for value, colour in one.palette.items()}
    own = {value: value for value in counts} if by_colour else palette
    colours = [unpacked(own[values[0]]) if values[0] in own else drawn_in(place) for place, values in enumerate(of_class.values())]
    place = {value: place for place, values in enumerate(of_class.values()) for value in values}
    lines = _lines(counts, of_class, nobody, by_colour, listed)
    return Meaning(tuple(of_class), tuple(colours), place, by_colour, tuple(lines))


def _is_by_colour(seen: Sequence[Seen], listed: Names) -> bool:
    """Whether colours are what counts: where a mask is in colours, where colours have names, or where palettes contradict each other,
    as programs that sort them anew in each file make them."""
    if listed.of_colour or any(one.form == "colours" for one in seen):
        return True
    palette: dict[int, int] = {}
    return any(palette.setdefault(value, colour) != colour for one in seen for value, colour in one.palette.items())


def _called(counts: Mapping[int, int], by_colour: bool, listed: Names, names: Sequence[str]) -> dict[int, str]:
    """The name of each value or colour; "" for one without, where others have names."""
    if by_colour:
        if names:
            raise DataError("masks of values for `data.names`", "masks of colours",
                            "Name the colours in a file `class_dict.csv` with the columns name, r, g, b.")
        return {colour: listed.of_colour.get(colour, "" if listed.of_colour else _hex(colour)) for colour in counts}
    if set(counts) <= set(BINARY) and 255 in counts and not names:
        return {value: listed.of_value.get(value and 1, BINARY[value]) for value in counts}
    known = dict(enumerate(names)) if names else listed.of_value
    if known:
        return {value: known.get(value, "") for value in counts}
    return {value: "" if value == IGNORED else f"class {value}" for value in counts}


def _nobody(value: int, called: Mapping[int, str], by_colour: bool, ignore: Sequence[str]) -> str:
    """Why a value is nobody's, "" if it is a class."""
    name = called[value]
    if (not by_colour and str(value) in ignore) or name in ignore or (by_colour and _hex(value) in ignore):
        return "as asked"
    if not name:
        return "by custom" if value == IGNORED and not by_colour else "without a name"
    return f"called `{name}`" if name.lower() in VOID else ""


def _lines(
    counts: Mapping[int, int], of_class: Mapping[str, Sequence[int]], nobody: Mapping[int, str], by_colour: bool, listed: Names
) -> list[str]:
    total = sum(counts.values())
    shares = [f"{name} ({sum(counts[value] for value in values) / total:.1%})" for name, values in of_class.items()]
    more = f" and {len(shares) - MOST_NAMED} more" if len(shares) > MOST_NAMED else ""
    source = f", called as in `{listed.file.name}`" if listed.file else ""
    what = "colours" if by_colour else "values"
    lines = [f"the {what} of the masks are {len(shares)} classes{source}: {', '.join(shares[:MOST_NAMED])}{more}"]
    for why in dict.fromkeys(nobody.values()):
        those = [value for value in nobody if nobody[value] == why]
        called = ", ".join(_hex(value) if by_colour else str(value) for value in those[:MOST_NAMED])
        share = sum(counts[value] for value in those) / total
        lines.append(f"{share:.2%} of the pixels are neither learned nor judged: {what} {called}, {why}")
    missing = [name for name in (listed.of_colour if by_colour else listed.of_value).values() if name not in of_class
               and name.lower() not in VOID and name not in nobody.values()]
    return lines + ([f"classes that no mask has are left out: {quoted(dict.fromkeys(missing))}"] if missing else [])


def drawn_in(place: int) -> Colour:
    """The colour of a class that has none of its own, of a row in which neighbours differ (as VOC's: the bits of a number, dealt out
    to red, green and blue from the highest on)."""
    bits = [sum(((place + 1) >> (3 * k + channel) & 1) << (7 - k) for k in range(8)) for channel in range(3)]
    return bits[0], bits[1], bits[2]


def _hex(colour: int) -> str:
    return f"#{colour:06x}"
