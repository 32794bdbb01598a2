"""The layers of a model as they run: name, type, output shape and parameters, noted by hooks in one forward pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from lamina.core.speaker import Speaker
from lamina.core.spec import Actions, Image, Spec, Text, Tokens
from lamina.nn.scaled import behind_scale

ROWS = 2  # of the forward pass: one would hide a layer that mixes rows up
PLACES = 16  # of a text, which may be as long as one likes


@dataclass(frozen=True)
class Layer:
    """One layer that ran. `shape`: of its first output, the batch included; `parameters`: its own, each counted once."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


class Trace:
    """A context manager that notes the layers of `model` in the order in which they end; what ran before an error is kept.

    >>> with Trace(nn.Sequential(nn.Linear(3, 4), nn.ReLU())) as trace:
    ...     _ = trace.model(torch.zeros(2, 3))
    >>> [(layer.name, layer.shape, layer.parameters) for layer in trace.layers()]
    [('0', (2, 4), 16), ('1', (2, 4), 0)]
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._ran: list[tuple[str, str, tuple[int, ...]]] = []
        self._hooks: list[RemovableHandle] = []

    def __enter__(self) -> "Trace":
        for name, module in self.model.named_modules():
            if _shown(name, module):
                self._hooks.append(module.register_forward_hook(self._noting(name)))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for hook in self._hooks:
            hook.remove()

    def _noting(self, name: str) -> Any:
        def note(module: nn.Module, inputs: Any, output: Any) -> None:
            self._ran.append((name, type(module).__name__, _shape(output)))

        return note

    def layers(self) -> list[Layer]:
        """The layers that ran; one that ran twice shows its parameters the first time only."""
        counts = _counts(self.model, {name for name, _, _ in self._ran})
        return [Layer(name, kind, shape, counts.pop(name, 0)) for name, kind, shape in self._ran]

    def others(self) -> list[Layer]:
        """The parameters of no layer that ran, as one: of the network itself, or of parts that are asked otherwise than by their output."""
        rest = sum(map(_size, self.model.parameters())) - sum(layer.parameters for layer in self.layers())
        return [Layer("others", "", (), rest)] if rest else []


def layers(model: nn.Module, spec: Spec) -> list[Layer]:
    """The layers of `model`, from two empty rows of the spec's input in evaluation mode."""
    assert not isinstance(spec.input, Actions), "actions are a target"
    dtype = torch.uint8 if isinstance(spec.input, Image) else torch.int32 if isinstance(spec.input, Text | Tokens) else torch.float32
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), Trace(model) as trace:
            shape = (min(PLACES, spec.input.length),) if isinstance(spec.input, Text | Tokens) else spec.input.shape
            x = torch.zeros(ROWS, *shape, dtype=dtype, device=device)
            net, seen = behind_scale(model, x)
            said = (torch.zeros(ROWS, 1, dtype=torch.int32, device=device),) if isinstance(net, Speaker) else ()
            _ = net(seen, *said) if said else model(x)
    finally:
        model.train(training)
    return [*trace.layers(), *trace.others()]


def table(found: Sequence[Layer]) -> str:
    """The layers as lines of text; the last one is the sum.

    >>> print(table([Layer("net.0", "Linear", (2, 10), 7850)]))
    layer   type     output    parameters
    net.0   Linear   (B, 10)        7,850
    total                           7,850
    """
    total = sum(layer.parameters for layer in found)
    rows = [("layer", "type", "output", "parameters")]
    rows += [(layer.name, layer.kind, shape_text(layer.shape), f"{layer.parameters:,}") for layer in found]
    rows += [("total", "", "", f"{total:,}")]
    a, b, c, d = (max(len(row[i]) for row in rows) for i in range(4))
    return "\n".join(f"{row[0]:<{a}}   {row[1]:<{b}}   {row[2]:<{c}}   {row[3]:>{d}}" for row in rows)


def shape_text(shape: Sequence[int]) -> str:
    """(2, 10) as `(B, 10)`: the first number is how many rows were shown."""
    return f"({', '.join(['B', *map(str, shape[1:])])})" if shape else "()"


def _shown(name: str, module: nn.Module) -> bool:
    """Layers without layers inside, and those with parameters of their own beside them."""
    if not name or "parametrizations" in name:
        return False
    return not any(True for _ in module.children()) or any(True for _ in module.parameters(recurse=False))


def _shape(output: Any) -> tuple[int, ...]:
    while isinstance(output, tuple | list) and output:
        output = output[0]
    return tuple(output.shape) if isinstance(output, torch.Tensor) else ()


def _counts(model: nn.Module, shown: set[str]) -> dict[str, int]:
    """Each parameter is counted for the innermost layer that is shown and holds it, else for the model ("")."""
    counts: dict[str, int] = {}
    for path, parameter in model.named_parameters():
        owner = path.rpartition(".")[0]
        while owner and owner not in shown:
            owner = owner.rpartition(".")[0]
        counts[owner] = counts.get(owner, 0) + _size(parameter)
    return counts


def _size(parameter: nn.Parameter) -> int:
    lazy = isinstance(parameter, nn.parameter.UninitializedParameter)  # its layer was not reached
    return 0 if lazy else parameter.numel()
