"""predict: the answers of a run to a user's own inputs."""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from glob import glob
from pathlib import Path
from typing import Any

import torch

from lamina.core import config as knobs
from lamina.core.errors import DataError, UsageError
from lamina.core.predictions import Drawable, Episode, Forecast, Picture, Prediction, Regions, Translation
from lamina.core.say import say
from lamina.core.spec import Boxes, Input, Mask, Tags
from lamina.data.archives import is_archive
from lamina.data.film import is_film
from lamina.data.inputs import read_all, read_one
from lamina.data.pictures import ENDINGS
from lamina.envs.games.opening import looks_like_game
from lamina.oversight.why import Why, of_scene, why
from lamina.verbs.data import reader
from lamina.verbs.predict_photos import Clock, Seen, film, none_readable, photos, readable
from lamina.verbs.trained import Trained, open_run

FILE_OF_ROWS = r"[^,;\s]+\.(csv|tsv|jsonl|ndjson|parquet|xlsx?|txt)(\.gz|\.xz|\.zip)?"  # a word that can be no row and no text


@dataclass(frozen=True)
class Answer:
    """What was said of one input. `unlike`: how the input differs from the training data, "" where it does not; `files`: what
    was drawn to explain it, by its kind."""

    name: str
    prediction: Prediction
    unlike: str = ""
    why: Why | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        reasons = {**self.files} if self.why is None else {"why": {**self.why.facts, **self.files}}
        return {"input": self.name, **self.prediction.to_json(), "unlike": self.unlike, **reasons}

    def lines(self) -> list[str]:
        """For a person."""
        mark = f"   ({self.unlike})" if self.unlike else ""
        reasons = [] if self.why is None else [f"    {line}" for line in self.why.lines]
        answer = str(self.prediction)
        written_on = self.name and answer.startswith(self.name)
        first = answer if written_on else f"{self.name}: {answer}"
        return [f"{first}{mark}", *reasons, *(f"    {kind}: {path}" for kind, path in self.files.items())]


@dataclass(frozen=True)
class Wish:
    """How `predict` answers: on which device, where pictures go (RUN/predictions), with reasons, and how much of the last frame of
    a video is kept in the next (`smooth`, for masks)."""

    device: str = "auto"
    out: Path | None = None
    explain: bool = False
    smooth: float = 0.0


def predict(folder: Path, words: Sequence[str], wish: Wish = Wish()) -> Iterable[Answer]:
    """An answer to each input. words: files, folders, globs, videos, rows of numbers, or `-` for standard input."""
    trained, words = told_how(open_run(folder, device=wish.device), words)
    place = wish.out or folder / "predictions"
    if trained.task.takes(trained.spec) == "photos":
        if wish.explain and not isinstance(trained.spec.target, Boxes | Mask):
            raise UsageError("boxes or masks for `--why`", f"a run of `{trained.task.name}`", "Captions show where they looked.")
        if wish.explain and any(is_film(word) for word in words):
            raise UsageError("photos for `--why`", "a video", "Take out the frames that you want to ask about.")
        return _of_photos(trained, words, place, wish)
    return _of_rows(trained, words, place, wish.explain)


def told_how(trained: Trained, words: Sequence[str]) -> tuple[Trained, list[str]]:
    """The run with the knobs among the words, such as `beam=5`, and the words that are inputs. Only what a task knows is a knob: a text may
    have an equals sign."""
    config = getattr(sys.modules[type(trained.task).__module__], "Config", None)
    known = set() if config is None else set(config.model_fields)
    words = [f"game={word}" if "game" in known and looks_like_game(word) and word.endswith(".py") else word for word in words]
    found = {name: value for name, equals, value in (word.partition("=") for word in words) if equals and name in known}
    rest = [word for word in words if word.partition("=")[0] not in found or "=" not in word]
    if not found or config is None:
        return trained, rest
    make: Any = type(trained.task)
    return replace(trained, task=make(knobs.build(trained.task.name, config, found))), rest


def _of_photos(trained: Trained, words: Sequence[str], place: Path, wish: Wish) -> Iterator[Answer]:
    """Boxes and masks are drawn over their photos, one after another."""
    for word in (word for word in words if is_film(word)):
        yield Answer(word, film(trained, word, place, wish.smooth))
    inputs = list(_inputs([word for word in words if not is_film(word)], pictures=True))
    clock = Clock()
    for name, photo, answer in photos(trained, inputs, words, clock) if inputs else ():
        clock.start()
        files = {"drawn": _save(answer, place, name)}
        if isinstance(answer, Regions):
            files["mask"] = str(Path(files["drawn"]).with_suffix(".png"))
            answer.save_mask(Path(files["mask"]))
        clock.stop("draw")
        reason = of_scene(trained.predictor, trained.spec, photo.x) if wish.explain else None
        yield Answer(name, Seen(str(answer), answer.to_json()), why=reason, files=files | _drawn(reason, place, name))
    if inputs:
        say(str(clock))


def _of_rows(trained: Trained, words: Sequence[str], place: Path, explain: bool) -> list[Answer]:
    takes = trained.task.takes(trained.spec)
    if takes == "words":
        given = [text for word in words for text in _given(word)]
        drawn = zip(given, trained.task.predict(trained.predictor, trained.spec, given), strict=True)
        return [Answer(_save(answer, place, name) if isinstance(answer, Picture | Episode) else name, answer) for name, answer in drawn]
    pictures = takes == "pictures"
    inputs = [found for word in words for found in _opened(word, trained, pictures)]
    if pictures:
        inputs = _readable(inputs, words, trained.spec.input)
    x = read_all(trained.spec.input, [one for _, one in inputs])
    as_written = isinstance(trained.spec.target, Tags)  # their words are told again, also those that are not known
    answers = trained.task.predict(trained.predictor, trained.spec, [name for name, _ in inputs] if as_written else x)
    unlike = trained.familiar().unlike(trained.predictor, trained.spec, x)
    reasons = _reasons(trained, x) if explain else [None] * len(x)
    return [Answer(name, answer, strange, reason, _drawn(reason, place, name) | _looked(answer, place, name))
            for (name, _), answer, strange, reason in zip(inputs, answers, unlike, reasons, strict=True)]


def _opened(word: str, trained: Trained, pictures: bool) -> Iterable[tuple[str, Any]]:
    """What a word stands for, with the name of each. Archives, tables and texts are opened by the run's kind of reader."""
    return _inputs([word], pictures) if pictures and not is_archive(Path(word)) else _rows_of(word, trained)


def _readable(inputs: Sequence[tuple[str, Any]], words: Sequence[str], spec: Input) -> list[tuple[str, Any]]:
    """The pictures as tensors."""
    kept = list(readable(partial(read_one, spec), inputs, words, len(inputs)))
    if not kept:
        raise none_readable(len(inputs))
    return kept


def _reasons(trained: Trained, x: torch.Tensor) -> Sequence[Why | None]:
    try:
        data = trained.data()
    except UsageError:  # data from Python, or files that changed: neighbours go by their rows
        data = None
    return why(trained.predictor, trained.spec, x, trained.familiar(), data)


def _given(word: str) -> list[str]:
    """A word as it is, or for `-` the whole of standard input."""
    return [sys.stdin.buffer.read().decode("utf-8", errors="replace")] if word == "-" else [word]


def _looked(answer: Prediction, folder: Path, name: str) -> dict[str, str]:
    """Write where a translation looked, where it did, and how a series goes on."""
    if isinstance(answer, Forecast) or (isinstance(answer, Translation) and answer.looked is not None):
        return {"drawn": _save(answer, folder, name[:60])}
    return {}


def _drawn(reason: Why | None, folder: Path, name: str) -> dict[str, str]:
    """Write the pictures of the reasons; their files by kind."""
    return {} if reason is None else {kind: _save(one, folder, f"{name} {kind}") for kind, one in reason.pictures.items()}


def _save(picture: Drawable, folder: Path, name: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (re.sub(r"[^\w-]+", "-", name) + picture.ending)
    picture.save(path)
    return str(path)


def _rows_of(word: str, trained: Trained) -> Iterable[tuple[str, Any]]:
    """The rows of a file as the run's kind of reader opens it; any other word is a row or a text itself."""
    if word == "-" or not _is_there(word):
        if re.fullmatch(FILE_OF_ROWS, word, re.IGNORECASE):
            raise DataError("a file that is there", f"`{word}`, which is not", "Check the name.")
        return _inputs([word], pictures=False)
    names, rows = reader(Path(word), trained.described["configs"]["data"], trained.spec).inputs(trained.spec)
    return zip(names, rows, strict=True)


def _is_there(word: str) -> bool:
    """Whether a word is the name of a file; a row too long to be a name is none, and nor is nothing."""
    try:
        return word != "" and Path(word).exists()
    except (OSError, ValueError):
        return False


def _inputs(words: Sequence[str], pictures: bool) -> Iterable[tuple[str, Any]]:
    for word in words:
        if word == "-":
            yield from _standard_input(pictures)
        elif pictures and not word:
            raise DataError("the name of a picture, a folder or a pattern", "an empty word: `` names nothing", "Check the command.")
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
