"""Parameters in one piece of memory: every optimizer moves them as it does apart, through clipping, decay and a kept state."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from lamina.optim import OPTIMIZERS
from lamina.optim.learner import Config, Learner

CPU = torch.device("cpu")
WORDS: list[dict[str, Any]] = [{}, {"clip": 0.1}, {"clip": 100.0}, {"weight_decay": 0.1}, {"l1": 0.01, "l2": 0.02}, {"max_norm": 0.3},
                               {"accumulate": 3}, {"ema": 0.9}]  # fmt: skip


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))


def learner(flat: bool, optimizer: str = "adam", **words: Any) -> Learner:
    return Learner(net(), Config(optimizer=optimizer, learning_rate=0.01, flat=flat, **words), (), 0, CPU)


def moved(mine: Learner, steps: range) -> Learner:
    mine.steps = 100
    for step in steps:
        mine.begin(step)
        x = torch.randn(16, 3, generator=torch.Generator().manual_seed(step))
        mine.step((mine.model(x) - x[:, :2]).square().mean())
    return mine


def weights(mine: Learner) -> list[torch.Tensor]:
    return [p.detach() for p in mine.predictor().model.parameters()]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_moves_a_piece_as_it_moves_its_parts(optimizer: str) -> None:
    apart, flat = (moved(learner(how, optimizer, clip=0.05), range(1, 13)) for how in (False, True))
    torch.testing.assert_close(weights(flat), weights(apart), atol=1e-6, rtol=1e-5)
    assert not torch.equal(weights(flat)[0], next(net().parameters())), "it did move"


@pytest.mark.parametrize("words", WORDS, ids=str)
def test_whatever_else_is_done_to_weights_is_done_to_their_piece(words: dict[str, Any]) -> None:
    apart, flat = (moved(learner(how, "adamw", **words), range(1, 13)) for how in (False, True))
    torch.testing.assert_close(weights(flat), weights(apart), atol=1e-6, rtol=1e-5)


def test_they_are_parts_of_one_memory_and_stay_so() -> None:
    mine = moved(learner(True), range(1, 4))
    mine.load_state(deepcopy(mine.weights()), deepcopy(mine.state()))
    moved(mine, range(4, 6))
    (piece,) = mine._parts[""].pieces
    assert {p.untyped_storage().data_ptr() for p in mine.model.parameters()} == {piece.whole.untyped_storage().data_ptr()}
    assert torch.equal(torch.cat([p.detach().reshape(-1) for p in mine.model.parameters()]), piece.whole.detach())


@pytest.mark.parametrize("steps", [6, 7])
def test_a_kept_state_goes_on_bit_by_bit_also_between_moves(steps: int) -> None:
    straight = moved(learner(True, accumulate=3, ema=0.9), range(1, 12))
    first = moved(learner(True, accumulate=3, ema=0.9), range(1, steps + 1))
    second = learner(True, accumulate=3, ema=0.9)
    second.load_state(deepcopy(first.weights()), deepcopy(first.state()))
    moved(second, range(steps + 1, 12))
    assert all(torch.equal(a, b) for a, b in zip(weights(second), weights(straight), strict=True))


def test_what_is_frozen_stays_where_it_is() -> None:
    model = net()
    model[0].requires_grad_(False)  # type: ignore[index]
    before = deepcopy(model[0].weight)  # type: ignore[index]
    mine = moved(Learner(model, Config(optimizer="adamw", weight_decay=0.5, flat=True), (), 0, CPU), range(1, 4))
    assert torch.equal(mine.model[0].weight, before)
    assert not torch.equal(mine.model[2].weight, net()[2].weight)  # type: ignore[index]


def test_a_written_gradient_moves_as_a_differentiated_one() -> None:
    by_hand, by_autograd = learner(True, accumulate=2, clip=0.05), learner(True, accumulate=2, clip=0.05)
    for mine in (by_hand, by_autograd):
        mine.steps = 10
    for step in range(1, 5):
        x = torch.randn(16, 3, generator=torch.Generator().manual_seed(step))
        moved(by_autograd, range(step, step + 1))
        by_hand.begin(step)
        (by_hand.share * (by_hand.model(x) - x[:, :2]).square().mean()).backward()
        by_hand.step_along()
    by_autograd.steps = 10
    torch.testing.assert_close(weights(by_hand), weights(by_autograd), atol=1e-7, rtol=1e-6)


def test_a_written_gradient_that_is_not_finite_moves_nothing() -> None:
    mine = learner(True)
    mine.begin(1)
    mine.model[0].weight.grad[0, 0] = torch.nan  # type: ignore[index]
    before = [p.clone() for p in weights(mine)]
    with pytest.raises(Exception, match="finite"):
        mine.step_along()
    assert all(torch.equal(a, b) for a, b in zip(weights(mine), before, strict=True))
