"""A state (dicts and lists of tensors and plain values) taken apart into tensors and JSON, and put together."""

from typing import Any

import torch

_MARK = "$tensor"


def take_apart(tree: Any, path: str = "") -> tuple[Any, dict[str, torch.Tensor]]:
    """A JSON-able skeleton and the tensors by path.

    >>> skeleton, tensors = take_apart({"w": torch.zeros(2), "step": 3})
    >>> skeleton, list(tensors)
    ({'w': {'$tensor': 'w'}, 'step': 3}, ['w'])
    """
    if isinstance(tree, torch.Tensor):
        return {_MARK: path}, {path: tree}
    if isinstance(tree, dict):
        items = [(key, take_apart(value, f"{path}/{key}".lstrip("/"))) for key, value in tree.items()]
        assert all(isinstance(key, str) for key, _ in items), f"state keys are words: {list(tree)}"
        return {k: s for k, (s, _) in items}, {p: t for _, (_, ts) in items for p, t in ts.items()}
    if isinstance(tree, list | tuple):
        parts = [take_apart(value, f"{path}/{i}".lstrip("/")) for i, value in enumerate(tree)]
        return [s for s, _ in parts], {p: t for _, ts in parts for p, t in ts.items()}
    assert tree is None or isinstance(tree, bool | int | float | str), f"{path} holds a {type(tree)}"
    return tree, {}


def put_together(skeleton: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """The inverse of `take_apart` (tuples come back as lists)."""
    if isinstance(skeleton, dict):
        if _MARK in skeleton:
            return tensors[skeleton[_MARK]]
        return {key: put_together(value, tensors) for key, value in skeleton.items()}
    if isinstance(skeleton, list):
        return [put_together(value, tensors) for value in skeleton]
    return skeleton
