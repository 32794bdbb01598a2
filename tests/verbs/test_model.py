"""lm.Model: the six steps, arrays, warm starts, saved runs, and every error at its door."""

import json
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import lamina as lm
from lamina.core.data import Data
from lamina.core.errors import DataError, UsageError
from lamina.oversight.summary import layers

QUICK = {"threads": 1, "precision": "f32", "quiet": True}


@pytest.fixture(scope="module")
def digits() -> Data:
    return lm.load("digits")


@pytest.fixture(scope="module")
def iris() -> Data:
    return lm.load("iris")


def lecture() -> nn.Sequential:
    return nn.Sequential(nn.LazyConv2d(32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.LazyLinear(10))


@pytest.fixture(scope="module")
def fitted(digits: Data) -> lm.Model:
    return lm.Model(lecture()).fit(digits, epochs=8, **QUICK)


@pytest.fixture(scope="module")
def flowers(iris: Data) -> lm.Model:
    return lm.Model("mlp", hidden=(16,)).fit(iris, epochs=60, **QUICK)


def rows(count: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 3)).astype(np.float32)
    return x, np.where(x[:, 0] + x[:, 1] > 0, "yes", "no")


# -- the six steps --------------------------------------------------------------------------------


def test_six_steps_to_the_letter(digits: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = lm.Model(lecture())
    model.fit(digits)
    shown = capsys.readouterr().out
    assert "valid  accuracy" in shown
    assert "best of training" in shown
    picture = digits.test.batch(torch.arange(1))["x"][0, 0].numpy()
    Image.fromarray(picture).save(tmp_path / "my_digit.png")
    print(model.evaluate(digits.test))
    print(model.predict(str(tmp_path / "my_digit.png")))
    figures, answer = capsys.readouterr().out.strip().splitlines()
    assert figures.startswith("accuracy 0.")
    assert "95 %" in figures
    assert answer.endswith("%)")


def test_learns_and_quiet_says_nothing(digits: Data, fitted: lm.Model, capsys: pytest.CaptureFixture[str]) -> None:
    score = fitted.evaluate(digits.test)
    assert 0.85 < score["accuracy"] <= 1
    low, high = score.intervals["accuracy"]
    assert low < score["accuracy"] < high
    lm.Model("perceptron").fit(lm.load("iris"), epochs=1, **QUICK)
    assert capsys.readouterr().out == ""


def test_a_shuffled_target_scores_at_chance() -> None:
    x, y = rows(400)
    shuffled = np.random.default_rng(1).permutation(y)
    found = lm.Model("mlp", hidden=(16,)).fit(x, shuffled, epochs=20, **QUICK)
    true = lm.Model("mlp", hidden=(16,)).fit(x, y, epochs=20, **QUICK)
    fresh_x, fresh_y = rows(400, seed=2)
    assert found.evaluate(fresh_x, fresh_y)["accuracy"] < 0.7
    assert true.evaluate(fresh_x, fresh_y)["accuracy"] > 0.9


def test_the_users_module_holds_the_best_weights(iris: Data) -> None:
    """Also where an average of the weights answers, as the recipe for tables has it."""
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    model = lm.Model(net).fit(iris, epochs=10, ema=0.9, **QUICK)
    kept = model._known().weights()
    assert all(torch.equal(kept[f"net.{name}"], value) for name, value in net.state_dict().items())


def test_a_bare_layer_is_a_module(iris: Data) -> None:
    assert lm.Model(nn.Linear(4, 3)).fit(iris, epochs=30, **QUICK).evaluate(iris)["accuracy"] > 0.6


# -- one input or many ----------------------------------------------------------------------------


def test_one_picture_in_every_form(digits: Data, fitted: lm.Model, tmp_path: Path) -> None:
    tensor = digits.test.batch(torch.arange(1))["x"][0]
    path = tmp_path / "digit.png"
    Image.fromarray(tensor[0].numpy()).save(path)
    answers = [fitted.predict(form) for form in (path, str(path), tensor, tensor[0].numpy(), tensor[0, :, :, None].numpy())]
    assert len({answer.label for answer in answers}) == 1
    assert len({round(answer.probability, 5) for answer in answers}) == 1


def test_many_pictures_in_every_form(digits: Data, fitted: lm.Model, tmp_path: Path) -> None:
    tensor = digits.test.batch(torch.arange(3))["x"]
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, picture in zip(paths, tensor, strict=True):
        Image.fromarray(picture[0].numpy()).save(path)
    for form in (paths, tensor, tensor[:, 0].numpy(), list(tensor)):
        assert [a.label for a in fitted.predict(form)] == [a.label for a in fitted.predict(paths)]
    assert fitted.predict_proba(tensor).shape == (3, 10)
    np.testing.assert_allclose(fitted.predict_proba(tensor).sum(1), 1, rtol=1e-5)
    assert fitted.predict_proba(tensor[0]).shape == (10,)


def test_one_row_and_many_rows(flowers: lm.Model) -> None:
    row = [5.1, 3.5, 1.4, 0.2]
    one = flowers.predict(row)
    assert one.label == "setosa"
    assert flowers.predict("5.1,3.5,1.4,0.2") == one
    assert flowers.predict(np.array(row)) == one
    assert [a.label for a in flowers.predict([row, row])] == ["setosa", "setosa"]
    assert flowers.predict([]) == []
    assert flowers.classes == ("setosa", "versicolor", "virginica")


# -- arrays, weights, warm starts -----------------------------------------------------------------


def test_numbers_and_labels_from_arrays() -> None:
    x, _ = rows(300)
    numbers = lm.Model("mlp", hidden=(32,)).fit(x, x[:, :2] @ [[3.0], [1.5]] + 40, epochs=60, **QUICK)
    assert numbers.evaluate(x, x[:, :2] @ [[3.0], [1.5]] + 40)["r2"] > 0.95
    labels = lm.Model("mlp", hidden=(32,)).fit(x, (x[:, :2] > 0).astype(int), epochs=60, **QUICK)
    assert labels.evaluate((x, (x[:, :2] > 0).astype(int)))["accuracy"] > 0.9
    with pytest.raises(UsageError, match="classes or labels"):
        numbers.predict_proba(x)


def test_rows_of_weight_zero_do_not_matter() -> None:
    x, y = rows()
    garbage = np.full((50, 3), 1e6, np.float32)
    weighted = lm.Model("perceptron").fit(np.vstack([x, garbage]), np.append(y, ["no"] * 50), epochs=3,
                                          sample_weight=[1] * 200 + [0] * 50, **QUICK)
    plain = lm.Model("perceptron").fit(x, y, sample_weight=[1] * 200, epochs=3, **QUICK)
    counted = lm.Model("perceptron").fit(np.vstack([x, garbage]), np.append(y, ["no"] * 50), epochs=3, **QUICK)
    np.testing.assert_array_equal(weighted.predict_proba(x), plain.predict_proba(x))
    assert np.abs(counted.predict_proba(x) - plain.predict_proba(x)).max() > 0.01


def test_the_seed_decides_the_weights(iris: Data) -> None:
    first, same, other = (lm.Model("mlp").fit(iris, seed=seed, epochs=1, **QUICK)._known().weights() for seed in (0, 0, 1))
    assert all(torch.equal(first[k], same[k]) for k in first)
    assert not torch.equal(first["net.head.weight"], other["net.head.weight"])


@pytest.mark.parametrize("kind", ["mlp", "module"])
def test_a_second_fit_goes_on_from_the_present_weights(iris: Data, kind: str) -> None:
    model = lm.Model("mlp" if kind == "mlp" else nn.Sequential(nn.LazyLinear(16), nn.ReLU(), nn.LazyLinear(3)))
    model.fit(iris, epochs=20, **QUICK)
    before = model._known().weights()
    model.fit(iris, epochs=1, learning_rate=0.0, **QUICK)  # nothing moves, so the weights are those of the first fit
    assert all(torch.equal(before[k], v) for k, v in model._known().weights().items())
    model.fit(iris, epochs=1, **QUICK)
    assert any(not torch.equal(before[k], v) for k, v in model._known().weights().items())
    with pytest.raises(DataError, match="first fit"):
        model.fit(lm.load("wine"), **QUICK)


def test_a_second_fit_takes_arrays_with_fewer_classes(iris: Data) -> None:
    model = lm.Model("mlp").fit(iris, epochs=5, **QUICK)
    found = iris.train.batch(torch.arange(100))
    two = found["y"] < 2
    names = np.array(model.classes)[found["y"][two].numpy()]
    assert model.fit(found["x"][two].numpy(), names, epochs=1, **QUICK).classes == ("setosa", "versicolor", "virginica")


# -- runs -----------------------------------------------------------------------------------------


def test_a_saved_built_in_model_is_a_run(flowers: lm.Model, iris: Data, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    flowers.save(folder)
    again = lm.load_run(folder)
    assert again.predict([5.1, 3.5, 1.4, 0.2]) == flowers.predict([5.1, 3.5, 1.4, 0.2])
    assert again.evaluate(iris).metrics == flowers.evaluate(iris.test).metrics
    words = [sys.executable, "-m", "lamina.cli", "predict", str(folder), "5.1,3.5,1.4,0.2", "--json"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert json.loads(said.splitlines()[-1])["predictions"][0]["label"] == "setosa"
    with pytest.raises(UsageError, match="without a run"):
        flowers.save(folder)


def test_evaluating_a_run_looks_at_the_rows_it_never_saw(tmp_path: Path) -> None:
    """Data split by seed 3 and a fit of seed 0: the run must load the split of seed 3 again."""
    from lamina.verbs.evaluate import evaluate

    data = lm.load("iris", seed=3)
    model = lm.Model("mlp").fit(data, out=tmp_path / "run", epochs=5, **QUICK)
    look = evaluate(tmp_path / "run", device="cpu")
    assert look.found.metrics == model.evaluate(data.test).metrics
    assert look.looks == 2  # training looked once
    assert lm.load_run(tmp_path / "run").evaluate(lm.load("iris", seed=3)).looks > 2
    assert lm.load_run(tmp_path / "run").evaluate(lm.load("iris", seed=0)).looks == 0


def test_data_from_python_are_not_taken_for_built_in_ones(tmp_path: Path) -> None:
    from lamina.verbs.evaluate import evaluate

    lm.Model("mlp").fit(*rows(), out=tmp_path / "run", epochs=1, **QUICK)
    with pytest.raises(UsageError, match="given from Python"):
        evaluate(tmp_path / "run")


def test_each_look_at_the_test_is_counted(iris: Data) -> None:
    model = lm.Model("mlp").fit(iris, epochs=1, **QUICK)
    assert "look" not in str(model.evaluate(iris.test))
    assert str(model.evaluate(iris)).endswith("; look 2 at the test split")
    assert model.evaluate(iris.valid).looks == 0


MODULE = """from torch import nn

class Net(nn.Sequential):
    pass

def make():
    return Net(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(3))
"""


def test_a_run_of_a_users_module(iris: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "my_net.py"
    source.write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    import my_net  # type: ignore[import-not-found]

    model = lm.Model(my_net.make()).fit(iris, out=tmp_path / "run", epochs=5, **QUICK)
    own = json.loads((tmp_path / "run" / "config.json").read_text())["own_module"]
    assert own["name"] == "my_net.Net"
    assert own["file"] == str(source)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = lm.load_run(tmp_path / "run", module=my_net.make())
    assert again.evaluate(iris.test).metrics == model.evaluate(iris.test).metrics
    with pytest.raises(UsageError, match="module=your_module"):
        lm.load_run(tmp_path / "run")
    with pytest.raises(UsageError, match="the module that the run was made with"):
        lm.load_run(tmp_path / "run", module=my_net.Net(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 3)))
    source.write_text(MODULE + "# changed\n")
    with pytest.warns(UserWarning, match="another text"):
        lm.load_run(tmp_path / "run", module=my_net.make())


def test_a_built_in_run_takes_no_module(flowers: lm.Model, tmp_path: Path) -> None:
    flowers.save(tmp_path / "run")
    with pytest.raises(UsageError, match="no module"):
        lm.load_run(tmp_path / "run", module=nn.Linear(4, 3))
    from lamina.verbs.train import resume

    with pytest.raises(UsageError, match="weights alone"):
        resume(tmp_path / "run")


@pytest.mark.parametrize("which", ["fitted", "flowers"])
def test_a_model_can_be_copied_to_another_process(which: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(which)
    x = np.random.default_rng(0).integers(0, 255, (4, 8, 8), dtype=np.uint8) if which == "fitted" else rows(4)[0] @ np.ones((3, 4))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(x), model.predict_proba(x))  # noqa: S301


# -- the summary ----------------------------------------------------------------------------------


def test_summary_counts_every_parameter_once(digits: Data, fitted: lm.Model) -> None:
    text = fitted.summary()
    found = layers(fitted._known().predictor.model, digits.spec)
    count = sum(p.numel() for p in fitted.module.parameters())
    assert sum(layer.parameters for layer in found) == count
    assert f"{count:,}" in text.splitlines()[-1]
    assert "(B, 32, 6, 6)" in text
    with pytest.raises(UsageError, match="trained"):
        lm.Model(lecture()).summary()


class Odd(nn.Module):
    """A parameter of its own, a layer used twice, weight normalization, and attention that calls no child for its output."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(4))
        self.twice = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.twice(self.twice(x * self.gain))[:, None]
        return self.attention(h, h, h)[0][:, 0]


def test_summary_of_an_odd_module(iris: Data) -> None:
    odd = Odd()
    found = layers(nn.Sequential(odd), iris.spec)
    assert sum(layer.parameters for layer in found) == sum(p.numel() for p in odd.parameters())
    assert [layer.name for layer in found].count("0.twice") == 2


def test_summary_before_a_fit_leaves_the_module_alone(digits: Data) -> None:
    net = lecture()
    assert "(B, 32, 6, 6)" in lm.Model(net).summary(digits)
    assert isinstance(net[0].weight, nn.parameter.UninitializedParameter)


# -- errors at the door ---------------------------------------------------------------------------


def refused(model: lm.Model, data: Data) -> str:
    with pytest.raises(UsageError) as caught:
        model.fit(data, epochs=1, **QUICK)
    assert caught.value.do
    return str(caught.value)


def test_an_output_of_the_wrong_width_says_both_numbers(digits: Data) -> None:
    said = refused(lm.Model(nn.Sequential(nn.Flatten(), nn.LazyLinear(7))), digits)
    assert "(B, 10)" in said
    assert "(B, 7)" in said
    assert "nn.LazyLinear(10)" in said
    assert "nn.Flatten() and" in refused(lm.Model(nn.Sequential(nn.LazyConv2d(10, 3))), digits)


def test_numbers_need_two_dimensions() -> None:
    """A (B,) output would be broadcast against (B, 1) targets and learn nothing."""
    squeezed = nn.Sequential(nn.Linear(10, 1), nn.Flatten(0))
    assert "(B, 1)" in refused(lm.Model(squeezed), lm.load("diabetes"))


def test_a_module_that_cannot_run_says_where(digits: Data) -> None:
    said = refused(lm.Model(nn.Sequential(nn.LazyConv2d(4, 3), nn.Linear(7, 10))), digits)
    assert "after `0` (Conv2d), whose output is (B, 4, 6, 6)" in said
    assert "(B, 1, 8, 8)" in said


class Functional(nn.Module):
    def __init__(self, last: str) -> None:
        super().__init__()
        self.layer, self.last = nn.Linear(4, 3), last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return getattr(torch, self.last)(self.layer(x), dim=1)


@pytest.mark.parametrize("last", [nn.Softmax(1), nn.LogSoftmax(1), nn.Sigmoid()], ids=str)
def test_a_last_softmax_is_refused(iris: Data, last: nn.Module) -> None:
    said = refused(lm.Model(nn.Sequential(nn.Linear(4, 3), last)), iris)
    assert "logits" in said
    assert type(last).__name__ in said


@pytest.mark.parametrize("last", ["softmax", "log_softmax"])
def test_a_softmax_written_as_a_function_is_refused(iris: Data, last: str) -> None:
    assert "softmax" in refused(lm.Model(Functional(last)), iris)


def test_a_softmax_inside_is_allowed(iris: Data) -> None:
    lm.Model(nn.Sequential(nn.Linear(4, 8), nn.Softmax(1), nn.Linear(8, 3))).fit(iris, epochs=1, **QUICK)


def test_wrong_use_is_said_in_three_parts(iris: Data, flowers: lm.Model) -> None:
    x, y = rows()
    wrong = [
        (lambda: lm.Model("mlp").predict(x), "trained"),
        (lambda: lm.Model("mpl"), "mlp"),
        (lambda: lm.Model(nn.Linear), "torch module"),
        (lambda: lm.Model(nn.Flatten()).fit(iris, **QUICK), "4"),
        (lambda: lm.Model("mlp").fit(x, y[:-1], **QUICK), "as many inputs"),
        (lambda: lm.Model("mlp").fit(x, **QUICK), "without y"),
        (lambda: lm.Model("mlp").fit(iris, y, **QUICK), "arrays beside"),
        (lambda: lm.Model("mlp").fit(x, y, sample_weight=[1, 2], **QUICK), "one weight"),
        (lambda: lm.Model("mlp").fit(x, y, sample_weight=-np.ones(200), **QUICK), "zero or more"),
        (lambda: lm.Model("mlp").fit(x[:3], ["a", "b", "b"], **QUICK), "rows enough"),
        (lambda: lm.Model("mlp", hiden=(3,)).fit(iris, **QUICK), "hidden"),
        (lambda: lm.load("irs"), "iris"),
        (lambda: lm.load("circles", nois=0.1), "nois"),
        (lambda: flowers.predict([1.0, 2.0]), "a row of 4 numbers"),
        (lambda: flowers.predict("no_such_file.png"), "row of numbers"),
        (lambda: flowers.evaluate(x), "split"),
        (lambda: flowers.evaluate(lm.load("wine").test), "shape"),
        (lambda: flowers.evaluate(np.ones((2, 4)), ["setosa", "rose"]), "rose"),
        (lambda: flowers.evaluate(iris)["acuracy"], "accuracy"),
    ]
    for call, words in wrong:
        with pytest.raises(UsageError, match=words):
            call()
