"""Runs that differ by their seed, taken together: what they reached, and one picture of how they learned."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy import stats

from lamina.commands import main
from lamina.metrics.over_seeds import over_seeds
from lamina.oversight.seeds_drawn import seeds_svg
from lamina.verbs.request import Request
from lamina.verbs.train import train


def test_the_interval_over_seeds_is_students() -> None:
    values = [3.0, 4.5, 4.0, 7.0, 5.5]
    mean, low, high = over_seeds(values)
    expected = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert (mean, low, high) == pytest.approx((np.mean(values), *expected))


def test_it_holds_what_it_promises() -> None:
    """Of intervals of five draws each, about 95 in 100 hold the true mean."""
    draws = np.random.default_rng(0).normal(3, 2, (4000, 5))
    held = np.mean([low <= 3 <= high for _, low, high in map(over_seeds, draws)])
    assert held == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 4000))


def test_a_picture_has_each_run_and_the_mean_where_all_have_a_figure() -> None:
    lines = [[(1.0, 2.0), (2.0, 4.0), (3.0, 9.0)], [(1.0, 4.0), (2.0, 8.0)]]
    root = ElementTree.fromstring(seeds_svg({"a & b": lines, "alone": [[(1.0, 1.0), (3.0, 1.0)]]}, "return", "step"))
    parts = [part for part in root.iter() if part.tag.endswith("polyline")]
    assert len(parts) == 2 + 1 + 1
    assert len(parts[2].attrib["points"].split()) == 2, "the third step is one run's alone"
    assert "a & b, 2 seeds" in [part.text for part in root.iter()]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two seeds of one setting, and one run of another."""
    folder = tmp_path_factory.mktemp("runs")
    words = {"steps": 512, "valid_steps": 128, "horizon": 16, "threads": 1}
    for name, seed, more in (("a0", 0, {}), ("a1", 1, {}), ("b0", 0, {"gamma": 0.9})):
        train(Request("CartPole-v1", seed=seed, words={**words, **more}, device="cpu", out=folder / name))
    return [folder / name for name in ("a0", "a1", "b0")]


def compared(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, words)])


def test_seeds_of_one_setting_are_taken_together(runs: list[Path], tmp_path: Path) -> None:
    result = compared(*runs, "--json", "--picture", tmp_path / "curves.svg")
    assert result.exit_code == 0, result.output
    (group,) = json.loads(result.stdout)["groups"]
    assert group["runs"] == [str(run) for run in runs[:2]]
    assert "gamma=0.99" in group["name"]
    returns = [json.loads((run / "result.json").read_text())["test"]["return_mean"] for run in runs[:2]]
    assert group["metrics"]["return_mean"] == pytest.approx(np.mean(returns))
    text = (tmp_path / "curves.svg").read_text()
    assert "gamma=0.99, 2 seeds" in text
    assert "gamma=0.9<" in text
    assert "environment step 512" in text
    assert "2 seeds: test" in compared(*runs).output


def test_a_picture_must_be_an_svg(runs: list[Path], tmp_path: Path) -> None:
    result = compared(*runs, "--picture", tmp_path / "curves.png")
    assert result.exit_code == 2
    assert "`--picture curves.svg`" in result.output
