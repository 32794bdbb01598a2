"""Series of numbers: what is read and refused, that nothing that is held out is learned, the rivals, the model, and the verbs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.baselines.series import of_series
from lamina.commands import main
from lamina.core import rng
from lamina.core.config import config_of
from lamina.core.data import Data
from lamina.core.errors import DataError, UsageError
from lamina.core.spec import Numbers, Series, Spec
from lamina.core.task import Evaluation
from lamina.data import series
from lamina.data.readers import reader_of
from lamina.data.series import Told, season_of, with_gaps_filled
from lamina.models import MODELS
from lamina.nn.scaled import Scaled
from lamina.verbs.data import load_data
from lamina.verbs.request import Request
from lamina.verbs.setup import prepare

QUICK = ["epochs=80", "batch=16", "hidden=16", "learning_rate=0.01", "threads=1"]
RECURRENT = ("rnn", "lstm", "gru", "bilstm")


def lamina(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def waves(count: int = 400, season: int = 12, noise: float = 0.1, seed: int = 0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return (10 + 3 * np.sin(np.arange(count) * 2 * np.pi / season) + noise * chance.standard_normal(count)).astype(np.float32)


def days(count: int) -> list[str]:
    return [str(day) for day in np.datetime64("2020-01-01") + np.arange(count)]


def written(path: Path, values: np.ndarray, head: str = "day,sold") -> Path:
    path.write_text(f"{head}\n" + "".join(f"{day},{value:.5g}\n" for day, value in zip(days(len(values)), values, strict=True)))
    return path


def load(path: Path, **words: Any) -> Data:
    return load_data(str(path), words, 0, "forecast")


def made(values: np.ndarray, **words: Any) -> Data:
    told = Told("", values.reshape(len(values), -1), [str(i) for i in range(len(values))])
    names = tuple("abc"[: told.values.shape[1]])
    return series.data_of("made", [told], Series(names=names, past=1, asked=names[-1]), series.Config(**words))


# -- files -------------------------------------------------------------------------------------------


def test_dates_and_a_number_are_a_series_unasked_and_other_tables_are_not(tmp_path: Path) -> None:
    assert reader_of(written(tmp_path / "a.csv", waves(60))).__name__ == "SeriesReader"
    lines = (tmp_path / "a.csv").read_text().splitlines()
    for name, text in {"uneven": [lines[0], *lines[1:60:7], *lines[2:40]], "few": lines[:9],
                       "more": [f"{line},{i}" for i, line in enumerate(lines)]}.items():  # fmt: skip
        (tmp_path / f"{name}.csv").write_text("\n".join(text) + "\n")
        assert reader_of(tmp_path / f"{name}.csv").__name__ == "TableReader", name
        assert reader_of(tmp_path / f"{name}.csv", "forecast").__name__ == "SeriesReader"


def test_rows_in_any_order_and_gaps_are_the_same_series(tmp_path: Path) -> None:
    values = waves(200)
    straight = load(written(tmp_path / "a.csv", values))
    head, *rows = (tmp_path / "a.csv").read_text().splitlines()
    (tmp_path / "b.csv").write_text("\n".join([head, *np.random.default_rng(1).permutation(rows).tolist()]) + "\n")
    mixed = load(tmp_path / "b.csv")
    assert torch.equal(straight.train.values, mixed.train.values)  # type: ignore[attr-defined]
    rows[50] = rows[50].split(",")[0] + ","
    (tmp_path / "c.csv").write_text("\n".join([head, *rows]) + "\n")
    gap = load(tmp_path / "c.csv")
    assert gap.train.values[50] == straight.train.values[49]  # type: ignore[attr-defined]
    assert any("1 missing numbers" in line for line in gap.meaning)


def test_what_cannot_be_placed_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", waves(200))
    head, *rows = path.read_text().splitlines()
    rows[7], rows[9] = rows[6], "soon,3"
    path.write_text("\n".join([head, *rows]) + "\n")
    data = load(path)
    reasons = {refusal.reason for refusal in data.account.refused}
    assert reasons == {"a moment that was there before", "no moment in `day`"}
    assert data.account.used == 198


def test_series_under_one_another_are_told_apart_by_a_column(tmp_path: Path) -> None:
    """No window reaches from one series into another."""
    shops = {"north": waves(200), "south": 100 + waves(150)}
    rows = [f"{day},{shop},{value:.5g}" for shop, values in shops.items() for day, value in zip(days(len(values)), values, strict=True)]
    path = tmp_path / "shops.csv"
    path.write_text("day,shop,sold\n" + "\n".join(rows) + "\n")
    with pytest.raises(DataError, match="moment that was there before"):
        load(path)
    data = load(path, key="shop")
    for split in (data.train, data.valid, data.test):
        batch = split.batch(torch.arange(len(split)))
        together = torch.cat([batch["x"][..., 0], batch["y"]], 1)
        assert ((together > 50).all(1) | (together < 50).all(1)).all()
        assert {name.split()[0] for name in split.where} == {"north", "south"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("words", "said"), [
    ({"target": "sould"}, "sold"), ({"time": "when"}, "day"), ({"target": "day"}, "numbers"), ({"columns": "day"}, "numbers"),
    ({"past": 300}, "long enough"), ({"ahead": 200}, "long enough"),
])  # fmt: skip
def test_wrong_knobs_are_clear_errors(words: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", waves(200))
    with pytest.raises((DataError, UsageError), match=said):
        load(path, **words)


@pytest.mark.parametrize("content", [
    "", "day,sold\n", "day,sold\n2020-01-01,1\n2020-01-02,2\n", "a\nb\nc\n", "day,sold\n" + "2020-01-01,x\n" * 50,
])  # fmt: skip
def test_files_without_a_series_are_clear_errors(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises((DataError, UsageError)):
        load(tmp_path / "a.csv")


# -- the cut -----------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(count=st.integers(60, 500), past=st.integers(1, 20), ahead=st.integers(1, 6))
def test_what_is_held_out_is_never_asked_for_while_learning(count: int, past: int, ahead: int) -> None:
    """The numbers of the series are their own places, so that a window tells where it lies."""
    data = made(np.arange(count, dtype=np.float32), past=past, ahead=ahead, season=1)
    batches = [split.batch(torch.arange(len(split))) for split in (data.train, data.valid, data.test)]
    seen = [set(batch["y"].flatten().tolist()) for batch in batches]
    assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]
    assert max(seen[0]) < min(seen[1]) and max(seen[1]) < min(seen[2])
    assert batches[0]["x"].max() < min(seen[1]), "training has not even looked at what is held out"
    for batch in batches:
        assert torch.equal(batch["y"][:, 0], batch["x"][:, -1, 0] + 1)
        assert (batch["x"][:, :, 0].diff() == 1).all()


def test_held_out_numbers_are_judged_once_where_there_are_many() -> None:
    data = made(np.arange(4000, dtype=np.float32), past=5, ahead=6, season=1)
    asked = data.test.batch(torch.arange(len(data.test)))["y"].flatten().tolist()
    assert len(asked) == len(set(asked))
    assert len(data.test) >= series.ENOUGH


@pytest.mark.parametrize("season", [4, 7, 12, 24, 52])
def test_a_season_is_found_also_in_noise_and_on_a_slope(season: int) -> None:
    values = waves(season * 20, season, noise=0.7) + 0.05 * np.arange(season * 20)
    assert season_of([values]) == season


def test_noise_has_no_season() -> None:
    chance = np.random.default_rng(0)
    assert season_of([chance.standard_normal(400)]) == 1
    assert season_of([np.cumsum(chance.standard_normal(400))]) in (1, *range(20, 400))  # a walk may swing slowly
    assert season_of([np.full(100, 3.0)]) == 1


def test_gaps_are_the_last_number_before_them() -> None:
    values = np.array([[np.nan], [1], [np.nan], [np.nan], [4], [np.nan]], np.float32)
    filled, missing = with_gaps_filled(Told("", values, list("abcdef")))
    assert filled.values[:, 0].tolist() == [1, 1, 1, 1, 4, 4]
    assert missing == 4
    assert np.isnan(values[0, 0]), "the given series stays as it is"


# -- the rivals --------------------------------------------------------------------------------------


def judged(data: Data) -> dict[str, float]:
    def judge(say: Any, split: Any) -> Evaluation:
        batch = split.batch(torch.arange(len(split)))
        return Evaluation({"rmse": (say(batch["x"]) - batch["y"]).square().mean().sqrt().item()})

    return {name: found.metrics["rmse"] for name, found in of_series(data, judge).items()}


def test_each_rival_is_right_where_its_world_is_true() -> None:
    periodic = judged(made(np.tile(np.random.default_rng(0).standard_normal(12), 40).astype(np.float32), season=12))
    assert periodic["seasonal naive"] < 1e-6 < periodic["last value"]
    flat = np.full(400, 5, np.float32)
    flat[3] = 6  # a series without any change is none
    assert judged(made(flat, season=1, ahead=4))["last value"] == 0
    t = np.arange(600)
    swinging = judged(made((np.sin(0.7 * t) + 0.5 * np.sin(1.9 * t)).astype(np.float32), season=1, ahead=3, past=6))
    assert swinging["linear autoregression"] < 0.3 * swinging["last value"], "a sum of swings follows from its past by a weighted sum"


# -- the model ---------------------------------------------------------------------------------------


def model(name: str, columns: int = 1, past: int = 10) -> Any:
    names = tuple("abc"[:columns])
    spec = Spec(input=Series(names=names, past=past, asked=names[-1]), target=Numbers(names=("c+1", "c+2", "c+3")))
    rng.reseed(0, 0, "weights")
    return Scaled(MODELS[name](spec, config_of(MODELS[name])(hidden=8)), spec)


@pytest.mark.parametrize("name", RECURRENT)
def test_a_new_level_or_unit_is_nothing_new(name: str) -> None:
    """What is said of a series that lies higher, or is told in another unit, lies higher by as much, or is told in that unit."""
    net, x = model(name).eval(), torch.randn(5, 10, 1)
    net.net.head.weight.data.normal_(), net.net.sum.weight.data.normal_()
    with torch.no_grad():
        said = net(x)
        torch.testing.assert_close(net(x + 40), said + 40, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(net(x * 7), said * 7, rtol=1e-3, atol=1e-3)
        assert net(torch.full((1, 10, 1), 3.0)).isfinite().all(), "a series that stands still"


@pytest.mark.parametrize("name", RECURRENT)
def test_every_part_learns_from_every_column(name: str) -> None:
    net, x = model(name, columns=3).train(), torch.randn(6, 10, 3).requires_grad_()
    net(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
    assert x.grad is not None and (x.grad.abs().sum(0) > 0).all()


def test_all_moments_of_a_column_have_one_scale() -> None:
    net = model("lstm", columns=2)
    x = torch.randn(500, 10, 2) * torch.tensor([2.0, 30.0]) + torch.tensor([5.0, -100.0])
    net.input.learn(x)
    torch.testing.assert_close(net.input.mean, torch.tensor([5.0, -100.0]), rtol=0.05, atol=0.5)
    seen = net.input(x)
    torch.testing.assert_close(seen.flatten(0, 1).std(0), torch.ones(2), rtol=1e-3, atol=1e-3)


# -- the verbs ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("series")
    written(folder / "sold.csv", waves(400, noise=0.2))
    result = lamina("train", folder / "sold.csv", "epochs=40", "threads=1", "hidden=16", "--out", folder / "run")
    assert result.exit_code == 0, (result.output, result.exc_info)
    return folder / "run"


def test_a_tiny_run_forecasts(run: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    assert result["task"] == "forecast"
    assert set(result["baselines"]) == {"last value", "seasonal naive", "linear autoregression"}
    assert result["test"]["rmse"] < 0.5 * result["baselines"]["last value"]["metrics"]["rmse"]
    assert len(result["test_details"]["rmse_ahead"]) == 12
    report = (run / "report.html").read_text()
    assert "Forecasts beside what came" in report and "<svg" in report
    assert (run / "forecast-0.svg").is_file()


def test_newer_numbers_are_gone_on_from(run: Path, tmp_path: Path) -> None:
    newer = written(tmp_path / "newer.csv", waves(445))
    result = lamina("predict", run, newer, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.splitlines()[-1])["predictions"][0]
    assert len(found["values"]) == 12
    assert np.abs(np.array(found["values"]) - waves(457, noise=0)[445:]).mean() < 1.5
    assert Path(found["drawn"]).read_text().startswith("<svg")
    row = ",".join(f"{value:.5g}" for value in waves(445))
    told = json.loads(lamina("predict", run, row, "--out", tmp_path / "out", "--json").stdout.splitlines()[-1])["predictions"][0]
    assert told["values"] == pytest.approx(found["values"], rel=1e-4)


def test_evaluate_judges_another_series(run: Path, tmp_path: Path) -> None:
    result = lamina("evaluate", run, written(tmp_path / "other.csv", waves(300, seed=3)), "--json")
    assert json.loads(result.stdout.splitlines()[-1])["metrics"]["rmse"] < 2


@pytest.mark.parametrize(("word", "said"), [("1,2,3", "moments and more"), ("missing.csv", "not"), ("a,b", "row of numbers")])
def test_bad_input_is_refused(word: str, said: str, run: Path) -> None:
    result = lamina("predict", run, word)
    assert result.exit_code == 2, result.output
    assert said in result.stderr


def test_look_finds_what_is_wrong_with_a_series(tmp_path: Path) -> None:
    values = waves(300)
    values[100] = 90
    values[240:] += 60
    found = json.loads(lamina("look", written(tmp_path / "a.csv", values), "--out", tmp_path, "--json").stdout.splitlines()[-1])
    assert found["kind"] == "series of numbers"
    assert found["questions"][0]["task"] == "forecast"
    assert {one["name"] for one in found["problems"]} >= {"a level that training never saw", "sudden jumps"}
    assert "<svg" in (tmp_path / "look.html").read_text()
    plain = json.loads(lamina("look", written(tmp_path / "b.csv", waves(300)), "--out", tmp_path, "--json").stdout.splitlines()[-1])
    assert not {one["name"] for one in plain["problems"]} & {"a level that training never saw", "sudden jumps"}


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "bilstm"])
def test_rows_of_numbers_take_the_networks_that_read_in_order_as_they_are(name: str) -> None:
    """What was found for a perceptron, such as its layers, is not taken for theirs."""
    setup = prepare(Request("copy_task", words={"lag": 5, "rows": 200, "pool": "last"}, model=name))
    assert setup.choice.model == name
    assert isinstance(setup.configs["model"].hidden, int)


def test_a_table_of_numbers_is_read_in_order_by_a_recurrent_network(tmp_path: Path) -> None:
    """Series side by side in rows, with a class each: it lies in the order of the columns."""
    chance = np.random.default_rng(0)
    rows = []
    for i in range(120):
        steps = np.sort(chance.standard_normal(8)) if i % 2 else -np.sort(-chance.standard_normal(8))
        rows.append(",".join(f"{value:.3f}" for value in steps) + f",{'up' if i % 2 else 'down'}")
    (tmp_path / "rows.csv").write_text(",".join(f"t{n}" for n in range(8)) + ",way\n" + "\n".join(rows) + "\n")
    result = lamina("train", tmp_path / "rows.csv", "--model", "lstm", *QUICK, "--out", tmp_path / "run", "--json")
    assert result.exit_code == 0, (result.output, result.exc_info)
    assert json.loads((tmp_path / "run" / "result.json").read_text())["test"]["accuracy"] > 0.9
    (tmp_path / "mixed.csv").write_text("a,b,way\n" + "".join(f"{i},{'xyz'[i % 3]},{'pq'[i % 2]}\n" for i in range(60)))
    assert lamina("train", tmp_path / "mixed.csv", "--model", "lstm").exit_code == 2
