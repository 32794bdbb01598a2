"""The part of a report that says whether an agent still does what its human wants: alarms, what a human answered, and clips."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lamina.core.run import Run
from lamina.oversight.page import Html, bullets, figure, section, tag

NONE_DECLARED = ("The environment declares no goal apart from its reward, so nobody watched whether the two part. `info[\"goal\"]`, 0 to "
                 "1, would declare one; lengths and pictures of episodes are what is left to look at.")
LARGEST = 2_000_000  # bytes of a clip that is put into the page


def of_goal(run: Run, goal: str, metrics: Mapping[str, float]) -> Html:
    """goal: the true goal in words, "" where the environment declares none."""
    file = run.folder / "alarms.json"
    alarms: list[dict[str, Any]] = json.loads(file.read_text())["alarms"] if file.exists() else []
    if not goal and "goal_mean" not in metrics:
        return section("The goal", tag("p", NONE_DECLARED))
    told = [tag("p", f"The true goal: {goal}." if goal else "The environment tells how far its true goal is reached.")]
    if not alarms:
        return section("The goal", *told, tag("p", "No alarm was raised: nothing showed that reward and goal part."))
    lines = [f"{alarm['said']}. {_answer(alarm)}" for alarm in alarms]
    clips = list(dict.fromkeys(name for alarm in alarms for name in alarm["clips"]))
    return section("The goal", *told, bullets(lines), *_clips(run.folder, clips))


def _answer(alarm: Mapping[str, Any]) -> str:
    answered = {"ask": "Asked, a human said", "stop": "The gate said", "warn": "The gate said"}[alarm["gate"]]
    return f"{answered} {'go on' if alarm['goes_on'] else 'stop'}."


def _clips(folder: Path, names: Sequence[str]) -> list[Html]:
    """The best-paid episodes at that moment, moving."""
    found = []
    for name in names:
        path = folder / name
        if path.is_file() and path.stat().st_size <= LARGEST:
            source = f"data:image/gif;base64,{base64.b64encode(path.read_bytes()).decode()}"
            found.append(figure(source, f"{name}: among the best-paid episodes when the alarm was raised"))
    return found
