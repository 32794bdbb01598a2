"""A user's own module: what the run writes down of it, and whether it can learn from the data."""

import hashlib
import inspect
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lamina.core.detector import ANSWER
from lamina.core.errors import UsageError
from lamina.core.spec import Boxes, Classes, Image, Labels, Mask, Spec, Tags
from lamina.nn.scaled import Scaled
from lamina.oversight.summary import ROWS, Layer, Trace, shape_text

ANSWERS = {"Softmax", "LogSoftmax", "Softmax2d", "Sigmoid", "LogSigmoid", "Softmin"}
CANNOT_RUN = (RuntimeError, ValueError, TypeError, IndexError, AttributeError, AssertionError, NotImplementedError)


def describe(net: nn.Module) -> dict[str, str | None]:
    """Qualified name, source file and its sha256; both None where the class has no file of the user's (torch's own, a notebook)."""
    file = _source(type(net))
    return {
        "name": f"{type(net).__module__}.{type(net).__qualname__}",
        "file": None if file is None else str(file),
        "sha256": None if file is None else hashlib.sha256(file.read_bytes()).hexdigest(),
    }  # fmt: skip


def warn_if_changed(described: dict[str, str | None], net: nn.Module) -> None:
    """Warn where the module's source is not the one that was trained; its weights may still fit."""
    now = describe(net)
    if (now["name"], now["sha256"]) != (described["name"], described["sha256"]):
        warnings.warn(
            f"expected the module that was trained, `{described['name']}` from `{described['file']}`; came `{now['name']}` from "
            f"`{now['file']}`, which is another class or another text. Check that it still computes the same.", UserWarning, stacklevel=3,
        )  # fmt: skip


def _source(kind: type) -> Path | None:
    try:
        file = inspect.getsourcefile(kind)
    except (TypeError, OSError):
        return None
    return None if file is None or kind.__module__.startswith("torch.") or not Path(file).is_file() else Path(file)


def check(model: Scaled, spec: Spec, x: torch.Tensor) -> None:
    """Run two rows through, which fills lazy layers in; refuse a module that cannot learn from the data.

    model: the user's module as its method wraps it; x: (2, ...) of the training split.
    """
    model.eval()
    with torch.no_grad(), Trace(model) as trace:
        try:
            output = model(x)
        except CANNOT_RUN as error:
            raise _cannot_run(x, trace.layers(), error) from error
    model.train()
    model.lay_out()
    last = [layer for layer in trace.layers() if layer.name.startswith("net")][-1:]
    if isinstance(spec.target, Boxes):
        _check_boxes(output, last)
    elif isinstance(spec.target, Tags):
        _check_tags(spec, output, x.shape[1], last)
    else:
        check_shape = _check_mask if isinstance(spec.target, Mask) else _check_shape
        check_shape(spec, output, last)
        _check_logits(spec, output, last)
    if not any(p.requires_grad for p in model.parameters()):
        raise UsageError("a module with parameters that learn", "one without any",
                         "Add a layer such as nn.LazyLinear, or thaw its parameters.")


def _cannot_run(x: torch.Tensor, ran: Sequence[Layer], error: Exception) -> UsageError:
    after = f"after {_place(ran[-1:])}, whose output is {shape_text(ran[-1].shape)}: " if ran[1:] else ""
    reason = (str(error).strip() or type(error).__name__).partition("\n")[0]
    pictures = "Rows are (B, D) float32, and pictures must be given as uint8 arrays (N, H, W) or (N, H, W, C)"
    advice = "Pictures are (B, C, H, W) float32" if x.ndim == 4 else pictures
    return UsageError(f"a module that takes a batch of shape {shape_text(x.shape)}", f"{after}`{reason}`",
                      f"{advice}; lazy layers (nn.LazyLinear, nn.LazyConv2d) take their input's width from the data.")


def _check_shape(spec: Spec, output: Any, last: Sequence[Layer]) -> None:
    size, what = spec.target.size, {"classes": "class", "labels": "label", "numbers": "number"}[spec.target.kind]
    if _has_shape(output, (size,)):
        return
    flatten = "nn.Flatten() and " if isinstance(spec.input, Image) and isinstance(output, torch.Tensor) and output.ndim > 2 else ""
    raise UsageError(f"an output (B, {size}), one value for each {what} of the target", _came(output, last),
                     f"End the module with {flatten}nn.LazyLinear({size}).")


def _check_mask(spec: Spec, output: Any, last: Sequence[Layer]) -> None:
    wanted = (spec.target.size, *spec.input.shape[1:])
    if not _has_shape(output, wanted):
        raise UsageError(f"an output (B, {', '.join(map(str, wanted))}), one value for each class and pixel", _came(output, last),
                         "Choose a network of masks, as `--model unet`, or end the module with a convolution at full size.")


def _check_tags(spec: Spec, output: Any, places: int, last: Sequence[Layer]) -> None:
    if not _has_shape(output, (spec.target.size, places)):
        raise UsageError(f"an output (B, {spec.target.size}, L), one value for each label and word", _came(output, last),
                         "Choose a network that reads in step, as `--model bilstm`.")


def _check_boxes(output: Any, last: Sequence[Layer]) -> None:
    if not isinstance(output, torch.Tensor) or output.ndim != 3 or output.shape[2] != ANSWER:
        raise UsageError(f"an output (B, M, {ANSWER}): boxes, scores, classes (core/detector.py)", _came(output, last),
                         "Choose a network that finds objects, as `--model ssd`.")


def _check_logits(spec: Spec, output: torch.Tensor, last: Sequence[Layer]) -> None:
    """Refuse a last softmax or sigmoid; a softmax written as a function is known by its sums."""
    ended = bool(last) and last[0].kind in ANSWERS
    if not ended and not (isinstance(spec.target, Classes | Mask) and _is_softmax(output)):
        return
    came = f"{_place(last)}" if ended else "an output that was already put through a softmax"
    what = "logits" if isinstance(spec.target, Classes | Labels | Mask) else "plain numbers"
    raise UsageError(f"{what} as the module's output", came,
                     "Leave that layer out: the loss includes it, and `predict` applies it where it belongs.")


def _is_softmax(output: torch.Tensor) -> bool:
    mass, logs = output.sum(1), output.logsumexp(1)
    as_logs = bool(torch.allclose(logs, torch.zeros_like(logs), atol=1e-4))
    return as_logs or bool((output >= 0).all() and torch.allclose(mass, torch.ones_like(mass), atol=1e-4))


def _has_shape(output: Any, wanted: tuple[int, ...]) -> bool:
    """Whether an output is numbers of this shape for each of the rows."""
    return isinstance(output, torch.Tensor) and output.shape == (ROWS, *wanted) and output.is_floating_point()


def _came(output: Any, last: Sequence[Layer]) -> str:
    return f"`{shape_text(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__}` from {_place(last)}"


def _place(last: Sequence[Layer]) -> str:
    return f"`{last[0].name.removeprefix('net.')}` ({last[0].kind})" if last else "the module"
