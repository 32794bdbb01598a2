"""Read a pickle that may hold numpy arrays and plain containers, and nothing else.

A pickle can name any callable of the machine; this reader knows three names and refuses all others.
"""

import io
import pickle
from typing import Any

import numpy as np

_ARRAYS_ONLY = {
    ("numpy.core.multiarray", "_reconstruct"): np.ndarray(0).__reduce__()[0],
    ("numpy._core.multiarray", "_reconstruct"): np.ndarray(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _ArrayReader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ARRAYS_ONLY:
            raise ValueError(f"the pickle asks for `{module}.{name}`; only numpy arrays are read")
        return _ARRAYS_ONLY[module, name]


def arrays(content: bytes) -> Any:
    """The tuples, lists, dicts and numpy arrays in a pickle; ValueError for anything else."""
    try:
        return _ArrayReader(io.BytesIO(content), encoding="latin1").load()
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError) as error:
        raise ValueError(f"not a pickle of arrays: {error}") from error
