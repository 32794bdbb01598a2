"""A table of names, each with the place of the thing it means: `name: "module:attribute"`.

Nothing is imported before it is asked for, so listing names costs no PyTorch.
"""

import ast
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lamina.core.errors import unknown


class Registry(Mapping[str, Any]):
    """Names and what they mean, loaded at first use.

    >>> sizes = Registry("size", {"path": "pathlib:Path"})
    >>> sizes["path"].__name__
    'Path'
    """

    def __init__(self, kind: str, places: dict[str, str]) -> None:
        self.kind, self._places = kind, places

    def __getitem__(self, name: str) -> Any:
        if name not in self._places:
            raise unknown(self.kind, name, self._places)
        module, attribute = self._places[name].split(":")
        found = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def summary(self, name: str) -> str:
        """The first line of the docstring behind a name, read without importing it."""
        module, attribute = self._places[name].split(":")
        if not module.startswith("lamina."):
            return f"{module}.{attribute}"
        spec = find_spec(module)
        assert spec, f"{name} points to no module"
        assert spec.origin, f"{name} points to a module without a file"
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
        owner = next((n for n in tree.body if getattr(n, "name", None) == attribute), tree)
        text = ast.get_docstring(owner) if isinstance(owner, ast.ClassDef | ast.FunctionDef) else None
        return (text or ast.get_docstring(tree) or "").partition("\n")[0]
