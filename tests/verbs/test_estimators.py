"""lm.Classifier and lm.Regressor: scikit-learn's own checks, its tools, and the two promises of estimators.py."""

import inspect
import pickle
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

from lamina.core.errors import UsageError
from lamina.estimators import KNOBS, Classifier, Regressor, merged
from lamina.methods.supervised import Config as MethodConfig
from lamina.models.mlp import Config as ModelConfig
from lamina.optim.learner import Config as OptimConfig
from lamina.plan import Config as LoopConfig

IRIS, SPECIES = load_iris(return_X_y=True)


@parametrize_with_checks([Classifier(epochs=25), Regressor(epochs=25)])
def test_scikit_learns_checks(estimator, check) -> None:
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([Classifier(), Regressor()])
def test_scikit_learns_checks_with_the_defaults(estimator, check) -> None:
    check(estimator)


def test_every_knob_is_a_parameter_and_a_knob() -> None:
    known = {name for config in (MethodConfig, ModelConfig, OptimConfig, LoopConfig) for name in config.model_fields}
    assert set(KNOBS) <= known
    assert set(KNOBS) <= set(inspect.signature(Classifier).parameters)


# -- scikit-learn's tools -------------------------------------------------------------------------


def test_pipeline_and_cross_validation() -> None:
    scores = cross_val_score(make_pipeline(StandardScaler(), Classifier(epochs=60, random_state=0)), IRIS, SPECIES, cv=3)
    assert scores.mean() > 0.85


def test_cross_validation_in_two_processes_gives_the_same() -> None:
    estimator = Classifier(epochs=10, random_state=0)
    one, two = (cross_val_score(estimator, IRIS, SPECIES, cv=2, n_jobs=jobs) for jobs in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_grid_search_over_knobs() -> None:
    grid = {"hidden": [(4,), (16, 16)], "learning_rate": [0.0, 0.01]}
    found = GridSearchCV(Classifier(epochs=20, random_state=0), grid, cv=2).fit(IRIS, SPECIES)
    assert found.best_params_["learning_rate"] == 0.01
    assert found.best_estimator_.model_._known().config["configs"]["model"]["hidden"] == found.best_params_["hidden"]


def test_pickle_and_clone() -> None:
    fitted = Classifier(epochs=10, norm="weight", hidden=(8,), random_state=0).fit(IRIS, SPECIES)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(IRIS), fitted.predict_proba(IRIS))  # noqa: S301
    assert clone(fitted).get_params() == fitted.get_params()
    assert not hasattr(clone(fitted), "model_")


# -- what it learns -------------------------------------------------------------------------------


def test_learns_and_a_shuffled_target_scores_at_chance() -> None:
    x, y = make_blobs(300, centers=2, cluster_std=2.0, random_state=0)
    held_x, held_y = x[200:], y[200:]
    shuffled = np.random.default_rng(0).permutation(y[:200])
    assert Classifier(epochs=40, random_state=0).fit(x[:200], y[:200]).score(held_x, held_y) > 0.75
    assert 0.3 < Classifier(epochs=40, random_state=0).fit(x[:200], shuffled).score(held_x, held_y) < 0.7


def test_several_labels_at_once() -> None:
    y = np.stack([SPECIES == 0, IRIS[:, 3] > 1], axis=1).astype(int)
    fitted = Classifier(epochs=80, random_state=0).fit(IRIS, y)
    assert fitted.predict(IRIS).shape == fitted.predict_proba(IRIS).shape == (150, 2)
    assert fitted.score(IRIS, y) > 0.9
    with pytest.raises(UsageError, match="zeros and ones"):
        Classifier().fit(IRIS, np.stack([SPECIES, SPECIES], axis=1))


def test_several_numbers_at_once() -> None:
    x, y = load_diabetes(return_X_y=True)
    fitted = Regressor(epochs=40, random_state=0).fit(x, np.stack([y, -2 * y + 7], axis=1))
    assert fitted.predict(x).shape == (442, 2)
    assert fitted.score(x, np.stack([y, -2 * y + 7], axis=1)) > 0.4
    assert Regressor(epochs=1).fit(x, y).predict(x).shape == (442,)


def test_other_models_and_modules() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    before = net[0].weight.detach().clone()
    assert Classifier(net, epochs=80, learning_rate=0.01, random_state=0).fit(IRIS, SPECIES).score(IRIS, SPECIES) > 0.9
    assert (net[0].weight == before).all(), "a parameter of an estimator is never changed"
    assert Classifier("perceptron", epochs=80, learning_rate=0.02, random_state=0).fit(IRIS, SPECIES).score(IRIS, SPECIES) > 0.8
    with pytest.raises(UsageError, match="hidden"):
        Classifier("perceptron", hidden=(3,)).fit(IRIS, SPECIES)


def test_an_answer_does_not_depend_on_its_neighbours() -> None:
    """In single precision these differ by some 1e-6."""
    x, y = load_diabetes(return_X_y=True)
    fitted = Regressor(epochs=2, random_state=0).fit(x, y)
    alone = np.concatenate([fitted.predict(x[i : i + 1]) for i in range(50)])
    np.testing.assert_allclose(alone, fitted.predict(x)[:50], rtol=1e-12)


# -- chance and weights ---------------------------------------------------------------------------


def test_random_state_decides_the_weights() -> None:
    first, same, other = (Classifier(epochs=2, random_state=seed).fit(IRIS, SPECIES).predict_proba(IRIS) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 1e-3
    drawn = [Classifier(epochs=2, random_state=np.random.RandomState(5)).fit(IRIS, SPECIES).predict_proba(IRIS) for _ in range(2)]
    np.testing.assert_array_equal(*drawn)


def test_weights_equal_repetition_and_zero_rows_do_not_matter() -> None:
    counts = np.random.default_rng(0).integers(0, 4, 150)
    weighted = Classifier(epochs=5, random_state=0).fit(IRIS, SPECIES, sample_weight=counts)
    repeated = Classifier(epochs=5, random_state=0).fit(IRIS.repeat(counts, axis=0)[::-1], SPECIES.repeat(counts)[::-1])
    plain = Classifier(epochs=5, random_state=0).fit(IRIS, SPECIES)
    np.testing.assert_array_equal(weighted.predict_proba(IRIS), repeated.predict_proba(IRIS))
    assert np.abs(weighted.predict_proba(IRIS) - plain.predict_proba(IRIS)).max() > 1e-3


def test_weights_move_the_answer() -> None:
    """Two numbers at one place: the answer is their weighted mean, in training and in the choice of the best weights."""
    x, y = np.zeros((2, 1)), np.array([0.0, 1.0])
    knobs = {"model": "perceptron", "epochs": 300, "learning_rate": 0.05, "weight_decay": 0.0, "ema": 0.0, "random_state": 0}
    for weight in (0.25, 0.5, 0.75):
        fitted = Regressor(**knobs).fit(x, y, sample_weight=[1 - weight, weight])
        assert fitted.predict([[0.0]])[0] == pytest.approx(weight, abs=0.01)


def test_merged_keeps_rows_that_differ_in_the_target() -> None:
    rows = merged(np.zeros((3, 1), np.float32), np.array([0, 1, 1]), np.array([1.0, 1.0, 2.0]))
    assert rows.y.tolist() == [0, 1]
    assert rows.weight.tolist() == [0.5, 1.5]
    assert merged(-np.zeros((2, 1), np.float32), np.array([0, 1]), np.ones(2)).weight is None


def test_warm_start_goes_on_from_the_present_weights() -> None:
    warm = Classifier(epochs=20, random_state=0, warm_start=True).fit(IRIS, SPECIES)
    before = warm.predict_proba(IRIS)
    np.testing.assert_array_equal(warm.set_params(learning_rate=0.0, epochs=1).fit(IRIS, SPECIES).predict_proba(IRIS), before)
    cold = clone(warm).set_params(warm_start=False).fit(IRIS, SPECIES)
    assert np.abs(cold.predict_proba(IRIS) - before).max() > 0.01
    assert warm.fit(IRIS[:100], SPECIES[:100]).classes_.tolist() == [0, 1, 2]
    with pytest.raises(UsageError, match="warm_start=False"):
        warm.fit(IRIS, SPECIES + 1)


# -- what it leaves behind ------------------------------------------------------------------------


def test_nothing_is_printed_or_written_unless_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Classifier(epochs=1).fit(IRIS, SPECIES).predict(IRIS)
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
    Classifier(epochs=1, out="run").fit(IRIS, SPECIES)
    assert (tmp_path / "run" / "config.json").is_file()


def test_wrong_use_is_refused() -> None:
    with pytest.raises(NotFittedError):
        Classifier().predict(IRIS)
    for wrong in ({"epochs": -1}, {"model": "mpl"}, {"optimizer": "admw"}, {"validation": 1.0}):
        with pytest.raises(ValueError, match="expected"):
            Classifier(**wrong).fit(IRIS, SPECIES)
    with pytest.raises(ValueError, match="zero"):
        Classifier().fit(IRIS, SPECIES, sample_weight=np.zeros(150))
