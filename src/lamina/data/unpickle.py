"""Read a pickle that may hold numpy arrays of numbers and plain containers, and nothing else.

A pickle can name any callable of the machine; this reader knows three names and refuses all others. Nor does it
hand these three to numpy, which believes what a pickle says of a type's insides: a damaged file was seen to crash
the process. Stand-ins keep what is said, and the arrays are then made from type, shape and bytes, all checked.
"""

import io
import pickle
import re
from typing import Any

import numpy as np

BROKEN = (  # what a damaged pickle makes the reader raise
    pickle.UnpicklingError, EOFError, AttributeError, LookupError, TypeError, ArithmeticError, RecursionError, MemoryError,
)  # fmt: skip


class _Type:
    """A dtype as it is named in a pickle: `f4`, and its byte order."""

    def __init__(self, code: Any, align: Any = False, copy: Any = False) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]

    def dtype(self) -> np.dtype[Any]:
        if not (re.fullmatch("b1|[iu][1248]|f[248]", str(self.code)) and self.order in ("<", ">", "=", "|")):
            raise ValueError(f"the pickle holds `{self.code}`; only arrays of numbers are read")
        return np.dtype(self.order + self.code)


class _Array:
    """An array as it is written in a pickle: version, shape, type, whether columns come first, bytes."""

    def __init__(self, subtype: Any, shape: Any, code: Any) -> None:
        self.array: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, columns_first, raw = state
        dtype = kind.dtype()
        content = bytearray(raw, "latin1") if isinstance(raw, str) else bytearray(memoryview(raw))
        self.array = np.frombuffer(content, dtype).reshape(shape, order="F" if columns_first else "C")


_KNOWN = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): "numpy.ndarray",  # only ever an argument
    ("numpy", "dtype"): _Type,
}


class _ArrayReader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise ValueError(f"the pickle asks for `{module}.{name}`; only numpy arrays are read")
        return _KNOWN[module, name]


def arrays(content: bytes) -> Any:
    """The tuples, lists, dicts and numpy arrays of numbers in a pickle; ValueError for anything else."""
    try:
        return _filled(_ArrayReader(io.BytesIO(content), encoding="latin1").load(), {})
    except BROKEN as error:
        raise ValueError(f"not a pickle of arrays: {error}") from error


def _filled(tree: Any, known: dict[int, Any]) -> Any:
    """The tree with an array in place of each stand-in; what is held twice is visited once."""
    if id(tree) not in known:
        known[id(tree)] = _fill(tree, known)
    return known[id(tree)]


def _fill(tree: Any, known: dict[int, Any]) -> Any:
    if isinstance(tree, tuple | list):
        return type(tree)(_filled(value, known) for value in tree)
    if isinstance(tree, dict):
        return {key: _filled(value, known) for key, value in tree.items()}
    if isinstance(tree, _Array) and tree.array is not None:
        return tree.array
    if tree is None or isinstance(tree, bool | int | float | str | bytes):
        return tree
    raise ValueError(f"the pickle holds a `{type(tree).__name__}`; only numpy arrays are read")
