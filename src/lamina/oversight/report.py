"""report.html: all that is known of a run on one offline page, the verdict first."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from lamina.core.data import Data, batches
from lamina.core.run import Run, replace
from lamina.core.spec import Boxes, Classes, Labels, Mask, Moves, Numbers, Series, Spec
from lamina.envs.episodes import EpisodeSplit
from lamina.oversight.charts import reliability
from lamina.oversight.confusions import Answers, confusions
from lamina.oversight.episode_report import of_episode
from lamina.oversight.errors_shown import by_class, numbers, worst
from lamina.oversight.forecasts_shown import forecasts
from lamina.oversight.games_report import of_game
from lamina.oversight.goal_report import of_goal
from lamina.oversight.page import Html, bullets, card, figure, page, section, table, tag
from lamina.oversight.pictures import curves
from lamina.oversight.repeat import command, versions
from lamina.oversight.scenes_report import of_boxes, of_masks

EDGE = {"better": "good", "noise": "worth", "worse": "serious"}  # of the verdict's card


@dataclass(frozen=True)
class Facts:
    """What a run folder says of itself; `data` is None where they cannot be had again."""

    run: Run
    config: Mapping[str, Any]
    plan: Mapping[str, Any]
    result: Mapping[str, Any]
    spec: Spec
    data: Data | None


def write(run: Run, data: Data | None) -> None:
    """Write `report.html` into the run's folder."""
    facts = Facts(run, run.read("config"), run.read("plan"), run.read("result"), run.read_as("spec", Spec), data)
    title = f"{facts.config['task']}: {data.name if data else facts.config['data']}"
    reached = [_verdict(facts), _figures(facts), *_goal(facts), _curves(facts), *_answers(facts), _trust(facts)]
    made_of = [_data(facts), _machine(facts), _repeat(facts)]
    replace(run.folder / "report.html", page(title, *reached, *made_of))


def _verdict(facts: Facts) -> Html:
    found, looks = facts.result.get("verdict"), facts.result["test_looks"]
    figures = _with_intervals(facts.result["test"], facts.result["test_intervals"])
    rows = f" on {len(facts.data.test)} sealed test rows" if facts.data else " on the sealed test rows"
    seen = tag("p", f"The test was looked at {looks} time{'s' if looks > 1 else ''}.", kind="quiet")
    if not found:
        return card("note", figures + rows, tag("p", "There is no rival here to compare with row by row."), seen)
    return card(EDGE[found["answer"]], found["sentence"], tag("p", figures + rows + "."), seen)


def _figures(facts: Facts) -> Html:
    """The network and its rivals, each figure with its interval."""
    result = facts.result
    names = list(result["test"])
    rows = [["the network", *_cells(names, result["test"], result["test_intervals"]), f"{result['seconds']:.1f} s"]]
    for rival, found in result.get("baselines", {}).items():
        rows.append([rival, *_cells(names, found["metrics"], found["intervals"]), f"{found['seconds']:.1f} s" if found["seconds"] else ""])
    about = tag("p", "On the same test rows; in brackets 95 % intervals.", kind="quiet")
    return section("Figures", about, table(["", *names, "took"], rows))


def _cells(names: list[str], metrics: Mapping[str, float], intervals: Mapping[str, Any]) -> list[Html]:
    return [tag("span", _one(metrics.get(n), intervals.get(n))) for n in names]


def _one(value: float | None, interval: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" + (f" ({interval[0]:.3g} to {interval[1]:.3g})" if interval else "")


def _with_intervals(metrics: Mapping[str, float], intervals: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_one(value, intervals.get(name))}" for name, value in metrics.items())


def _goal(facts: Facts) -> list[Html]:
    """Whether an agent does what is wanted of it, and how it looks at work."""
    split = None if facts.data is None else facts.data.test
    if not isinstance(split, EpisodeSplit):
        return []
    return [of_goal(facts.run, split.world.goal(), facts.result["test"]), *of_episode(facts.run.folder)]


def _curves(facts: Facts) -> Html:
    return section("How it learned", figure(Html(curves(facts.run, facts.plan["monitor"]))))


def _answers(facts: Facts) -> list[Html]:
    """What was said of the test rows: confusions, worst errors, classes one by one, or numbers against numbers."""
    kept, spec = facts.run.kept("test"), facts.spec
    if isinstance(spec.target, Moves):
        return of_game(facts.run, facts.result["test_details"])
    output = kept.get("output")
    if isinstance(spec.target, Boxes | Mask):
        if facts.data is None or output is None or len(output) != len(facts.data.test):
            return []
        shown = of_masks if isinstance(spec.target, Mask) else of_boxes
        return shown(facts.data.test, spec, output, facts.result["test_details"], kept["scores"])
    parts = [by_class(facts.result["test_details"]["per_class"], spec.target.names)] if "per_class" in facts.result["test_details"] else []
    if facts.data is None or output is None or len(output) != len(facts.data.test):
        return parts
    y = torch.cat([batch["y"] for batch in batches(facts.data.test)])
    if isinstance(spec.input, Series):
        return [forecasts(facts.data.test, spec.input, output, y, facts.result["test_details"])]
    if isinstance(spec.target, Classes):
        found = Answers(spec.input, spec.target.names, facts.data.test, output.softmax(1), y)
        return [confusions(found), worst(found), *parts]
    if isinstance(spec.target, Numbers):
        return [numbers(facts.data.test, spec, output, y)]
    assert isinstance(spec.target, Labels), "actions have no rows"
    return parts


def _trust(facts: Facts) -> Html:
    """How far probabilities hold, by the validation split."""
    found = facts.result.get("calibration") or facts.result.get("settled")
    if not found:
        return Html("")
    if "tau" in found:
        return section("How answers are taken", bullets(found["lines"]))
    lines = bullets(found["lines"])
    if not found["bins"]:
        return section("How sure it may be", lines)
    caption = "validation split, after the temperature; a dot is a tenth of the scale, its area the share of answers"
    return section("How sure it may be", lines, figure(reliability(found["bins"]), caption))


def _data(facts: Facts) -> Html:
    """What was read, what was refused and why."""
    data = facts.data
    if data is None:
        return section("The data", tag("p", "They were given from Python, or are no longer what they were: they are not shown here."))
    counts = f"{len(data.train)} rows to train, {len(data.valid)} to validate, {len(data.test)} kept for the test"
    account = [f"{data.account.used} used, {len(data.account.refused)} refused"] if data.account.used else []
    return section("The data", tag("p", data.sheet or data.name), bullets([*data.meaning, counts, *account]), *_refused(data))


def _refused(data: Data) -> list[Html]:
    if not data.account.refused:
        return []
    rows = [[r.where, r.reason, r.repair] for r in data.account.refused[:200]]
    more = [tag("p", f"and {len(data.account.refused) - 200} more", kind="quiet")] if len(data.account.refused) > 200 else []
    return [bullets(data.account.lines()), tag("details", tag("summary", "each refusal"), table(["where", "why", "repair"], rows), *more)]


def _machine(facts: Facts) -> Html:
    plan, result = facts.plan, facts.result
    last = next((e for e in reversed(facts.run.told()) if e.kind in ("train", "valid")), None)
    rows = {
        "device": plan["device"], "threads": plan["threads"], "arithmetic": plan["precision"],
        "steps": f"{last.step if last else 0} of {plan['steps']} planned; it ended by {result['reason']}",
        "seconds": f"{result['seconds']:.1f}, of processor time {result['cpu_seconds']:.1f}", "seed": plan["seed"],
        "model": f"{facts.config['model']} x {facts.config['method']}",
    } | versions()  # fmt: skip
    return section("What the machine did", table(["", ""], [[name, str(value)] for name, value in rows.items()]))


def _repeat(facts: Facts) -> Html:
    """The command, and the settings as the run keeps them."""
    how = ("Call fit again with your own module." if facts.config["own_module"] else "Call fit again with your data.") \
        if facts.config["own_module"] or not facts.config["built_in_data"] else ""
    line = tag("p", how) if how else tag("pre", tag("code", command(facts.config)))
    settings = tag("pre", tag("code", json.dumps(dict(facts.config), indent=1, ensure_ascii=False)))
    return section("How to repeat it", line, tag("details", tag("summary", "all settings"), settings))
