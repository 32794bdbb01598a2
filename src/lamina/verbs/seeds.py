"""Runs that differ by their seed alone, taken together: means with intervals over seeds, and one picture of how they learned."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lamina.core.errors import UsageError
from lamina.core.run import replace
from lamina.core.task import Evaluation
from lamina.metrics.over_seeds import over_seeds
from lamina.oversight.seeds_drawn import Line, seeds_svg
from lamina.verbs.trained import Trained

OF_A_SEED = ("seed", "data_seed", "fingerprint", "origin", "lamina")  # what may differ within a group


@dataclass(frozen=True)
class Group:
    """Runs that differ by their seed: the mean of each test figure with its 95 % interval over seeds."""

    name: str
    runs: list[str]
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]


def grouped(opened: Sequence[Trained]) -> dict[str, list[Trained]]:
    """The runs by what they have in common, each group by a name that tells it from the others."""
    found: dict[str, list[Trained]] = {}
    for one in opened:
        same = {name: value for name, value in one.described.items() if name not in OF_A_SEED}
        found.setdefault(json.dumps(same, sort_keys=True), []).append(one)
    groups = list(found.values())
    flat = [_flat(group[0].described) for group in groups]
    apart = [key for key in flat[0] if len({json.dumps(one.get(key)) for one in flat}) > 1]
    return {_name(group[0], one, apart, place): group for place, (group, one) in enumerate(zip(groups, flat, strict=True))}


def _flat(described: Mapping[str, Any]) -> dict[str, Any]:
    told = {"data": described["data"]}
    return told | {f"{section}.{name}": value for section, config in described["configs"].items() for name, value in config.items()}


def _name(one: Trained, flat: Mapping[str, Any], apart: Sequence[str], place: int) -> str:
    """Method and network, and those knobs in which the groups differ and which both have."""
    words = [f"{key.rpartition('.')[2]}={flat[key]}" for key in apart if key in flat][:4]
    found = " ".join([one.described["method"], one.described["model"], *words])
    return found if len(found) < 80 else f"{place + 1}: {one.described['method']} {one.described['model']}"


def groups_of(opened: Sequence[Trained], judged: Sequence[Evaluation]) -> list[Group]:
    """Of those groups that have several runs, what they reached."""
    figures = {id(one): found for one, found in zip(opened, judged, strict=True)}
    found = []
    for name, group in grouped(opened).items():
        if len({one.described["seed"] for one in group}) < 2:
            continue
        metrics = [figures[id(one)].metrics for one in group]
        over = {key: over_seeds([each[key] for each in metrics]) for key in metrics[0] if all(key in each for each in metrics)}
        found.append(Group(name, [str(one.run.folder) for one in group], {key: one[0] for key, one in over.items()},
                           {key: one[1:] for key, one in over.items()}))
    return found


def draw(opened: Sequence[Trained], file: Path) -> None:
    """Write how all of them learned into one picture."""
    if file.suffix != ".svg":
        raise UsageError("a picture that ends with `.svg`", f"`{file}`", "Write `--picture curves.svg`.")
    monitor = opened[0].run.read("plan")["monitor"]
    acts = all(any("environment_steps" in event.values for event in one.run.told()) for one in opened)
    groups = {name: [_line(one, monitor, acts) for one in group] for name, group in grouped(opened).items()}
    replace(file, seeds_svg(groups, f"{monitor}, validation", "environment step" if acts else "step"))


def _line(one: Trained, monitor: str, acts: bool) -> Line:
    """The monitored figure of each validation, by environment steps where an agent acts."""
    found, played = [], 0.0
    for event in one.run.told():
        played = event.values.get("environment_steps", played) if acts else event.step
        if event.kind == "valid" and monitor in event.values:
            found.append((float(played), float(event.values[monitor])))
    return found
