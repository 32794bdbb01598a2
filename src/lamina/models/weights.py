"""Weights from outside: read within limits, refused where they are another architecture's, put into a network by name."""

import io
import zipfile
from collections.abc import Mapping
from functools import cache
from itertools import product
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from torch import nn

from lamina.core.backbone import Published, State
from lamina.core.config import build, config_of
from lamina.core.errors import DataError, UsageError
from lamina.core.spec import Boxes, Classes, Image, Spec
from lamina.models import MODELS
from lamina.nn.scale import InputScale
from lamina.nn.scaled import Scaled

MOST_BYTES = 4 << 30
MOST_TENSORS = 10_000
NESTS = ("state_dict", "model", "model_state_dict")  # under which training programs keep the weights
COUNTER = ".num_batches_tracked"  # of batch norms; files from before 2018 lack it
CANNOT_READ = (UnpicklingError, RuntimeError, ValueError, KeyError, EOFError, TypeError, AttributeError, ImportError, IndexError,
               SafetensorError, OSError, zipfile.BadZipFile)  # fmt: skip
Shapes = frozenset[tuple[str, tuple[int, ...]]]
LIKENESS = 0.5  # of the tensors must fit before another architecture is named


def read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a `.safetensors`, `.pt` or `.pth` file, by name; nothing in it is executed.

    Raises DataError where there is no such file, it is too large, or it holds anything but tensors.
    """
    if not path.is_file():
        raise DataError("a file of weights", f"`{path}`, which is no file", "Name a .safetensors, .pt or .pth file.")
    if path.stat().st_size > MOST_BYTES:
        raise _too_large(str(path), path.stat().st_size)
    return parse(path.read_bytes(), str(path))


def parse(content: bytes, name: str) -> dict[str, torch.Tensor]:
    """The tensors in a file's bytes; `name` ends as the file does."""
    try:
        found = parse_safetensors(content) if name.endswith(".safetensors") else _unpickle(content, name)
    except CANNOT_READ as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DataError("weights as .safetensors, or as a state dict in .pt or .pth", f"`{name}`: {reason}",
                        "Save them anew with torch.save(net.state_dict(), 'weights.pt').") from error
    return _tensors(found, name)


def _unpickle(content: bytes, name: str) -> Any:
    """torch's restricted reader: tensors, numbers, words and their lists; a packed file is measured before it is unpacked."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(member.file_size for member in packed.infolist())
        if size > MOST_BYTES:
            raise _too_large(name, size)
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _tensors(found: Any, name: str) -> dict[str, torch.Tensor]:
    """The state dict itself, whatever it is nested in; names without the `module.` of data-parallel training."""
    for nest in NESTS:
        if isinstance(found, Mapping) and isinstance(found.get(nest), Mapping):
            found = found[nest]
    dense = isinstance(found, Mapping) and all(
        isinstance(key, str) and isinstance(t, torch.Tensor) and t.layout == torch.strided and t.device.type == "cpu"
        for key, t in found.items()
    )  # fmt: skip
    if not dense or not 0 < len(found) <= MOST_TENSORS:
        raise DataError("a state dict: names and dense tensors", f"`{name}`, which holds something else",
                        "Save it with torch.save(net.state_dict(), 'weights.pt').")
    return {key.removeprefix("module."): tensor for key, tensor in found.items()}


def _too_large(name: str, size: int) -> DataError:
    return DataError(f"weights of at most {MOST_BYTES >> 30} GB", f"`{name}` with {size >> 20} MB", "Use a smaller model's weights.")


def words(model: str) -> dict[str, str]:
    """The knobs that published weights ask of a model: every one that has `imagenet` to choose, as `{"stem": "imagenet"}`."""
    fields = config_of(MODELS[model]).model_fields
    return {name: "imagenet" for name, field in fields.items() if "imagenet" in get_args(field.annotation)}


def put(model: Scaled, state: State, keep_head: bool = True) -> list[str]:
    """`load` into the network of a model, whose input then has the scale of the published weights."""
    started_anew = load(model.net, state, keep_head)
    assert isinstance(model.input, InputScale), "pictures are scaled"
    model.input.fix(_published(model.net).scale)
    return started_anew


@torch.no_grad()
def load(net: nn.Module, state: State, keep_head: bool = True) -> list[str]:
    """Put published weights into a network, in place, and return the names of the tensors that start anew.

    net: a network with `published`, as a `Backbone`; state: names and tensors as published. What follows the classes starts anew
    where its size differs, or where `keep_head` is false because the classes are others. A network for grey pictures takes the sum
    over the colours of the first filters. Raises UsageError where any other tensor is missing, left over or of another shape; then
    nothing is changed.
    """
    published = _published(net)
    found = _with_channels(published.rename(state), net, published.stem)
    mine = net.state_dict()
    fits = {name for name, tensor in mine.items() if name in found and found[name].shape == tensor.shape}
    heads = {name for name in {*mine, *found} if name.startswith(published.heads)}
    wrong = sorted(name for name in {*mine, *found} - fits - heads if not name.endswith(COUNTER))
    if wrong:
        raise _misfit(net, state, found, wrong)
    taken = fits if keep_head else fits - heads
    for name in taken:
        mine[name].copy_(found[name])
    return sorted(name for name in mine if name not in taken and not name.endswith(COUNTER))


def put_backbone(model: Scaled, state: State) -> None:
    """Published weights into the `backbone` that a network stands on, without the layers that were taken off it; the input then
    has their scale. Raises UsageError where they are another architecture's."""
    net: Any = model.net.backbone
    published = _published(net)
    taken_off = tuple(f"{name}." for name, layer in net.named_modules() if isinstance(layer, nn.Identity))
    load(net, {name: t for name, t in published.rename(state).items() if not name.startswith(taken_off)})
    assert isinstance(model.input, InputScale), "pictures are scaled"
    model.input.fix(published.scale)


def _published(net: nn.Module) -> Published:
    found: Published | None = getattr(net, "published", None)
    if found is None:
        raise UsageError("a model that has published weights, as `resnet18`", f"`{type(net).__name__}`", "Leave `--from` out.")
    return found


def _with_channels(found: dict[str, torch.Tensor], net: nn.Module, stem: str) -> dict[str, torch.Tensor]:
    """Colour filters for a grey network: their sum answers to grey as they do to three equal colours."""
    wanted, filters = net.state_dict()[stem], found.get(stem)
    if filters is not None and filters.ndim == 4 and filters.shape[1] == 3 and wanted.shape[1] == 1:
        return found | {stem: filters.sum(1, keepdim=True)}
    return found


def _misfit(net: nn.Module, state: State, found: State, wrong: list[str]) -> UsageError:
    mine, published = net.state_dict(), _published(net)
    sizes = [None if name not in side else tuple(side[name].shape) for side in (mine, found) for name in wrong[:1]]
    if wrong == [published.stem]:
        do = "The first layer differs: write stem=imagenet, and give grey or colour pictures."
    else:
        other = nearest(state)
        do = f"They look like `{other}`: write --model {other}." if other else "Name the model that they were trained as with --model."
    return UsageError(
        f"weights of `{published.model}` with `{wrong[0]}` {sizes[0] or 'absent'}",
        f"`{sizes[1] or 'absent'}`, and {len(wrong) - 1} more that do not fit", do,
    )  # fmt: skip


def nearest(state: State) -> str | None:
    """The model of ours whose published tensors are most like these, by names and shapes."""
    scores = {name: _likeness(name, state) for name in _published_shapes()}
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] > LIKENESS else None


def _likeness(model: str, state: State) -> float:
    """The share of all tensors of both sides that agree."""
    published, ours = _published_shapes()[model]
    theirs = _shapes(published.rename(state))
    return len(ours & theirs) / len(ours | theirs)


def _shapes(state: State) -> Shapes:
    return frozenset((name, tuple(tensor.shape)) for name, tensor in state.items())


@cache
def _published_shapes() -> dict[str, tuple[Published, Shapes]]:
    """Of every model of ours that was published; built on a device that has shapes but no memory."""
    imagenet = Spec(input=Image(channels=3, height=224, width=224), target=Classes(names=tuple(map(str, range(1000)))))
    coco = Spec(input=Image(channels=3, height=300, width=300), target=Boxes(names=tuple(map(str, range(90)))))
    found: dict[str, tuple[Published, Shapes]] = {}
    for name, spec in product(MODELS, (coco, imagenet)):  # what takes both is no detector: the later counts
        try:
            with torch.device("meta"):
                net: nn.Module = MODELS[name](spec, build(name, config_of(MODELS[name]), words(name)))
        except UsageError:
            continue
        published: Published | None = getattr(net, "published", None)
        if published is not None:
            found[name] = published, _shapes(net.state_dict())
    return found
