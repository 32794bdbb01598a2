"""Knobs: what a person or the search chooses, as frozen pydantic models beside the thing they set.

From one `Config` come the command line's `key=value` words, the JSON in the run, the browser's form
and the search space.
"""

import sys
from collections.abc import Iterable, Mapping
from typing import Any, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from lamina.core.errors import UsageError, quoted, unknown


class Config(BaseModel):
    """The base of every Config: frozen, and refusing knobs that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def knob(
    default: Any, help: str, *, low: float | None = None, high: float | None = None, search: str = ""
) -> Any:
    """A knob: default, one line of help, closed bounds, and for the search its scale.

    `search` is "" (not searchable), "linear", "log" or "choice".
    """
    extra: dict[str, Any] = {"search": search} if search else {}
    return Field(default, description=help, ge=low, le=high, json_schema_extra=extra)


def config_of(thing: Any) -> type[Config]:
    """The Config of a model, a method or a maker of data: the one in its own file."""
    config: type[Config] = sys.modules[thing.__module__].Config
    return config


def told(words: Mapping[str, Any], name: str, otherwise: Any) -> Any:
    """The value that words give a knob, with or without the name of its section.

    >>> told({"model.width": 64}, "width", 32), told({}, "width", 32)
    (64, 32)
    """
    return next((value for word, value in words.items() if word.rpartition(".")[2] == name), otherwise)


Sections = Mapping[str, type[Config]]


def assign(words: Mapping[str, Any], sections: Sections, origin: str = "the command") -> dict[str, dict[str, Any]]:
    """Sort words (`{"model.width": "64", "epochs": 3}`) under the section whose Config has the knob.

    Raises UsageError where no section has it, or two have it and the word names neither.
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in sections}
    for word, value in words.items():
        section, knob_name = _place(word, sections, origin)
        found[section][knob_name] = value
    return found


def _place(word: str, sections: Sections, origin: str) -> tuple[str, str]:
    prefix, _, rest = word.rpartition(".")
    owners = [s for s, c in sections.items() if rest in c.model_fields and prefix in ("", s)]
    if not owners:
        known = [k for c in sections.values() for k in c.model_fields]
        raise unknown("knob", word, known, "`lamina train DATA --knobs` lists them with their help.")
    if len(owners) > 1:
        ways = quoted(f"{owner}.{rest}" for owner in owners)
        raise UsageError(f"one owner of the knob `{rest}` in {origin}", f"{len(owners)} of them", f"Write one of {ways}.")
    return owners[0], rest


def build(section: str, config: type[Config], values: Mapping[str, Any]) -> Config:
    """The Config with `values`, words or real values, checked; errors name the knob."""
    ready = {k: _parse(config.model_fields[k], v) for k, v in values.items()}
    try:
        return config.model_validate(ready)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        help_line = config.model_fields[name].description
        raise UsageError(
            f"`{section}.{name}` to be right: {_wanted(first)}",
            f"`{values.get(name)}`", f"`{name}` means: {help_line}.",
        ) from error


def _parse(field: FieldInfo, value: Any) -> Any:
    if isinstance(value, str):
        if value.lower() == "none":
            return None if field.default is None else value
        if get_origin(field.annotation) is tuple:
            return [part for part in value.split(",") if part]
    return value


def _wanted(problem: Any) -> str:
    message: str = problem["msg"]
    return message[0].lower() + message[1:]


def words_of(arguments: Iterable[str]) -> dict[str, str]:
    """`["hidden=8,8", "epochs=3"]` as a dict.

    >>> words_of(["hidden=8,8"])
    {'hidden': '8,8'}
    """
    found = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or not name:
            raise UsageError("a knob as `key=value`", f"`{argument}`", "Write for example `epochs=5`.")
        found[name] = value
    return found
