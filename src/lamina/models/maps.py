"""A network of the zoo as the maps on which another one is built."""

from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field
from torch import nn

from lamina.core.backbone import Backbone
from lamina.core.config import build, config_of
from lamina.core.errors import UsageError, quoted
from lamina.core.spec import Classes, Image, Spec
from lamina.models import MODELS
from lamina.nn.pyramid import Pyramid

ANY = Classes(names=("a", "b"))  # of a head that is taken off
CHEAP = {"hidden": "small"}  # layers before the head, which are taken off too


def _doubling(strides: tuple[int, ...]) -> tuple[int, ...]:
    if any(coarse != 2 * fine for fine, coarse in pairwise(strides)):
        raise ValueError("each stride double the one before, as 8,16,32")
    return strides


Strides = Annotated[tuple[Annotated[int, Field(ge=1, le=128)], ...], Field(min_length=1), AfterValidator(_doubling)]


def pyramid(spec: Spec, name: str, strides: tuple[int, ...], beyond: bool = False) -> Pyramid:
    """The model `name` as maps with all of `strides`; `beyond`: all but those that are coarser than its own.

    Raises UsageError where it is no network of pictures, or lacks one of them.
    """
    make = MODELS[name]
    fields = config_of(make).model_fields
    config = build(name, config_of(make), {knob: value for knob, value in CHEAP.items() if knob in fields})
    net: nn.Module = make(spec.model_copy(update={"target": ANY}), config)
    if not isinstance(net, Backbone):
        raise UsageError("a network of pictures in stages as `backbone`, as `efficientnet_lite0`", f"`{name}`", "Choose another backbone.")
    assert isinstance(spec.input, Image), "a network of pictures was built"
    found = Pyramid(net, spec.input.channels, max(strides))
    missing = [s for s in strides if s not in found.channels and not (beyond and s > strides[0] and s > max(found.channels))]
    if missing:
        raise UsageError(f"strides of `{name}`, which has {quoted(map(str, found.channels))}", f"`{missing[0]}`",
                         "Choose other `strides`, or another `backbone`.")
    return found
