"""What was found out about files, kept as JSON so that it is found out once."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

DAMAGES = (OSError, ValueError, KeyError, TypeError)  # what reading a damaged file of ours raises
Thing = TypeVar("Thing")


def kept(file: Path, make: Callable[[], Any], read: Callable[[Any], Thing]) -> Thing:
    """What `read` makes of the plain values in `file`, or of those that `make` finds, which are kept there; a disk that is full or
    cannot be written is no reason to stop, as they are at hand."""
    try:
        return read(json.loads(file.read_text(encoding="utf-8")))
    except DAMAGES:
        pass
    found = make()
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(found), encoding="utf-8")
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
    return read(found)
