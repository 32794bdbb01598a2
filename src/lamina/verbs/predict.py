"""predict: the answers of a run to a user's own inputs."""

import re
import sys
from collections.abc import Iterable, Sequence
from glob import glob
from pathlib import Path
from typing import Any

from lamina.core.errors import DataError
from lamina.core.predictions import Drawable, Prediction
from lamina.data.pictures import ENDINGS
from lamina.verbs.trained import open_run


def predict(folder: Path, words: Sequence[str], device: str = "auto", out: Path | None = None) -> list[tuple[str, Prediction]]:
    """Each input's name and its answer. words: files, folders, globs, rows of numbers, or `-` for standard input.

    Answers that are pictures are written to `out` (RUN/predictions) and named by their file.
    """
    trained = open_run(folder, device=device)
    takes = trained.task.takes(trained.spec)
    inputs = [(word, word) for word in words] if takes == "words" else list(_inputs(words, takes == "pictures"))
    answers = trained.task.predict(trained.predictor, trained.spec, [one for _, one in inputs])
    place = out or folder / "predictions"
    named = zip([name for name, _ in inputs], answers, strict=True)
    return [(_save(answer, place, name) if isinstance(answer, Drawable) else name, answer) for name, answer in named]


def _save(picture: Drawable, folder: Path, name: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (re.sub(r"[^\w-]+", "-", name) + picture.ending)
    picture.save(path)
    return str(path)


def _inputs(words: Sequence[str], pictures: bool) -> Iterable[tuple[str, Any]]:
    for word in words:
        if word == "-":
            yield from _standard_input(pictures)
        elif not pictures:
            yield word, word
        elif Path(word).is_dir():
            yield from _folder(Path(word))
        elif any(c in word for c in "*?[") and not Path(word).exists():
            yield from _globbed(word)
        else:
            yield word, Path(word)


def _folder(folder: Path) -> list[tuple[str, Path]]:
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS)
    if not found:
        raise DataError("pictures in the folder", f"none in `{folder}`", f"Endings that are read: {', '.join(sorted(ENDINGS))}.")
    return [(str(path), path) for path in found]


def _globbed(pattern: str) -> list[tuple[str, Path]]:
    found = sorted(glob(pattern, recursive=True))
    if not found:
        raise DataError("files that match", f"none for `{pattern}`", "Check the pattern, and quote it for the shell.")
    return [(name, Path(name)) for name in found]


def _standard_input(pictures: bool) -> list[tuple[str, Any]]:
    given = sys.stdin.buffer.read()
    if pictures:
        return [("-", given)]
    lines = given.decode("utf-8", errors="replace").splitlines()
    return [(line.strip(), line.strip()) for line in lines if line.strip()]
