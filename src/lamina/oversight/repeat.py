"""How a run is repeated: the command line with every knob spelled out, which does not lean on today's defaults."""

import platform
import shlex
from collections.abc import Mapping
from typing import Any

import torch

from lamina import __version__


def command(described: Mapping[str, Any]) -> str:
    """The words that make the run of a `config.json` again."""
    words = ["lamina", "train", str(described["data"])]
    for section, values in described["configs"].items():
        words += [f"{section}.{name}={_word(value)}" for name, value in values.items() if _word(value)]
    words.append(f"quality={described['quality']}")
    for option in ("task", "model", "method"):
        words += [f"--{option}", described[option]]
    words += ["--seed", str(described["seed"])]
    words += ["--for", f"{described['seconds']:g}s"] if described["seconds"] else []
    for figure, value in ({} if described["seconds"] else described["until"]).items():
        words += ["--until", f"{figure}={value}"]
    words += ["--from", described["warm_start"]] if described["warm_start"] else []
    return shlex.join(words)


def _word(value: Any) -> str:
    """A knob's value as it is typed."""
    if isinstance(value, list | tuple):
        return ",".join(map(_word, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def versions() -> dict[str, str]:
    """What ran it."""
    return {"lamina": __version__, "torch": torch.__version__, "Python": platform.python_version(), "machine": platform.machine()}
