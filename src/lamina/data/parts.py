"""The parts (train, valid, test) that folders or lists of files name: read, applied, told."""

import re
from collections import Counter
from collections.abc import Sequence

import torch

from lamina.core.errors import DataError
from lamina.data.arrays import Divisible
from lamina.data.layout import PARTS

UNLABELLED = {"unlabelled", "unlabeled"}  # names of folders


def part_of(name: str) -> str:
    """The part that a folder of a file is called like, the outermost first; "" if none is. Years at its end say nothing.

    >>> part_of("images/train2017/1.jpg"), part_of("images/test tubes/1.jpg")
    ('train', '')
    """
    folders = [re.sub(r"[\W\d_]+$", "", folder.lower()) for folder in name.split("/")[:-1]]
    return next((PARTS[folder] for folder in folders if folder in PARTS), "")


def without_answer(name: str) -> bool:
    """Whether a file lies in a folder that says that it has no answer.

    >>> without_answer("street/unlabelled/1.jpg"), without_answer("unlabelled.jpg")
    (True, False)
    """
    return bool(UNLABELLED & {folder.lower() for folder in name.split("/")[:-1]})


def part_called(stem: str) -> str:
    """The part that a word of a file's name is called like; "" if none is.

    >>> part_called("instances_val2017")
    'valid'
    """
    return next((PARTS[one] for one in re.split(r"[^a-z]+", stem.lower()) if one in PARTS), "")


def parted(rows: Divisible, part: Sequence[str]) -> dict[str, Divisible]:
    """The rows of each part; the one held-out part of two is the test."""
    parts = {name: rows.part(torch.tensor([i for i, one in enumerate(part) if one == name])) for name in sorted(set(part))}
    if "train" not in parts:
        raise DataError("photos in `train` that can be used", "none", "Look at what was refused: `lamina look`.")
    if "valid" in parts and "test" not in parts:
        parts["test"] = parts.pop("valid")
    return parts


def told(part: Sequence[str], named_by: str = "from the names of folders") -> list[str]:
    """What is said of the parts, for a person."""
    counts = Counter(part)
    if len(counts) == 1:
        return ["no folders of train, valid and test: a share of each class is held out for them"]
    named = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))
    rest = "" if len(counts) > 2 else "; the held-out one is the sealed test, validation is cut from train"
    return [f"parts {named_by}: {named}{rest}"]
