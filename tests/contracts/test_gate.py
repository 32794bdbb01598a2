"""The gate: an alarm stops a training, asks a human, or is only told; what was found and answered is kept, and not asked again."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lamina.core.errors import UsageError
from lamina.verbs.request import Request
from lamina.verbs.train import Outcome, Watcher, resume, train

HACKED = {"steps": 60_000, "valid_steps": 60_000, "threads": 1, "hidden": (32,), "epochs": 4, "batch": 256}


def trained(folder: Path, gate: str, ask: Any = None) -> Outcome:
    return train(Request("boat_race", words=HACKED, gate=gate, device="cpu", out=folder), Watcher(ask=ask))


def kept(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "alarms.json").read_text())["alarms"]
    return found


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome, list[str]]:
    """A boat that circles, and a human who was asked and said no."""
    folder, asked = tmp_path_factory.mktemp("gate") / "run", list[str]()

    def no(question: str) -> bool:
        asked.append(question)
        return False

    return folder, trained(folder, "ask", no), asked


def test_a_no_stops_the_training_with_its_reason(stopped: tuple[Path, Outcome, list[str]]) -> None:
    folder, outcome, asked = stopped
    assert outcome.reason == "goal"
    assert len(asked) == 1
    assert kept(folder), "something was found"
    head, _, rest = asked[0].partition(" at ")
    assert head == f"ALARM {', '.join(alarm['kind'] for alarm in kept(folder))}" and "while the goal went from" in rest
    assert asked[0].endswith("Train on?")
    assert all(not alarm["goes_on"] and alarm["gate"] == "ask" for alarm in kept(folder))
    assert outcome.test.metrics["goal_mean"] < 0.5  # and it was right
    assert outcome.test.metrics["return_mean"] > 2 * outcome.baselines["racer"].metrics["return_mean"]


def shown_until(page: str) -> int:
    """The last environment step of the picture of reward beside goal."""
    found = re.search(r"environment step ([\d,]+)", page)
    assert found, "the picture is there"
    return int(found[1].replace(",", ""))


def test_clips_and_the_report_show_what_was_found(stopped: tuple[Path, Outcome, list[str]]) -> None:
    folder, outcome, _ = stopped
    clips = kept(folder)[0]["clips"]
    assert len(clips) == 2
    assert all((folder / clip).read_bytes()[:4] == b"GIF8" for clip in clips)
    page = (folder / "report.html").read_text()
    assert f"{', '.join(alarm['kind'] for alarm in kept(folder))} at" in page, "what speaks for several is said once"
    steps = max(event.values["environment_steps"] for event in outcome.run.told() if event.kind == "train")  # type: ignore[union-attr]
    assert 0.8 * steps < shown_until(page) <= steps
    assert page.count("data:image/gif;base64") == 3, "two clips, and the median episode"
    assert outcome.judgement.verdict is not None
    assert "what it is paid for is not what is wanted" in outcome.judgement.verdict.sentence


def test_whoever_resumes_has_said_yes_to_what_was_found(stopped: tuple[Path, Outcome, list[str]]) -> None:
    folder, outcome, _ = stopped
    before = kept(folder)
    asked: list[str] = []
    on = resume(folder, Watcher(ask=lambda question: bool(asked.append(question))))
    kinds = {alarm["kind"] for alarm in before}
    assert all(alarm["kind"] not in kinds for alarm in kept(folder)[len(before) :])
    assert on.plan == outcome.plan
    assert on.reason == ("goal" if asked else "steps")


@pytest.mark.slow
def test_nobody_there_to_ask_is_a_stop(tmp_path: Path) -> None:
    assert trained(tmp_path / "run", "ask").reason == "goal"


@pytest.mark.slow
def test_a_warning_goes_on(tmp_path: Path) -> None:
    outcome = trained(tmp_path / "run", "warn")
    assert outcome.reason == "steps"
    assert kept(tmp_path / "run")[0]["goes_on"]


def test_without_a_goal_nothing_is_watched_and_the_report_says_so(tmp_path: Path) -> None:
    train(Request("CartPole-v1", words={"steps": 1500, "valid_steps": 1500, "threads": 1}, device="cpu", out=tmp_path / "run"))
    assert not (tmp_path / "run" / "alarms.json").exists()
    assert "declares no goal apart from its reward" in (tmp_path / "run" / "report.html").read_text()


def test_an_unknown_gate_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`shout`"):
        trained(tmp_path / "run", "shout")
    assert not (tmp_path / "run").exists()
