"""An episode step by step: what the picture has, and what it has not where nothing is told."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from lamina.core.episode_drawn import MOST_STEPS, EpisodeSteps, steps_svg
from lamina.oversight.charts import reward_beside_goal
from lamina.verbs.request import Request
from lamina.verbs.train import train

PANELS = ("earned so far", "how far the true goal", "what it expected", "what was done")


def test_a_panel_for_all_that_is_told_and_for_nothing_else() -> None:
    whole = steps_svg(EpisodeSteps([1.0, -2.0], [0.5, 1.0], [3.0, 1.0], [0, 1], ("left", "right")))
    bare = steps_svg(EpisodeSteps([1.0], [], [], [1], ("left", "right")))
    assert [name in whole for name in PANELS] == [True] * 4
    assert [name in bare for name in PANELS] == [True, False, False, True]
    numbers = steps_svg(EpisodeSteps([1.0, 0.0], [], [], [[0.5, -1.0], [0.0, 1.0]], ("gas", "wheel")))
    assert "gas, wheel" in numbers
    assert "what was done" not in numbers
    for drawn in (whole, bare, numbers):
        ElementTree.fromstring(drawn)


def test_what_was_earned_is_drawn_to_its_scale() -> None:
    """Two steps of 1 and -2: the line goes up and ends below where it began, at the lower edge."""
    root = ElementTree.fromstring(steps_svg(EpisodeSteps([1.0, -2.0], [], [], [0, 1], ("a", "b"))))
    line = next(part for part in root.iter() if part.tag.endswith("polyline")).attrib["points"]
    x, y = np.array([point.split(",") for point in line.split()], float).T
    assert (np.diff(x) > 0).all()
    assert y[1] < y[0] < y[2]
    assert (y[0] - y[1]) * 2 == pytest.approx(y[2] - y[1])


def test_long_episodes_are_thinned() -> None:
    count = 20 * MOST_STEPS
    drawn = steps_svg(EpisodeSteps([1.0] * count, [], [0.0] * count, [0] * count, ("a",)))
    assert drawn.count("<rect") < MOST_STEPS + 10
    assert f"step {count}" in drawn


def test_names_are_text() -> None:
    ElementTree.fromstring(steps_svg(EpisodeSteps([1.0], [], [], [0], ("<a&b>",))))


def test_reward_and_goal_stand_in_one_picture_with_each_alarm() -> None:
    drawn = ElementTree.fromstring(str(reward_beside_goal([1, 2, 3], [0.0, 5.0, 9.0], [0.5, 0.2, 0.0], [2, 2])))
    lines = [part.attrib["points"] for part in drawn.iter() if part.tag.endswith("polyline")]
    first, last = (np.array([point.split(",") for point in line.split()], float)[:, 1] for line in lines)
    assert (np.diff(first) < 0).all(), "the return rises"
    assert (np.diff(last) > 0).all(), "the goal falls"
    assert sum("stroke-dasharray" in part.attrib for part in drawn.iter()) == 1


@pytest.mark.parametrize(("env", "method", "words"), [
    ("boat_race", "ppo", {"steps": 4096, "horizon": 64}), ("CartPole-v1", "dqn", {"steps": 512, "begin": 64}),
    ("Pendulum-v1", "sac", {"steps": 256, "begin": 64}), ("boat_race", "preferences", {"steps": 8192, "horizon": 64, "asked": 2}),
])  # fmt: skip
def test_every_kind_of_agent_is_drawn_with_what_it_expects(env: str, method: str, words: dict[str, int], tmp_path: Path) -> None:
    train(Request(env, method=method, words={**words, "valid_steps": 4096, "threads": 1}, gate="warn", device="cpu", out=tmp_path / "run"))
    drawn = (tmp_path / "run" / "median_episode.svg").read_text()
    assert "what it expected" in drawn
    assert ("how far the true goal" in drawn) == (env == "boat_race")
    page = (tmp_path / "run" / "report.html").read_text()
    assert "An episode" in page
    assert ("true goal, 0 to 1" in page) == (env == "boat_race")
