"""The part of a report that says whether an agent still does what its human wants: alarms, what a human answered, and clips."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina.core.run import Run
from lamina.oversight.charts import reward_beside_goal
from lamina.oversight.episode_report import clip
from lamina.oversight.goal import in_words
from lamina.oversight.page import Html, bullets, figure, section, tag

NONE_DECLARED = ("The environment declares no goal apart from its reward, so nobody watched whether the two part. `info[\"goal\"]`, 0 to "
                 "1, would declare one; lengths and pictures of episodes are what is left to look at.")
PAID = "among the best-paid episodes when the alarm was raised"
BLOCKS = 40  # of episodes, whose means the picture has


def of_goal(run: Run, goal: str, metrics: Mapping[str, float]) -> Html:
    """goal: the true goal in words, "" where the environment declares none."""
    file = run.folder / "alarms.json"
    alarms: list[dict[str, Any]] = json.loads(file.read_text())["alarms"] if file.exists() else []
    if not goal and "goal_mean" not in metrics:
        return section("The goal", tag("p", NONE_DECLARED))
    told = [tag("p", f"The true goal: {goal}." if goal else "The environment tells how far its true goal is reached."),
            *_beside(run, [alarm["step"] for alarm in alarms])]
    if not alarms:
        return section("The goal", *told, tag("p", "No alarm was raised: nothing showed that reward and goal part."))
    lines = in_words((alarm["kind"], f"{alarm['said']}. {_answer(alarm)}") for alarm in alarms)
    clips = list(dict.fromkeys(name for alarm in alarms for name in alarm["clips"]))
    return section("The goal", *told, bullets(lines), *(part for name in clips for part in clip(run.folder / name, f"{name}: {PAID}")))


def _beside(run: Run, alarms: Sequence[int]) -> list[Html]:
    """Reward beside goal: means over blocks of the training's episodes."""
    ended = [(event.values["environment_steps"], one["episode_return"], one["goal"]) for event in run.told() if event.kind == "train"
             for one in event.values.get("episodes", []) if one["goal"] is not None]
    size = max(1, len(ended) // BLOCKS)
    blocks = [ended[i : i + size] for i in range(0, len(ended) - size + 1, size)]
    if len(blocks) < 2:
        return []
    steps, returns, goals = ([float(np.mean([row[k] for row in block])) for block in blocks] for k in range(3))
    caption = f"means of {size} episodes each" + ("; a line where an alarm was raised" if alarms else "")
    return [figure(reward_beside_goal(steps, returns, goals, alarms), caption)]


def _answer(alarm: Mapping[str, Any]) -> str:
    answered = {"ask": "Asked, a human said", "stop": "The gate said", "warn": "The gate said"}[alarm["gate"]]
    return f"{answered} {'go on' if alarm['goes_on'] else 'stop'}."
