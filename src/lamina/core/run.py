"""A run: the folder in which a training lives, safe against kill -9 and a full disk at any moment.

A state is written under a temporary name, flushed to disk, and renamed; then the one-line file `last`
(or `best`) is replaced atomically; then states that nothing points to are removed.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lamina.core import events, tree
from lamina.core.errors import LaminaError, RunError, TrainingError
from lamina.core.predictions import Drawable

FORMAT = 1
Model = TypeVar("Model", bound=BaseModel)


class Run:
    """A run folder: `config.json spec.json plan.json events.jsonl states/<step>/ last best samples/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: Any = None

    @staticmethod
    def create(folder: Path) -> "Run":
        """A new run in an empty or absent folder."""
        if (folder / "config.json").exists():
            raise RunError("a folder without a run", f"`{folder}`, which holds one",
                           f"Continue it with `lamina train --resume {folder}`, or give another `--out`.")
        try:
            (folder / "states").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _not_writable(folder, error) from error
        run = Run(folder)
        run.lock()
        return run

    @staticmethod
    def open(folder: Path) -> "Run":
        """A run that exists, of a format that this version reads."""
        if not (folder / "config.json").is_file():
            raise RunError("a run folder (it holds `config.json`)", f"`{folder}`", "`lamina train` makes one.")
        run = Run(folder)
        found = run.read("config").get("format")
        if not isinstance(found, int) or found > FORMAT:
            raise RunError(f"a run of format {FORMAT} or older", f"format `{found}` in `{folder}`",
                           "Open it with the newer lamina that wrote it.")
        return run

    def lock(self) -> None:
        """Hold the run for this process; the kernel lets go when the process dies."""
        try:
            self._lock = (self.folder / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.unlock()
            raise RunError("a run that no other process trains", f"`{self.folder}`, which is in use",
                           "Wait for it to end, or give another `--out`.") from error
        except OSError as error:
            self.unlock()
            raise _not_writable(self.folder, error) from error

    def unlock(self) -> None:
        """Let go of the run."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *error: object) -> None:
        self.unlock()

    def read(self, name: str) -> dict[str, Any]:
        """One of the run's JSON files, by its stem."""
        path = self.folder / f"{name}.json"
        with _whole(path):
            found = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(found, dict):
                raise ValueError("it holds no words and values")
            return _Content(found, path)

    def read_as(self, name: str, kind: type[Model]) -> Model:
        """One of the run's JSON files as the pydantic model that wrote it."""
        found = self.read(name)
        try:
            return kind.model_validate(dict(found))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise _damaged(self.folder / f"{name}.json", f"`{place}`: {first['msg']}") from error

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Replace one of the run's JSON files atomically."""
        with self._room():
            replace(self.folder / f"{name}.json", json.dumps(content, indent=1, ensure_ascii=False))

    def keep(self, name: str, tensors: Mapping[str, torch.Tensor]) -> None:
        """Replace a file of tensors beside the JSON files atomically: what was found out about the trained network."""
        path = self.folder / f"{name}.safetensors"
        with self._room():
            save_file({k: t.detach().cpu().contiguous().clone() for k, t in tensors.items()}, path.with_name(path.name + ".part"))
            path.with_name(path.name + ".part").replace(path)

    def kept(self, name: str) -> dict[str, torch.Tensor]:
        """The tensors that `keep` wrote; {} where it never did."""
        path = self.folder / f"{name}.safetensors"
        with _whole(path):
            return load_file(path) if path.exists() else {}

    def tell(self, event: events.Event) -> None:
        """Add an event to the run's."""
        with self._room(), self.events_file.open("a", encoding="utf-8") as file:
            file.write(event.to_json() + "\n")

    def told(self) -> list[events.Event]:
        """All events so far."""
        with _whole(self.events_file):
            return list(events.read(self.events_file))

    def draw(self, name: str, picture: Drawable) -> None:
        """Write a picture into the run's folder."""
        path = self.folder / name
        with self._room():
            path.parent.mkdir(exist_ok=True)
            picture.save(path)

    @property
    def events_file(self) -> Path:
        return self.folder / "events.jsonl"

    def pointer(self, name: str) -> int | None:
        """The step that `last` or `best` points to."""
        found = self._pointed(name)
        return int(found.rstrip("+")) if found else None

    def _pointed(self, name: str) -> str:
        """The folder in `states/` that `last` or `best` points to, or ""."""
        path = self.folder / name
        with _whole(path):
            found = path.read_text(encoding="utf-8") if path.exists() else ""
            if not re.fullmatch(r"(\d+\+*)?", found):
                raise ValueError(f"`{found[:20]}` is no state")
        return found

    def save(self, step: int, state: dict[str, Any], best: bool) -> None:
        """Keep the state of one step as `last`, and as `best` if it is; older states go.

        `state["weights"]` is what evaluation uses; the rest is what a resumed run needs. A step that is saved again,
        as more became known of it, gets a folder of its own: what `last` points to is never touched.
        """
        name = str(step)
        while (self.folder / "states" / name).exists():
            name += "+"
        with self._room():
            if self.events_file.exists():
                _flush(self.events_file)
            _write_state(self.folder / "states" / name, state)
            for pointer in ("last", "best") if best else ("last",):
                replace(self.folder / pointer, name)
            _flush(self.folder)
        self._sweep()

    def _sweep(self) -> None:
        """Remove the states that nothing points to, and those that were never finished."""
        keep = {self._pointed("last"), self._pointed("best")}
        for old in (self.folder / "states").iterdir():
            if old.name not in keep:
                shutil.rmtree(old, ignore_errors=True)

    def load(self, name: str = "best", only: tuple[str, ...] = ("weights", "rest")) -> dict[str, Any]:
        """The state that `last` or `best` points to, checked against its checksums."""
        found = self._pointed(name)
        if not found:
            raise RunError("a run with a saved state", f"`{self.folder}`, which has none yet",
                           f"Train it first: `lamina train --resume {self.folder}`.")
        folder = self.folder / "states" / found
        with _whole(folder):
            described = _described(folder / "state.json")
            return {part: _load_part(folder, part, described[part]) for part in only}

    def cut(self, told: int, best: int) -> list[events.Event]:
        """Go back to the state that `last` points to, from where a resumed run goes on, and mend what a crash left half done.

        told: the events that the state knows of; later ones go, for the run will tell them again. best: the step of its best
        state. Returns the events that are left.
        """
        kept = self.told()[:told]
        with self._room():
            replace(self.events_file, "".join(event.to_json() + "\n" for event in kept))
            if best and best == self.pointer("last") != self.pointer("best"):  # the crash came between the two pointers
                replace(self.folder / "best", self._pointed("last"))
            self._sweep()
        return kept

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Where the run is written to: a disk that is full or cannot be written to is said in three parts."""
        try:
            yield
        except (OSError, SafetensorError) as error:
            raise TrainingError("room to save the run, in a folder that can be written", f"`{error}` at `{self.folder}`",
                                f"What was saved before is whole. Free some disk, then `lamina train --resume {self.folder}`.") from error


class _Content(dict[str, Any]):
    """What a JSON file of the run says; a word that is missing is damage."""

    def __init__(self, found: dict[str, Any], path: Path) -> None:
        super().__init__(found)
        self.path = path

    def __missing__(self, key: str) -> Any:
        raise _damaged(self.path, f"no `{key}`")


def _damaged(path: Path, what: str) -> RunError:
    return RunError("a whole run", f"`{path}`: {what}", "The run is damaged; restore the file, or train again.")


def _not_writable(folder: Path, error: OSError) -> RunError:
    return RunError("a run folder that can be written", f"`{folder}`: {error}", "Give another `--out`, or mend its rights.")


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Where the run is read: what cannot be understood is damage."""
    try:
        yield
    except LaminaError:
        raise
    except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
        raise _damaged(path, str(error).partition("\n")[0]) from error


def replace(path: Path, text: str) -> None:
    """Write a small file so that a crash leaves the old one or the new one, never a part."""
    temporary = path.with_name(path.name + ".part")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _write_state(target: Path, state: dict[str, Any]) -> None:
    temporary = target.with_name(target.name + ".part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    described = {}
    for part, content in state.items():
        skeleton, tensors = tree.take_apart(content)
        path = temporary / f"{part}.safetensors"
        save_file({k: t.detach().cpu().contiguous().clone() for k, t in tensors.items()}, path)
        _flush(path)
        described[part] = {"tree": skeleton, "sha256": _sha256(path)}
    replace(temporary / "state.json", json.dumps({"sha256": _sha256_of(described), "parts": described}))
    temporary.replace(target)
    _flush(target.parent)


def _described(path: Path) -> dict[str, Any]:
    """The tree and the checksum of each part of a state."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if _sha256_of(found["parts"]) != found["sha256"]:
        raise ValueError(f"`{path.name}` is not the file that was saved")
    parts: dict[str, Any] = found["parts"]
    return parts


def _load_part(folder: Path, part: str, described: dict[str, Any]) -> Any:
    path = folder / f"{part}.safetensors"
    if _sha256(path) != described["sha256"]:
        raise ValueError(f"`{path.name}` is not the file that was saved")
    return tree.put_together(described["tree"], load_file(path))


def _sha256_of(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
