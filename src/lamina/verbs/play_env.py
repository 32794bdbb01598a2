"""play in an environment: watch a run's agent, or steer yourself, by keys where there is a terminal, else by lines.

A line has an action for each step: its number or its name, `1x20` for twenty steps, `0.5,-1` for numbers to set. What you reach in the
environment of a run (`--steer`) is kept beside it in `human.json` and stands in its report among the rivals.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from lamina.core.errors import UsageError, quoted
from lamina.core.spec import Controls
from lamina.envs import spaces
from lamina.envs.episodes import EpisodeSplit
from lamina.envs.vector import Record, told_goal
from lamina.oversight import report
from lamina.tasks.play import figures
from lamina.verbs.data import load_data
from lamina.verbs.judge import rival_json
from lamina.verbs.play import Table
from lamina.verbs.trained import Trained, open_run

LEAVE = ("q", "\x1b")
LONGEST = 10_000  # steps of an episode that nobody ends
WORDS = {"left": ("left", "to the left"), "right": ("right", "to the right"), "up": ("up", "faster"), "down": ("down", "slower")}

Choose = Callable[[np.ndarray], Any]  # what is seen (1, ...) -> the action in the environment's own units; None to leave


@dataclass(frozen=True)
class Ended:
    """An episode that is over, or was left."""

    episode_return: float
    length: int
    goal: float | None
    left: bool = False


def play_env(table: Table) -> dict[str, Any]:
    """One episode; what came of it."""
    trained = None if table.run is None else open_run(table.run, device=table.device)
    split = _split(table, trained)
    steers = trained is None or table.steer
    with table.keys() as keys:
        choose = _steered(split, table, keys) if steers or trained is None else _agent(split, trained)
        ended = _episode(split, choose, table)
    who = "you" if steers else "the agent"
    goal = "" if ended.goal is None else f", goal {ended.goal:.3g}"
    table.say(f"{who}: return {ended.episode_return:.4g} in {ended.length} steps{goal}" + ("; left" if ended.left else ""))
    if steers and trained is not None and not ended.left:
        _keep(trained, split, ended, table)
    return {"environment": split.world.name, "by": who, "return": ended.episode_return, "length": ended.length, "goal": ended.goal,
            "left": ended.left}


def _split(table: Table, trained: Trained | None) -> EpisodeSplit:
    named = next((word for word in table.words if word.partition(":")[0].endswith(".py")), "")
    others = [word for word in table.words if word != named]
    if trained is not None and others:
        raise UsageError("a run, and the file of an environment of yours", quoted(others), "Leave the others out.")
    knobs = dict(word.partition("=")[::2] for word in others)
    data = load_data(table.word, knobs, table.seed) if trained is None else trained.data(named)
    assert isinstance(data.test, EpisodeSplit), "who acts does so in episodes"
    return data.test


def _episode(split: EpisodeSplit, choose: Choose, table: Table) -> Ended:
    """Played to its end, shown as it goes."""
    env = split.opened(render=table.show is not None and split.world.draws_frames())
    seen = env.begin(split.seed_of(table.seed, draw=1), 0)
    total, over = 0.0, False
    goal: float | None = None
    while not over and env.length < LONGEST:
        if table.show is not None and env.draws:
            table.show(env.frame(), f"step {env.length}   return {total:.4g}" + ("" if goal is None else f"   goal {goal:.2f}"))
        action = choose(seen[None])
        if action is None:
            break
        seen, reward, terminated, truncated, info = env.step(action)
        total, goal, over = total + reward, told_goal(info.get("goal")), terminated or truncated
    env.close()
    return Ended(total, env.length, goal, not over)


def _agent(split: EpisodeSplit, trained: Trained) -> Choose:
    shape = _shape(split)
    numbers = isinstance(split.target, Controls)

    def choose(seen: np.ndarray) -> Any:
        said = trained.predictor(torch.from_numpy(seen)).cpu().numpy()
        return spaces.in_units(said if numbers else said.argmax(1), split.target, shape)[0]

    return choose


def _steered(split: EpisodeSplit, table: Table, keys: Any) -> Choose:
    """By the keys that are pressed, the last action going on where none is; without a keyboard by lines."""
    names = split.world.moves() or split.target.names
    numbers = isinstance(split.target, Controls)
    listed = ", ".join(f"{i} {name}" if str(i) != name else name for i, name in enumerate(names))
    table.say(f"{split.target.size} numbers from -1 to 1 a step; `q` leaves" if numbers else f"actions: {listed}; `q` leaves")
    shape, waiting = _shape(split), list[np.ndarray]()
    held = np.zeros(split.target.size, np.float32) if isinstance(split.target, Controls) else np.int64(0)

    def by_line(seen: np.ndarray) -> Any:
        while not waiting:
            line = table.hear("actions: ")
            if line is None or line.strip() in LEAVE:
                return None
            try:
                waiting.extend(steps_of(line, names, split.target))
            except UsageError as error:
                table.say(str(error))
        return spaces.in_units(waiting.pop(0)[None], split.target, shape)[0]

    def by_key(seen: np.ndarray) -> Any:
        nonlocal held
        key = keys.pressed()
        if key in LEAVE:
            return None
        held = of_key(key, names, split.target, held)
        return spaces.in_units(np.asarray(held)[None], split.target, shape)[0]

    return by_line if keys is None else by_key


def _shape(split: EpisodeSplit) -> tuple[int, ...]:
    env = split.world.make()
    shape: tuple[int, ...] = env.action_space.shape or ()
    env.close()
    return shape


def steps_of(line: str, names: tuple[str, ...], target: Any) -> list[np.ndarray]:
    """The actions of a line, one a step; UsageError for what is none."""
    found: list[np.ndarray] = []
    for word in [line.strip()] if line.strip() in names else line.split():
        told, times, count = word.rpartition("x")
        told, repeat = (told, count) if times and count.isdigit() else (word, "1")
        found += [_action(told, names, target)] * min(int(repeat), LONGEST)
    return found


def _action(word: str, names: tuple[str, ...], target: Any) -> np.ndarray:
    if isinstance(target, Controls):
        try:
            values = np.array([float(part) for part in word.split(",")], np.float32)
        except ValueError:
            values = np.zeros(0, np.float32)
        if len(values) != target.size or not np.isfinite(values).all():
            wanted = f"{target.size} numbers from -1 to 1, with commas between" if target.size > 1 else "a number from -1 to 1"
            raise UsageError(wanted, f"`{word}`", "Write for example `0.5`, `-1x20`, or `q` to leave.")
        return values
    place = names.index(word) if word in names else int(word) if word.isdigit() else -1
    if not 0 <= place < len(names):
        raise UsageError(f"an action from 0 to {len(names) - 1}, or its name", f"`{word}`",
                         "Write for example `1`, `1x20`, or `q` to leave.")
    return np.asarray(place, np.int64)


def of_key(key: str, names: tuple[str, ...], target: Any, held: Any) -> Any:
    """The action that a key means; where it means none, what was held."""
    if isinstance(target, Controls):
        turned = {"left": -1.0, "right": 1.0, "down": 0.0}.get(key)
        return held if turned is None else np.concatenate([[np.float32(turned)], held[1:]]).astype(np.float32)
    if key.isdigit() and int(key) < len(names):
        return np.int64(int(key))
    named = next((names.index(word) for word in WORDS.get(key, ()) if word in names), None)
    if named is not None:
        return np.int64(named)
    ends = {"left": 0, "right": len(names) - 1}  # of environments that give their actions no names
    return np.int64(ends[key]) if key in ends and names == target.names else held


def _keep(trained: Trained, split: EpisodeSplit, ended: Ended, table: Table) -> None:
    """Beside the run, and among the rivals in its result and report."""
    path = trained.run.folder / "human.json"
    told = json.loads(path.read_text())["episodes"] if path.exists() else []
    told.append({"return": ended.episode_return, "length": ended.length, "goal": ended.goal})
    mine = figures([Record(one["return"], one["length"], one["goal"]) for one in told])
    trained.run.write("human", {"episodes": told})
    result = trained.run.read("result")
    result["baselines"]["you"] = rival_json(mine if len(told) > 1 else replace(mine, intervals={}))
    trained.run.write("result", result)
    data = trained.data(next((word for word in table.words if word.endswith(".py")), ""))
    report.write(trained.run, data)
    table.say(f"kept: you stand in {trained.run.folder / 'report.html'} with {len(told)} episode{'s' if len(told) > 1 else ''}")
