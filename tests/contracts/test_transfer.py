"""What transfer promises: frozen is frozen, rates fall from stage to stage, a run begins from another one, and it continues bit by bit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from lamina.core import rng, tree
from lamina.core.data import Data
from lamina.core.errors import UsageError
from lamina.core.run import Run
from lamina.core.spec import Classes, Spec
from lamina.data.arrays import cut, from_arrays
from lamina.methods import linear_head
from lamina.optim import finder
from lamina.verbs.request import Request
from lamina.verbs.setup import Setup, prepare
from lamina.verbs.train import plan, train

WORDS = {"batch": 16, "epochs": 2, "flip": True, "threads": 1, "dropout": 0.0, "averages": True}


def stripes(names: tuple[str, ...], seed: int = 0) -> Data:
    """Pictures 16x16 in colour: a stripe whose place is its class, in noise."""
    random = np.random.default_rng(seed)
    y = np.arange(20 * len(names)) % len(names)
    x = random.integers(0, 80, (len(y), 16, 16, 3), dtype=np.uint8)
    for row, place in enumerate(y):
        x[row, 2 + 3 * place : 4 + 3 * place] += 150
    spec, rows, _ = from_arrays("stripes", x, y)
    return cut("stripes", Spec(input=spec.input, target=Classes(names=names)), rows, 0)


OLD, NEW = stripes(("a", "b", "c")), stripes(("b", "d", "e", "a"), seed=1)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of `cnn` on three classes."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("runs") / "old"
    train(Request(OLD, model="cnn", words={"epochs": 2, "batch": 16, "threads": 1}, device="cpu", out=folder))
    return folder


def setup(begun: Path, **words: Any) -> Setup:
    ready = prepare(Request(NEW, words={**WORDS, **words}, warm_start=str(begun), device="cpu"))
    ready.learner.steps, ready.learner.first = ready.method.pace().steps, ready.method.pace().first
    return ready


def update(ready: Setup, step: int) -> float | None:
    rng.reseed(ready.learner.seed, step, "update")
    ready.learner.begin(step)
    told = ready.method.update(ready.learner, ready.method.next_batch(ready.learner, step))
    return told["loss"].item() if told else None


def weights(ready: Setup, part: str = "") -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in ready.learner.model.state_dict().items() if k.startswith(part)}


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


# -- what moves -------------------------------------------------------------------------------------


def test_while_the_head_is_fitted_nothing_else_moves(begun: Path) -> None:
    """Neither weights nor the averages of batch normalization; and the head is that of its last view."""
    ready = setup(begun)
    first, before = ready.method.pace().first, weights(ready)
    for step in range(1, first):
        update(ready, step)
    assert moved(before, weights(ready)) == {"net.head.weight", "net.head.bias"}
    rows: Any = NEW.train
    right = ready.learner.predictor()(rows.x).argmax(1) == rows.y
    assert right.float().mean() > 0.5, "twice as good as a guess"


def test_only_thawed_stages_move_and_only_their_averages(begun: Path) -> None:
    ready = setup(begun, thaw=0)
    first = ready.method.pace().first
    for step in range(1, first):
        update(ready, step)
    before = weights(ready)
    update(ready, first)
    assert moved(before, weights(ready)) == {"net.head.weight", "net.head.bias"}
    ready = setup(begun, thaw=1)
    before = weights(ready, "net.stem") | weights(ready, "net.blocks")
    for step in range(1, first + 1):
        update(ready, step)
    changed = moved(before, weights(ready))
    lower = {f"net.{name}" for name in _names(ready, "stem")}
    assert changed
    assert not changed & lower
    assert any("running_mean" in name for name in changed), "thawed averages follow with averages=true"


def _names(ready: Setup, stage: str) -> set[str]:
    """The net's own names of the tensors of a stage."""
    net: Any = ready.learner.model.net
    mine = {id(t) for t in dict(net.stages())[stage].state_dict(keep_vars=True).values()}
    return {name for name, t in net.state_dict(keep_vars=True).items() if id(t) in mine}


def test_averages_are_kept_unless_they_are_asked_for(begun: Path) -> None:
    ready = setup(begun, averages=False)
    before = {k: v for k, v in weights(ready).items() if "running" in k}
    for step in range(1, ready.method.pace().steps + 1):
        update(ready, step)
    assert before
    assert not moved(before, weights(ready))


def test_negative_control_supervised_moves_everything(begun: Path) -> None:
    ready = prepare(Request(NEW, words={"batch": 16}, method="supervised", warm_start=str(begun), device="cpu"))
    before = weights(ready)
    update(ready, 1)
    names = {k for k, v in before.items() if v.is_floating_point() and k.startswith("net.")}
    assert len(moved(before, weights(ready)) & names) > 0.9 * len(names)


def test_stages_thaw_one_by_one(begun: Path) -> None:
    """With opening=1 the first training step moves the head alone, the last one the stage below it too."""
    ready = setup(begun, opening=1.0, thaw=1)
    pace = ready.method.pace()
    for step in range(1, pace.first + 1):
        update(ready, step)
    stages = dict(ready.learner.model.net.stages())
    assert not any(p.requires_grad for p in stages["blocks"].parameters())
    for step in range(pace.first + 1, pace.steps + 1):
        update(ready, step)
    assert all(p.requires_grad for p in stages["blocks"].parameters())
    assert not any(p.requires_grad for p in stages["stem"].parameters())


def test_rates_fall_from_stage_to_stage(begun: Path) -> None:
    """In the optimizer's own groups, at the peak: decay to the power of the stages above."""
    ready = setup(begun, decay=0.5, learning_rate=0.01, schedule="constant")
    ready.learner.begin(ready.learner.first)
    groups = ready.learner._parts[""].optimizer.param_groups
    rate = {id(p): group["lr"] for group in groups for p in group["params"]}
    decayed = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    for depth, (_, stage) in enumerate(reversed(ready.learner.model.net.stages())):
        assert all(rate[id(p)] == pytest.approx(0.01 * 0.5**depth) for p in stage.parameters())
        assert all(decayed[id(p)] == 0 for p in stage.parameters() if p.ndim == 1), "norms and biases are not decayed"


def test_the_schedule_runs_over_the_training_alone(begun: Path) -> None:
    ready = setup(begun, schedule="linear", learning_rate=1.0, decay=1.0)
    (group, *_) = ready.learner._parts[""].optimizer.param_groups
    rates = []
    for step in (ready.learner.first, ready.learner.steps):
        ready.learner.begin(step)
        rates.append(group["lr"])
    trained = ready.learner.steps - ready.learner.first + 1
    assert rates == [1.0, pytest.approx(1 / trained)]


# -- a state continues ------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [1, 6, 9, 12])
def test_a_state_continues_bit_by_bit(begun: Path, stop: int) -> None:
    """Also in the middle of keeping features, which are computed again."""
    straight, other = setup(begun, ema=0.9), setup(begun, ema=0.9)
    last = straight.method.pace().steps
    told = [update(straight, step) for step in range(1, last + 1)]
    first = setup(begun, ema=0.9)
    for step in range(1, stop + 1):
        update(first, step)
    state = {"weights": first.learner.weights(), "learner": first.learner.state(), "method": first.method.state()}
    skeleton, tensors = tree.take_apart(state)
    kept = tree.put_together(json.loads(json.dumps(skeleton)), {k: t.clone() for k, t in tensors.items()})
    other.learner.load_state(kept["weights"], kept["learner"])
    other.method.load_state(kept["method"])
    assert [update(other, step) for step in range(stop + 1, last + 1)] == told[stop:]
    assert not moved(weights(straight), weights(other))


def test_the_plan_leaves_no_trace_and_knows_its_phases(begun: Path) -> None:
    request = Request(NEW, words=WORDS, warm_start=str(begun), device="cpu")
    before = weights(prepare(request))
    ready, planned = plan(request)
    assert not moved(before, weights(ready))
    pace = ready.method.pace()
    assert (planned.first, planned.steps) == (pace.first, pace.steps)
    assert pace.first - 1 == 2 * (pace.steps - pace.first + 1) / WORDS["epochs"], "two views, then the epochs"


# -- beginning from a run ---------------------------------------------------------------------------


def test_a_run_with_other_classes_names_what_begins_anew_and_keeps_known_classes(begun: Path) -> None:
    ready = setup(begun)
    assert ready.anew == ("net.head.bias", "net.head.weight")
    assert (ready.choice.model, ready.choice.method) == ("cnn", "transfer")
    old = Run.open(begun).load("best", ("weights",))["weights"]
    mine = ready.learner.model.state_dict()
    assert moved(old, {k: mine[k] for k in old if mine[k].shape == old[k].shape} | {k: old[k] for k in ready.anew}) == set()
    for new, was in ((0, 1), (3, 0)):  # `b` and `a`
        assert torch.equal(mine["net.head.weight"][new], old["net.head.weight"][was])


def test_the_same_classes_go_on_with_all_weights_and_their_method(begun: Path) -> None:
    ready = prepare(Request(OLD, warm_start=str(begun), device="cpu"))
    assert (ready.anew, ready.choice.method) == ((), "supervised")
    assert not moved(Run.open(begun).load("best", ("weights",))["weights"], weights(ready))


def test_config_says_where_the_weights_came_from(begun: Path, tmp_path: Path) -> None:
    train(Request(NEW, words=WORDS | {"epochs": 0}, warm_start=str(begun), device="cpu", out=tmp_path / "new"))
    config = Run.open(tmp_path / "new").read("config")
    assert config["origin"] == f"run `{begun}`"
    assert config["anew"] == ["net.head.bias", "net.head.weight"]


def test_none_is_from_scratch_and_transfer_then_refused() -> None:
    assert prepare(Request(OLD, warm_start="none", device="cpu")).origin == "from scratch"
    with pytest.raises(UsageError, match="weights that can be transferred"):
        prepare(Request(OLD, model="cnn", method="transfer", warm_start="none", device="cpu"))


def test_another_model_is_refused(begun: Path) -> None:
    with pytest.raises(UsageError, match="weights of this model"):
        prepare(Request(NEW, model="resnet18", warm_start=str(begun), device="cpu"))


# -- the head and the finder ------------------------------------------------------------------------


def test_the_head_is_logistic_regression() -> None:
    """scikit-learn's, whose C is 1 / (N pull) on standardized features without a pull on the intercept."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(200, 5)) * [1, 2, 3, 4, 5] + 3, random.integers(0, 3, 200)
    x[np.arange(200), y] += 2
    head = nn.Linear(5, 3)
    features, targets = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
    linear_head.fit(head, features, lambda output: nn.functional.cross_entropy(output, targets), 0.05)
    expected = LogisticRegression(C=1 / (200 * 0.05), tol=1e-8, max_iter=1000).fit((x - x.mean(0)) / x.std(0), y)
    probabilities = head(features).softmax(1).detach().numpy()
    assert np.abs(probabilities - expected.predict_proba((x - x.mean(0)) / x.std(0))).max() < 1e-3


def test_a_feature_that_never_changes_gets_no_weight() -> None:
    features = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    features[:, 1] = 7
    head, targets = nn.Linear(3, 2), (features[:, 0] > 0).long()
    linear_head.fit(head, features, lambda output: nn.functional.cross_entropy(output, targets), 0.01)
    assert head.weight[:, 1].abs().max() == 0
    assert head.weight[:, 0].abs().min() > 0


def test_the_finder_takes_the_rate_of_the_steepest_fall() -> None:
    """A loss that falls around a rate of 1e-3 and explodes above 0.1."""
    found = finder.find(lambda batch, rate: 2 - 1 / (1 + (1e-3 / rate) ** 2) + (100 if rate > 0.1 else 0))
    assert 3e-4 < found < 1e-2
    assert finder.find(lambda batch, rate: 1.0) == pytest.approx(finder.LOWEST), "what never falls gets the least rate"


def test_the_found_rate_is_kept_in_the_plan(begun: Path, tmp_path: Path) -> None:
    request = Request(NEW, words=WORDS | {"learning_rate": "auto", "epochs": 1}, warm_start=str(begun), device="cpu", out=tmp_path / "run")
    outcome = train(request)
    assert outcome.plan.learning_rate is not None
    assert finder.LOWEST <= outcome.plan.learning_rate <= finder.HIGHEST
    assert outcome.setup.learner.rate == outcome.plan.learning_rate
    assert Run.open(tmp_path / "run").read("plan")["learning_rate"] == outcome.plan.learning_rate
