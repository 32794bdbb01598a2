"""Every optimizer by name moves the weights as torch's own, or the paper's formula, moves them; in float64 but where bits are compared."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lamina.core import tree
from lamina.optim import OPTIMIZERS
from lamina.optim.learner import Config, Learner
from lamina.optim.muon import COEFFICIENTS, ITERATIONS, Muon, orthogonalize

RATE, STEPS = 0.03, 6
Make = Callable[[Any], torch.optim.Optimizer]
PLAIN: dict[str, Make] = {  # torch's loops, neither fused nor gathered
    "sgd": lambda p: torch.optim.SGD(p, RATE, foreach=False),
    "momentum": lambda p: torch.optim.SGD(p, RATE, momentum=0.9, foreach=False),
    "nesterov": lambda p: torch.optim.SGD(p, RATE, momentum=0.9, nesterov=True, foreach=False),
    "adagrad": lambda p: torch.optim.Adagrad(p, RATE, foreach=False),
    "adadelta": lambda p: torch.optim.Adadelta(p, RATE, foreach=False),
    "rmsprop": lambda p: torch.optim.RMSprop(p, RATE, momentum=0, foreach=False),
    "adam": lambda p: torch.optim.Adam(p, RATE, foreach=False),
    "adamw": lambda p: torch.optim.AdamW(p, RATE, weight_decay=0, foreach=False),
    "nadam": lambda p: torch.optim.NAdam(p, RATE, foreach=False),
    "lion": lambda p: PlainLion(p, RATE, 0.9, 0.99, 0.0),
}  # fmt: skip


class PlainLion(torch.optim.Optimizer):
    """Algorithm 2 of Chen et al. 2023, line by line."""

    def __init__(self, params: Any, lr: float, beta1: float, beta2: float, decay: float) -> None:
        super().__init__(params, {"lr": lr, "beta1": beta1, "beta2": beta2, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for w in group["params"]:
                m = self.state[w].get("m", torch.zeros_like(w))
                c = group["beta1"] * m + (1 - group["beta1"]) * w.grad
                w.copy_(w - group["lr"] * (c.sign() + group["decay"] * w))
                self.state[w]["m"] = group["beta2"] * m + (1 - group["beta2"]) * w.grad


def network(seed: int = 0) -> nn.Module:
    """A convolution, a matrix and a head, with biases."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(16, 6), nn.Tanh(), nn.Linear(6, 3)).double()


def learner_of(model: nn.Module, **words: Any) -> Learner:
    return Learner(model, Config(learning_rate=RATE, **words), (), 0, torch.device("cpu"))


def loss_of(model: nn.Module, step: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(step)
    x = torch.randn(5, 2, 4, 4, generator=random).to(next(model.parameters()).dtype)
    return F.cross_entropy(model(x), torch.randint(3, (5,), generator=random))


def learn(learner: Learner, first: int = 1, last: int = STEPS) -> nn.Module:
    learner.steps = STEPS
    for step in range(first, last + 1):
        learner.begin(step)
        learner.step(loss_of(learner.model, step))
    return learner.model


def descend(make: Make) -> nn.Module:
    model = network()
    optimizer = make(model.parameters())
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        loss_of(model, step).backward()
        optimizer.step()
    return model


def distance(a: nn.Module, b: nn.Module) -> float:
    return max((p - q).abs().max().item() for p, q in zip(a.parameters(), b.parameters(), strict=True))


@pytest.mark.parametrize("name", PLAIN)
def test_moves_as_the_reference(name: str) -> None:
    assert distance(learn(learner_of(network(), optimizer=name)), descend(PLAIN[name])) < 1e-12


@pytest.mark.parametrize("name", PLAIN)
def test_every_other_rule_is_told_apart(name: str) -> None:
    """Negative control."""
    mine = learn(learner_of(network(), optimizer=name))
    twins = {"adam", "adamw"}  # which differ in decay alone
    assert all(distance(mine, descend(make)) > 1e-6 for other, make in PLAIN.items() if other != name and {other, name} != twins)


def test_all_optimizers_have_a_reference() -> None:
    assert {*PLAIN, "muon"} == set(OPTIMIZERS)


@pytest.mark.parametrize(
    ("words", "make"),
    [
        ({"optimizer": "momentum", "momentum": 0.5}, lambda p: torch.optim.SGD(p, RATE, momentum=0.5)),
        ({"optimizer": "rmsprop", "momentum": 0.5}, lambda p: torch.optim.RMSprop(p, RATE, momentum=0.5)),
        ({"optimizer": "adam", "beta1": 0.5}, lambda p: torch.optim.Adam(p, RATE, (0.5, 0.999))),
        ({"optimizer": "nadam", "beta2": 0.9}, lambda p: torch.optim.NAdam(p, RATE, (0.9, 0.9))),
        ({"optimizer": "lion", "beta1": 0.8, "beta2": 0.7}, lambda p: PlainLion(p, RATE, 0.8, 0.7, 0.0)),
    ],
)
def test_knobs_reach_the_optimizer(words: dict[str, Any], make: Make) -> None:
    assert distance(learn(learner_of(network(), **words)), descend(make)) < 1e-12


@pytest.mark.parametrize("name", ["sgd", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamw", "nadam"])
def test_decay_pulls_matrices_and_never_vectors(name: str) -> None:
    def make(decay_vectors: bool) -> Make:
        def build(parameters: Any) -> torch.optim.Optimizer:
            own = PLAIN[name](parameters)
            own.param_groups[0]["weight_decay"] = 0.1
            if not decay_vectors:
                vectors = [p for p in own.param_groups[0]["params"] if p.ndim == 1]
                own.param_groups[0]["params"] = [p for p in own.param_groups[0]["params"] if p.ndim > 1]
                own.add_param_group({**own.param_groups[0], "params": vectors, "weight_decay": 0.0})
            return own

        return build

    mine = learn(learner_of(network(), optimizer=name, weight_decay=0.1))
    assert distance(mine, descend(make(decay_vectors=False))) < 1e-12
    assert distance(mine, descend(make(decay_vectors=True))) > 1e-9  # negative control


def test_torchs_kernels_are_used_where_there_are_some() -> None:
    def fused(name: str) -> bool:
        return bool(learner_of(network(), optimizer=name)._parts[""].optimizer.defaults.get("fused"))

    assert {name for name in OPTIMIZERS if fused(name)} == {"sgd", "momentum", "nesterov", "adagrad", "adam", "adamw"}


# -- muon -----------------------------------------------------------------------------------------


def matrix(rows: int, columns: int) -> torch.Tensor:
    return torch.randn(rows, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(rows))


@pytest.mark.parametrize("shape", [(5, 5), (4, 9), (9, 4)])
@pytest.mark.parametrize(("coefficients", "same"), [(COEFFICIENTS, True), ((3.4445, -4.7750, 2.1), False)])
def test_orthogonalize_changes_singular_values_only(shape: tuple[int, int], coefficients: Any, same: bool) -> None:
    m = matrix(*shape)
    u, s, v = torch.linalg.svd(m, full_matrices=False)
    s = s / m.norm()
    a, b, c = coefficients
    for _ in range(ITERATIONS):
        s = a * s + b * s**3 + c * s**5
    assert torch.allclose(orthogonalize(m), u @ s.diag() @ v, rtol=0, atol=1e-10) == same


def follow(make: Make, shape: tuple[int, ...], steps: int = 4) -> torch.Tensor:
    w = nn.Parameter(torch.ones(shape, dtype=torch.float64))
    optimizer = make([w])
    for step in range(steps):
        w.grad = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(step))
        optimizer.step()
    return w.detach()


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (9, 4)])
@pytest.mark.parametrize(("momentum", "same"), [(0.95, True), (0.9, False)])
def test_matrices_move_as_torchs_muon(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int], momentum: float, same: bool) -> None:
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda x: x.clone())  # torch's own iterates in 8 bits of precision
    reference = follow(lambda p: torch.optim.Muon(p, RATE, 0.1, momentum, adjust_lr_fn="match_rms_adamw"), shape)
    assert torch.allclose(follow(lambda p: Muon(p, RATE, weight_decay=0.1), shape), reference, rtol=0, atol=1e-12) == same


def test_a_kernel_moves_as_the_matrix_that_it_is() -> None:
    kernel = nn.Parameter(matrix(4, 18).view(4, 2, 3, 3))
    flat = nn.Parameter(kernel.detach().clone().flatten(1))
    kernel.grad = matrix(4, 18).cos().view(4, 2, 3, 3)
    flat.grad = kernel.grad.flatten(1)
    Muon([kernel], RATE).step()
    Muon([flat], RATE).step()
    assert torch.equal(kernel.flatten(1), flat)


def adamw(p: Any) -> torch.optim.Optimizer:
    return torch.optim.AdamW(p, RATE, (0.9, 0.95), weight_decay=0.1)


@pytest.mark.parametrize("shape", [(7,), (7, 1), (1, 7)])
def test_vectors_move_by_adamw(shape: tuple[int, ...]) -> None:
    assert torch.allclose(follow(lambda p: Muon(p, RATE, weight_decay=0.1), shape), follow(adamw, shape), rtol=0, atol=1e-12)


def test_embeddings_and_the_head_move_by_adamw_and_what_is_hidden_does_not() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4, bias=False), nn.Tanh(), nn.Linear(4, 3)).double()
    before = [p.detach().clone() for p in model.parameters()]
    learner = learner_of(model, optimizer="muon")
    loss = F.cross_entropy(model(torch.arange(3)), torch.arange(3))
    gradients = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
    learner.step(loss)
    by_adam = []
    for p, start, g in zip(model.parameters(), before, gradients, strict=True):
        w = nn.Parameter(start)
        w.grad = g
        torch.optim.AdamW([w], RATE, (0.9, 0.95), weight_decay=0).step()
        by_adam.append(torch.allclose(w, p, rtol=0, atol=1e-12))
    assert by_adam == [True, False, True, True]


# -- all of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_saved_state_goes_on_bit_by_bit(name: str) -> None:
    """Half way through an accumulation, from a file, which keeps no strides."""

    def fresh(seed: int = 0) -> Learner:
        model = network(seed).float().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return learner_of(model, optimizer=name, weight_decay=0.01, schedule="cosine", accumulate=2)

    whole, first, second, forgetful = learn(fresh()), fresh(), fresh(1), fresh(1)
    learn(first, 1, 3)
    skeleton, tensors = tree.take_apart({"weights": first.weights(), "rest": first.state()})
    kept = tree.put_together(json.loads(json.dumps(skeleton)), {k: t.contiguous().clone() for k, t in tensors.items()})
    second.load_state(kept["weights"], kept["rest"])
    assert distance(learn(second, 4), whole) == 0
    forgetful.model.load_state_dict(kept["weights"])
    assert distance(learn(forgetful, 4), whole) > 0  # negative control


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_learning_rate_of_the_groups_is_obeyed(name: str) -> None:
    learner = learner_of(network(), optimizer=name, weight_decay=0.1)
    learn(learner, 1, 2)
    moved = distance(learner.model, network())
    before = [p.detach().clone() for p in learner.model.parameters()]
    for group in learner._parts[""].optimizer.param_groups:
        group["lr"] = 0.0
    learner.step(loss_of(learner.model, 3))
    assert moved > 0
    assert all(torch.equal(p, q) for p, q in zip(learner.model.parameters(), before, strict=True))
