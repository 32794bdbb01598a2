"""Numbers of a text that is larger than memory: written to a file in the cache folder, which is then mapped."""

import os
import tempfile

import numpy as np

from lamina.data.sources import cache_folder


class KeptIds:
    """Numbers, written one array after another; the file has no name any more, and lives as long as it is mapped."""

    def __init__(self) -> None:
        folder = cache_folder() / "corpora"
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.NamedTemporaryFile(dir=folder, suffix=".i4")  # noqa: SIM115  # it is closed, and gone, once it is mapped

    def write(self, ids: np.ndarray) -> None:
        """Add numbers (N,)."""
        self._file.write(ids.astype("<i4", copy=False).tobytes())

    def mapped(self) -> np.ndarray:
        """All of them, int32; nothing more can be written."""
        self._file.flush()
        ids: np.ndarray = np.memmap(self._file.name, "<i4", "r") if os.path.getsize(self._file.name) else np.zeros(0, np.int32)
        self._file.close()
        return ids
