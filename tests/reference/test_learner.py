"""What the learner does beside the optimizer, each against its formula in plain torch; float64 throughout."""

import subprocess
import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lamina.core.errors import TrainingError, UsageError
from lamina.optim.learner import Config, Learner

RATE = 0.1
CPU = torch.device("cpu")


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()


def learner_of(model: nn.Module, parts: tuple[str, ...] = (), **words: Any) -> Learner:
    return Learner(model, Config(**{"optimizer": "sgd", "learning_rate": RATE, **words}), parts, 0, CPU)


def rows(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(count, 4, dtype=torch.float64, generator=random), torch.randint(3, (count,), generator=random)


def loss_of(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(model(x), y)


def parameters(model: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


def same(a: list[torch.Tensor], b: list[torch.Tensor], atol: float = 1e-13) -> bool:
    return all(torch.allclose(p, q, rtol=0, atol=atol) for p, q in zip(a, b, strict=True))


def descended(loss: torch.Tensor, model: nn.Module, longest: float = 0.0) -> list[torch.Tensor]:
    """The parameters after one step of plain gradient descent, its gradient clipped by torch."""
    model.zero_grad()
    loss.backward()
    if longest:
        nn.utils.clip_grad_norm_(model.parameters(), longest)
    return [p.detach() - RATE * p.grad for p in model.parameters() if p.grad is not None]


# -- penalties, clipping, accumulation ------------------------------------------------------------


@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.3), (0.2, 0.1)])
def test_penalties_are_those_that_autograd_differentiates(l1: float, l2: float) -> None:
    model, (x, y) = network(), rows(5)

    def penalized(least_axes: int) -> list[torch.Tensor]:
        weights = [p for p in model.parameters() if p.ndim >= least_axes]
        return descended(loss_of(model, x, y) + sum(l1 * w.abs().sum() + l2 / 2 * w.square().sum() for w in weights), model)

    expected, on_all = penalized(2), penalized(1)
    model.zero_grad()
    learner_of(model, l1=l1, l2=l2).step(loss_of(model, x, y))
    assert same(parameters(model), expected)
    assert not same(parameters(model), on_all)  # negative control: biases are free


@pytest.mark.parametrize(("longest", "clips"), [(0.05, True), (100.0, False)])
def test_clip_is_torchs(longest: float, clips: bool) -> None:
    model, (x, y) = network(), rows(5)
    expected = descended(loss_of(model, x, y), model, longest)
    whole = descended(loss_of(model, x, y), model)
    model.zero_grad()
    learner_of(model, clip=longest).step(loss_of(model, x, y))
    assert same(parameters(model), expected)
    assert same(parameters(model), whole) != clips


def test_max_norm_bounds_every_row_and_leaves_short_ones() -> None:
    longest = 0.5
    model, (x, y) = network(), rows(5)
    free = descended(loss_of(model, x, y), model)
    model.zero_grad()
    learner_of(model, max_norm=longest).step(loss_of(model, x, y))
    assert any((w.norm(dim=1) > longest).any() for w in free if w.ndim > 1), "the test needs rows that are too long"
    for w, before in zip(parameters(model), free, strict=True):
        if w.ndim > 1:
            length = before.norm(dim=1, keepdim=True)
            torch.testing.assert_close(w, before * (longest / length).clamp(max=1), rtol=0, atol=1e-6)  # torch.renorm adds 1e-7
            assert (w.norm(dim=1) <= longest).all()
        else:
            assert torch.equal(w, before)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_accumulated_micro_batches_are_one_big_batch(optimizer: str) -> None:
    words: dict[str, Any] = {"optimizer": optimizer, "l2": 0.1, "clip": 0.3}
    big, small = learner_of(network(), **words), learner_of(network(), **words, accumulate=4)
    wrong = learner_of(network(), **words)  # negative control: a step each
    for seed in range(3):
        x, y = rows(24, seed)
        big.step(loss_of(big.model, x, y))
        for learner in (small, wrong):
            for part_x, part_y in zip(x.chunk(4), y.chunk(4), strict=True):
                learner.step(loss_of(learner.model, part_x, part_y))
    assert same(parameters(small.model), parameters(big.model))
    assert not same(parameters(wrong.model), parameters(big.model), atol=1e-6)


def test_half_an_accumulation_is_kept_in_the_state() -> None:
    (x, y), whole, first, second = rows(8), *(learner_of(network(), accumulate=2) for _ in range(3))
    for half in (slice(0, 4), slice(4, 8)):
        whole.step(loss_of(whole.model, x[half], y[half]))
    first.step(loss_of(first.model, x[:4], y[:4]))
    second.load_state(first.weights(), first.state())
    second.step(loss_of(second.model, x[4:], y[4:]))
    assert same(parameters(second.model), parameters(whole.model), atol=0)


# -- the average of the weights -------------------------------------------------------------------


@pytest.mark.parametrize("accumulate", [1, 2])
def test_ema_is_the_recursion(accumulate: int) -> None:
    decay = 0.7
    learner = learner_of(network(), ema=decay, accumulate=accumulate)
    mean, constant = parameters(learner.model), parameters(learner.model)
    for step in range(1, 12 * accumulate + 1):
        learner.step(loss_of(learner.model, *rows(5, step)))
        if step % accumulate == 0:
            moves = step // accumulate
            d = min(decay, (1 + moves) / (10 + moves))
            mean = [d * m + (1 - d) * p for m, p in zip(mean, parameters(learner.model), strict=True)]
            constant = [decay * m + (1 - decay) * p for m, p in zip(constant, parameters(learner.model), strict=True)]
    found = parameters(learner.predictor().model)
    assert same(found, mean)
    assert not same(found, constant, atol=1e-6)  # negative control: a young average forgets faster
    assert not same(found, parameters(learner.model), atol=1e-6)


def test_each_part_is_averaged_at_its_own_steps() -> None:
    learner = learner_of(Two(), ("first", "second"), ema=0.9)
    start = parameters(learner.model)
    for _ in range(5):
        learner.step(learner.model(torch.ones(1, 2, dtype=torch.float64)).sum(), "first")
    learner.step(learner.model(torch.ones(1, 2, dtype=torch.float64)).sum(), "second")
    d = 2 / 11  # of a first move
    expected = d * start[1] + (1 - d) * parameters(learner.model)[1]
    assert torch.allclose(parameters(learner.predictor().model)[1], expected, rtol=0, atol=1e-13)


def test_running_statistics_are_averaged_and_counters_copied() -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)).double()
    learner = learner_of(model, ema=0.9)
    for step in range(3):
        learner.step(loss_of(model, *rows(5, step)))
    answers, learns = learner.weights(), model.state_dict()
    assert answers["1.num_batches_tracked"] == 3
    assert not torch.equal(answers["1.running_mean"], learns["1.running_mean"])
    assert answers["1.running_mean"].abs().sum() > 0


def test_a_resumed_average_goes_on_bit_by_bit() -> None:
    whole, first, second = (learner_of(network(), optimizer="adamw", ema=0.9) for _ in range(3))
    for step in range(6):
        whole.step(loss_of(whole.model, *rows(5, step)))
    for step in range(3):
        first.step(loss_of(first.model, *rows(5, step)))
    second.load_state(first.weights(), first.state())
    for step in range(3, 6):
        second.step(loss_of(second.model, *rows(5, step)))
    for found, expected in zip(second.weights().values(), whole.weights().values(), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize(("steps", "points"), [(100, 5), (37, 3), (4, 5)])
def test_checkpoints_are_the_plain_mean_of_points_of_the_last_fifth(steps: int, points: int) -> None:
    learner = learner_of(network(), checkpoints=points)
    learner.steps = steps
    before: list[list[torch.Tensor]] = []
    for step in range(1, steps + 1):
        before.append(parameters(learner.model))
        learner.begin(step)
        assert (learner.predictor().model is learner.model) == (step < steps - round((points - 1) * 0.2 * steps / points))
        learner.step(loss_of(learner.model, *rows(5, step)))
    taken = sorted({steps - round(i * 0.2 * steps / points) for i in range(points)})
    assert steps - taken[0] < 0.2 * steps + 0.5 and taken[-1] == steps
    mean = [torch.stack(one).mean(0) for one in zip(*(before[step - 1] for step in taken), strict=True)]
    assert same(parameters(learner.predictor().model), mean)
    assert not same(parameters(learner.model), mean, atol=1e-6)


def _begun(learner: Learner, steps: range) -> None:
    learner.steps = 20
    for step in steps:
        learner.begin(step)
        learner.step(loss_of(learner.model, *rows(5, step)))


@pytest.mark.parametrize("stop", [3, 17, 19])
def test_resumed_checkpoints_go_on_bit_by_bit(stop: int) -> None:
    whole, first, second = (learner_of(network(), optimizer="adamw", checkpoints=3) for _ in range(3))
    _begun(whole, range(1, 21))
    _begun(first, range(1, stop + 1))
    second.load_state(first.weights(), first.state())
    _begun(second, range(stop + 1, 21))
    for found, expected in zip(second.weights().values(), whole.weights().values(), strict=True):
        assert torch.equal(found, expected)


# -- what is not finite ---------------------------------------------------------------------------


def broken_gradient(model: nn.Module) -> torch.Tensor:
    """A loss of zero whose gradient is not finite."""
    return (next(model.parameters()) * 0).sum().sqrt()


def broken_loss(model: nn.Module) -> torch.Tensor:
    """A loss that is not finite, with a gradient that is."""
    return next(model.parameters()).sum() + torch.inf


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "rmsprop", "lion", "muon"])
@pytest.mark.parametrize("broken", [broken_gradient, broken_loss])
@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_nothing_moves_if_it_is_not_finite(optimizer: str, broken: Any, clip: float) -> None:
    learner = learner_of(network(), optimizer=optimizer, clip=clip, max_norm=0.1, l2=0.1, ema=0.9)
    learner.step(loss_of(learner.model, *rows(5)))
    before, average = parameters(learner.model), parameters(learner.predictor().model)
    with pytest.raises(TrainingError, match="learning_rate"):
        learner.step(broken(learner.model))
    assert same(parameters(learner.model), before, atol=0)
    assert same(parameters(learner.predictor().model), average, atol=0)
    learner.step(loss_of(learner.model, *rows(5)))  # and nothing of it lingers
    assert all(p.isfinite().all() for p in learner.model.parameters())
    assert not same(parameters(learner.model), before, atol=1e-9)


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adagrad", "adam", "adamw"])
@pytest.mark.parametrize("broken", [broken_gradient, broken_loss])
def test_a_fused_kernel_keeps_the_weights_still_until_the_check(optimizer: str, broken: Any) -> None:
    """The way of a GPU, walked on the CPU."""
    learner = learner_of(network(), optimizer=optimizer)
    learner._parts[""].on_device = True
    learner.step(loss_of(learner.model, *rows(5)))
    learner.check()
    before = parameters(learner.model)
    learner.step(broken(learner.model))
    assert same(parameters(learner.model), before, atol=0)
    with pytest.raises(TrainingError):
        learner.check()


# -- frozen, unused, apart ------------------------------------------------------------------------


class Two(nn.Module):
    """Two parts; `spare` takes no part in the output."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.spare = (nn.Linear(2, 2, bias=False).double() for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.second(self.first(x).tanh())
        return out


ONES = torch.ones(3, 2, dtype=torch.float64)
OPTIMIZERS = ["sgd", "adamw", "adadelta", "lion", "muon"]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_unused_and_frozen_parameters_stay(optimizer: str) -> None:
    model = Two()
    model.first.requires_grad_(False)
    learner = learner_of(model, optimizer=optimizer, l1=0.1, l2=0.1, clip=1.0, max_norm=0.1, ema=0.5)
    before = parameters(model)
    learner.step(model(ONES).sum())
    moved = [not torch.equal(p, q) for p, q in zip(parameters(model), before, strict=True)]
    assert moved == [False, True, False]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_part_that_is_thawed_later_learns(optimizer: str) -> None:
    model = Two()
    model.first.requires_grad_(False)
    learner = learner_of(model, optimizer=optimizer)
    learner.step(model(ONES).sum())
    model.first.requires_grad_(True)
    model.second.requires_grad_(False)
    before = parameters(model)
    learner.step(model(ONES).sum())
    assert [not torch.equal(p, q) for p, q in zip(parameters(model), before, strict=True)] == [True, False, False]


def test_a_step_moves_its_part_and_leaves_no_gradient_elsewhere() -> None:
    model = Two()
    learner = learner_of(model, ("first", "second"))
    before = parameters(model)
    learner.step(model(ONES).sum(), "second")
    assert [not torch.equal(p, q) for p, q in zip(parameters(model), before, strict=True)] == [False, True, False]
    assert all(p.grad is None for p in model.parameters())


def test_a_loss_that_reaches_nothing_moves_nothing() -> None:
    model = Two()
    learner = learner_of(model, ("first", "spare"), l2=0.5)
    before = parameters(model)
    learner.step(model(ONES).sum(), "spare")
    assert same(parameters(model), before, atol=0)


def test_nothing_to_learn_is_refused() -> None:
    with pytest.raises(UsageError, match="frozen"):
        learner_of(network().requires_grad_(False))


# -- without the compiler ---------------------------------------------------------------------------

PROGRAM = """
import sys, torch
from torch import nn
from lamina.optim import OPTIMIZERS
from lamina.optim.learner import Config, Learner
for name in OPTIMIZERS:
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    learner = Learner(net, Config(optimizer=name), (), 0, torch.device("cpu"))
    learner.step(net(torch.ones(2, 3)).square().sum())
    learner.load_state(learner.weights(), learner.state())
print("torch._dynamo" in sys.modules)
"""


@pytest.mark.parametrize(("before", "imported"), [("", "False"), ("import torch; torch.optim.SGD([torch.ones(1)]).zero_grad()", "True")])
def test_no_optimizer_imports_the_compiler(before: str, imported: str) -> None:
    """And a negative control: torch's own first use does."""
    done = subprocess.run([sys.executable, "-c", f"{before}\n{PROGRAM}"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == imported
