"""The knobs of an environment of others: the settings of its constructor that are words, numbers, or yes and no, as its author chose
them, and how its pictures are seen where it shows some."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field, create_model

from lamina.core import config as knobs

KINDS = (bool, int, float, str)  # of a default that becomes a knob
NOT_KNOBS = frozenset({"self", "render_mode", "game", "frameskip"})  # the last two are Atari's: a part of the id, and the knob `skip`
CONSTRUCTOR: dict[str, Any] = {"of": "constructor"}  # marks the knobs that are its settings


def config_of(make: Callable[..., Any], given: Mapping[str, Any], pictures: type[knobs.Config] | None) -> type[knobs.Config]:
    """A Config of what `make` takes, with the defaults `given` before its own, on top of the knobs of `pictures`."""
    base = pictures or knobs.Config
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(make).parameters.items():
        default = given.get(name, parameter.default)
        if name not in NOT_KNOBS and name not in base.model_fields and type(default) in KINDS:
            fields[name] = (type(default), Field(default, description="a setting of the environment itself", json_schema_extra=CONSTRUCTOR))
    return create_model("Config", __base__=base, **fields)


def chosen(config: knobs.Config | None) -> dict[str, Any]:
    """Of such a Config, what the constructor is told: that which is not as its author chose it."""
    found: dict[str, Any] = {}
    for name, field in type(config).model_fields.items() if config is not None else ():
        if field.json_schema_extra == CONSTRUCTOR and getattr(config, name) != field.default:
            found[name] = getattr(config, name)
    return found
