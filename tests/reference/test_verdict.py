"""The verdict's sentence says what the figures say: never praise for a network that is worse, never worse than it is."""

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.core.task import Evaluation
from lamina.oversight.verdict import Cost, best_rival, difference, verdict

COST = Cost(12.0, 3456)
RIVALS = ("most frequent", "linear", "gradient boosting")


def shares(right: int, rows: int, first: int = 0) -> Evaluation:
    """A model that is right on `right` of `rows` rows, from row `first` on."""
    scores = torch.zeros(rows)
    scores[(torch.arange(right) + first) % rows] = 1
    return Evaluation({"accuracy": right / rows}, scores=scores)


def errors(size: float, rows: int, seed: int) -> Evaluation:
    squared = (size * torch.randn(rows, generator=torch.Generator().manual_seed(seed))).square()
    return Evaluation({"rmse": squared.mean().sqrt().item()}, scores=squared)


def test_better_noise_and_worse() -> None:
    rivals = {name: shares(right, 400) for name, right in zip(RIVALS, (100, 280, 300), strict=True)}
    better, noise, worse = (verdict(shares(right, 400), rivals, COST) for right in (340, 304, 250))
    assert better is not None
    assert noise is not None
    assert worse is not None
    assert better.sentence.startswith("The network is better than gradient boosting by 10.0 points (95 %: ")
    assert "worth it here" in better.sentence
    assert noise.sentence.startswith("The network is no better than gradient boosting within noise (ahead by 1.0 points; 95 %: ")
    assert "take the simpler model" in noise.sentence
    assert worse.sentence.startswith("The network is worse than gradient boosting by 12.5 points (95 %: ")
    assert "deep learning is not the answer here" in worse.sentence
    assert [v.answer for v in (better, noise, worse)] == ["better", "noise", "worse"]
    assert all("12 s and 3,456 parameters" in v.sentence for v in (better, noise, worse))


def test_numbers_are_compared_by_their_root_and_less_is_better() -> None:
    rivals = {"mean": errors(3, 300, 0), "linear": errors(2, 300, 1)}
    good, bad = verdict(errors(1, 300, 2), rivals, COST), verdict(errors(4, 300, 2), rivals, COST)
    assert good is not None
    assert bad is not None
    assert (good.answer, good.rival) == ("better", "linear")
    assert "of rmse" in good.sentence
    assert bad.answer == "worse"
    assert bad.difference.value == pytest.approx(rivals["linear"].metrics["rmse"] - errors(4, 300, 2).metrics["rmse"])


@settings(max_examples=40)
@given(st.integers(20, 300), st.data())
def test_the_sentence_has_the_figures_and_no_praise_that_they_do_not_bear(rows: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, rows))
    rivals = {name: shares(data.draw(st.integers(0, rows)), rows, data.draw(st.integers(0, rows))) for name in RIVALS}
    found = verdict(shares(right, rows), rivals, COST)
    assert found is not None
    best = max(rival.metrics["accuracy"] for rival in rivals.values())
    assert rivals[found.rival].metrics["accuracy"] == best
    assert found.difference.value == pytest.approx(right / rows - best)
    if right / rows <= best:
        assert "worth it" not in found.sentence
        assert "better than" not in found.sentence.replace("no better than", "").replace("not shown to be better than", "")
    if found.difference.value:
        assert f"{100 * abs(found.difference.value):.1f} points" in found.sentence
    bounds = [float(word) for word in re.findall(r"95 %: (-?[\d.]+) to (-?[\d.]+)", found.sentence)[0]]
    sign = -1 if found.answer == "worse" else 1
    ends = sorted((sign * 100 * found.difference.low, sign * 100 * found.difference.high))
    assert bounds == pytest.approx(ends, abs=0.051)


def test_what_was_not_run_and_what_was_not_learned_is_said() -> None:
    alone = verdict(shares(60, 100), {"most frequent": shares(58, 100)}, COST)
    assert alone is not None
    assert "nothing was learned that shows" in alone.sentence
    assert "Neither a linear nor a strong classical model was run" in alone.sentence
    linear = verdict(shares(60, 100), {"most frequent": shares(58, 100), "linear": shares(61, 100)}, COST)
    assert linear is not None
    assert "No strong classical model was run" in linear.sentence
    assert "not shown to be better than always saying the most frequent class" in linear.sentence
    assert "was run beside" not in str(verdict(shares(60, 100), dict.fromkeys(RIVALS, shares(10, 100)), COST))


def test_what_has_no_rows_has_no_verdict() -> None:
    assert verdict(Evaluation({"fid": 3.0}), {"real pictures": Evaluation({"fid": 1.0})}, COST) is None
    assert difference(shares(3, 10), shares(3, 11)) is None


def test_of_equal_rivals_the_simplest_is_named() -> None:
    assert best_rival({name: shares(5, 10) for name in RIVALS}) == "most frequent"
    assert best_rival({"mean": errors(2, 50, 0), "linear": errors(1, 50, 0)}) == "linear"
