"""Duplicates among the photos of a person's own: found once and kept beside the decoded photos, grouped, and told."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import torch

from lamina.core.data import Twins
from lamina.core.errors import DataError
from lamina.data.duplicates import Pair, groups_of, pairs
from lamina.data.kept import kept
from lamina.data.photo_cache import Photos

FILE = "pairs-1.json"  # the number changes with the way in which they are found


def twins(photos: Photos) -> list[Pair]:
    """The pairs of duplicates, as places in `photos.names`."""

    def find() -> list[dict[str, object]]:
        place = torch.argsort(photos.rows).tolist()  # of each row of the pictures
        return [asdict(_ordered(place[pair.first], place[pair.second], pair)) for pair in pairs(photos.pictures)]

    return kept(photos.folder / FILE, find, lambda told: [Pair(**one) for one in told])


def named(found: Sequence[Pair], names: Sequence[str]) -> tuple[Twins, ...]:
    """The pairs by the names of the photos."""
    return tuple(Twins(names[pair.first], names[pair.second], pair.kind == "exact") for pair in found)


def grouped(found: Sequence[Pair], names: Sequence[str], group: Mapping[str, str]) -> torch.Tensor:
    """(N,) int64: photos that stay together, as duplicates or by the user's column of groups; with a column an empty cell is no group."""
    places: dict[str, int] = {}
    same = [(places.setdefault(group[name], i), i) for i, name in enumerate(names) if group.get(name)]
    return groups_of([*found, *(Pair(a, b, "exact", 1.0) for a, b in same if a != b)], len(names))


def told(found: Sequence[Pair], part: Sequence[str], label: Sequence[object]) -> list[str]:
    """What a person should know of the duplicates, a line each. DataError where the classes hold nothing but each other's photos."""
    across = [pair for pair in found if label[pair.first] != label[pair.second]]
    leaks = [pair for pair in found if part[pair.first] != part[pair.second]]
    if len({i for pair in across for i in (pair.first, pair.second)}) == len(label):
        raise DataError("other photos in each class", "classes that hold the same photos", "Put each photo into the class that it shows.")
    lines = [f"{len(found)} pairs of photos are the same or nearly so; those of one part stay on one side of a cut"] if found else []
    lines += [f"{len(across)} pairs of the same photo have two different answers: one of them is wrong"] if across else []
    return lines + ([f"{len(leaks)} pairs of the same photo are in two parts, so that the test is not quite unseen"] if leaks else [])


def _ordered(a: int, b: int, pair: Pair) -> Pair:
    return Pair(min(a, b), max(a, b), pair.kind, pair.likeness)
