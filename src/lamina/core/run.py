"""A run: the folder in which a training lives, safe against kill -9 and a full disk at any moment.

A state is written under a temporary name, flushed to disk, and renamed; then the one-line file `last`
(or `best`) is replaced atomically; then states that nothing points to are removed.
"""

import fcntl
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lamina.core import events, tree
from lamina.core.errors import RunError, TrainingError

FORMAT = 1


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
        (folder / "states").mkdir(parents=True, exist_ok=True)
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
        handle = (self.folder / "lock").open("w")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.close()
            raise RunError("a run that no other process trains", f"`{self.folder}`, which is in use",
                           "Wait for it to end, or give another `--out`.") from error
        self._lock = handle

    def unlock(self) -> None:
        """Let go of the run."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def read(self, name: str) -> dict[str, Any]:
        """One of the run's JSON files, by its stem."""
        path = self.folder / f"{name}.json"
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"a readable `{name}.json` in the run", f"`{path}`: {error}",
                           "The run is damaged; train again, or restore the file.") from error
        return found

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Replace one of the run's JSON files atomically."""
        replace(self.folder / f"{name}.json", json.dumps(content, indent=1, ensure_ascii=False))

    @property
    def events_file(self) -> Path:
        return self.folder / "events.jsonl"

    def pointer(self, name: str) -> int | None:
        """The step that `last` or `best` points to."""
        path = self.folder / name
        return int(path.read_text()) if path.exists() else None

    def save(self, step: int, state: dict[str, Any], best: bool) -> None:
        """Keep the state of one step as `last`, and as `best` if it is; older states go.

        `state["weights"]` is what evaluation uses; the rest is what a resumed run needs.
        """
        target = self.folder / "states" / str(step)
        try:
            if not target.exists():
                _write_state(target, state)
            for name in ("last", "best") if best else ("last",):
                replace(self.folder / name, str(step))
        except (OSError, SafetensorError) as error:
            raise TrainingError("room to save the run", f"`{error}` at `{target}`",
                                f"Free some disk, then `lamina train --resume {self.folder}`.") from error
        keep = {str(self.pointer("last")), str(self.pointer("best"))}
        for old in (self.folder / "states").iterdir():
            if old.name not in keep:
                shutil.rmtree(old, ignore_errors=True)

    def load(self, name: str = "best", only: tuple[str, ...] = ("weights", "rest")) -> dict[str, Any]:
        """The state that `last` or `best` points to, checked against its checksums."""
        step = self.pointer(name)
        if step is None:
            raise RunError("a run with a saved state", f"`{self.folder}`, which has none yet",
                           f"Train it first: `lamina train --resume {self.folder}`.")
        folder = self.folder / "states" / str(step)
        try:
            described = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            return {part: _load_part(folder, part, described[part]) for part in only}
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise RunError("a whole saved state", f"`{folder}`: {error}", "The run is damaged; train again.") from error

    def cut_events(self, step: int) -> None:
        """Drop the events after `step`, as a resumed run will tell them again."""
        kept = [event for event in events.read(self.events_file) if event.step <= step and event.kind != "done"]
        replace(self.events_file, "".join(event.to_json() + "\n" for event in kept))


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
    replace(temporary / "state.json", json.dumps(described))
    temporary.replace(target)
    _flush(target.parent)


def _load_part(folder: Path, part: str, described: dict[str, Any]) -> Any:
    path = folder / f"{part}.safetensors"
    if _sha256(path) != described["sha256"]:
        raise ValueError(f"`{path.name}` is not the file that was saved")
    return tree.put_together(described["tree"], load_file(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
