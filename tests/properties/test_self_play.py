"""Self-play and what is learned of it: what must hold whatever the network thinks."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from lamina.baselines.board_games import rated, rivals
from lamina.baselines.perfect import Perfect
from lamina.core.config import config_of
from lamina.core.data import Data
from lamina.envs.games.arena import at_random, match
from lamina.envs.games.as_data import data_of
from lamina.envs.games.opening import load
from lamina.envs.games.search import Noise, Search, softmax, uniform
from lamina.envs.games.self_play import Style, drawn, self_play
from lamina.envs.games.solved import solve
from lamina.methods import METHODS
from lamina.methods.alphazero import AlphaZero, losses, of_games
from lamina.oversight.verdict import Cost, difference, verdict
from lamina.verbs.request import Request
from lamina.verbs.setup import Setup, prepare


@pytest.fixture(scope="module")
def data() -> Data:
    return data_of("tictactoe", 0)


def ready(data: Data, **words: Any) -> Setup:
    small = {"games": 8, "simulations": 8, "batch": 16, "channels": 8, "blocks": 1}
    found = prepare(Request(data, words={**small, **words}, device="cpu"))
    found.learner.steps = 100
    return found


def one_step(setup: Setup, step: int) -> dict[str, float]:
    setup.learner.begin(step)
    found = setup.method.update(setup.learner, setup.method.next_batch(setup.learner, step))
    return {name: value.item() for name, value in found.items()}


@pytest.mark.parametrize("cheap", [0.0, 0.6])
@pytest.mark.parametrize("opening", [0, 4])
def test_positions_are_those_of_whole_games(cheap: float, opening: int) -> None:
    """Every game is legal from its start to its end; shares are of legal moves and sum to one; worth lies between lost and won."""
    game = load("tictactoe")
    played = self_play(Search(game, uniform(9)), 40, Style(simulations=12, cheap=cheap, cheap_simulations=4, opening=opening), 7)
    for moves, outcome in zip(played.moves, played.outcomes, strict=True):
        board, player = game.initial(), 1
        for i, move in enumerate(moves):
            assert game.allowed(board[0], player)[move]
            ended = game.step(board, np.array([move]), np.array([player]))[1][0]
            assert (ended == 2) == (i < len(moves) - 1)
            player = -player
        assert ended == outcome
    new = played.positions
    assert np.allclose(new.shares.sum(1), 1, atol=1e-5)
    assert (new.shares[~new.allowed] == 0).all()
    assert np.abs(new.worth).max() <= 1
    searched = sum(len(moves) for moves in played.moves)
    assert len(new) == searched if not cheap and not opening else 0 < len(new) < searched


def test_games_follow_from_their_key() -> None:
    game = load("tictactoe")
    one, again, other = (self_play(Search(game, uniform(9)), 6, Style(simulations=6), key).moves for key in (1, 1, 2))
    assert one == again
    assert one != other


def test_what_was_asked_before_is_not_judged_again() -> None:
    """Games that begin alike share their first positions: the network sees each once, and says the same as if asked each time."""
    game = load("tictactoe")
    search = Search(game, uniform(9))
    self_play(search, 32, Style(simulations=16), 0)
    assert search.judged < 0.5 * search.asked
    assert search.judged == len(search._kept)
    search.forget()
    before = search.judged
    search.priors(game.initial(), np.array([1]), np.ones((1, 9), bool))
    assert search.judged == before + 1


def test_temperature_draws_as_it_should() -> None:
    """At 1 in proportion to the counts; cold, the largest; a count of zero never."""
    counts, draws = np.tile([[30.0, 60, 0, 10]], (4000, 1)), (np.arange(4000) + 0.5) / 4000
    shares = np.bincount(drawn(counts, 1.0, draws), minlength=4) / 4000
    assert np.allclose(shares, [0.3, 0.6, 0, 0.1], atol=1e-3)
    assert (drawn(counts, 0.05, draws) == 1).mean() > 0.99
    assert drawn(counts, 1.0, np.full(4000, 1.0)).max() <= 3


def test_noise_moves_the_roots_alone_and_by_its_share() -> None:
    game = load("tictactoe")
    board, players, allowed = game.initial(2), np.ones(2), np.ones((2, 9), bool)
    sure = np.zeros((2, 9))
    sure[:, 4] = 1.0
    share = np.array([[1.0], [0.0]])
    found = Search(game, uniform(9))(board, players, allowed, 30, Noise(sure, share))
    assert found.counts[0, 4] > 20  # all of the prior is noise, which wants the centre
    assert found.counts[1].max() <= 5


def test_softmax_is_of_legal_moves() -> None:
    found = softmax(np.array([[1000.0, 1000, -1000]], np.float32), np.array([[True, True, False]]))
    assert found.tolist() == [[0.5, 0.5, -1.0]]


def test_the_loss_is_the_papers() -> None:
    """eq. (1) by hand: cross-entropy over the legal moves, squared error of the value."""
    said = torch.tensor([[1.0, 2.0, 50.0, 0.25]])
    mask, pi, z = torch.tensor([[True, True, False]]), torch.tensor([[0.25, 0.75, 0.0]]), torch.tensor([1.0])
    policy, value = losses(said, {"mask": mask, "y": pi, "value": z})
    p = torch.tensor([1.0, 2.0]).softmax(0)
    assert policy.item() == pytest.approx(-(0.25 * p[0].log() + 0.75 * p[1].log()).item(), rel=1e-5)
    assert value.item() == pytest.approx(0.75**2)


def test_every_position_is_shown_turned_and_mirrored(data: Data) -> None:
    """A mini-batch turns board, legal moves and pi together: an open cell stays the cell that was searched."""
    setup = ready(data, batch=64)
    method = setup.method
    assert isinstance(method, AlphaZero)
    one_step(setup, 1)
    part = method._drawn()
    assert torch.equal(part["x"][:, 0].flatten(1) == 0, part["mask"])
    assert ((part["y"] > 0) <= part["mask"]).all()
    known = {bytes(x[0].numpy().tobytes()) for x in method.window["x"]}
    assert any(x[0].numpy().tobytes() not in known for x in part["x"])


def test_the_window_keeps_the_newest(data: Data) -> None:
    setup = ready(data, window=60, remembered=1.0)
    for step in range(1, 5):
        batch = setup.method.next_batch(setup.learner, step)
        setup.method.update(setup.learner, batch)
    kept = setup.method.state()["window"]
    assert len(kept["x"]) == 60
    assert torch.equal(kept["x"][-10:], batch["x"][-10:])
    assert kept["x"].dtype == torch.int8 and kept["y"].dtype == torch.float16


def test_a_gate_keeps_the_weaker_network_out(data: Data) -> None:
    """No network makes more than all points, and each makes at least none."""
    shut, wide = ready(data, gate=1.0, gate_every=1, gate_games=4), ready(data, gate=0.001, gate_every=1, gate_games=4)
    told = [one_step(setup, 1) for setup in (shut, wide)]
    assert told[0]["gate_points"] == pytest.approx(told[1]["gate_points"], abs=1.0)
    first = shut.method.state()["playing"]
    assert told[0]["gate_passed"] == float(told[0]["gate_points"] >= 1)
    assert told[1]["gate_passed"] == float(told[1]["gate_points"] >= 0.001)
    present = wide.learner.predictor().model.state_dict()
    if told[1]["gate_passed"]:
        assert all(torch.equal(wide.method.state()["playing"][k], v) for k, v in present.items())
    if not told[0]["gate_passed"]:
        assert any(not torch.equal(first[k], v) for k, v in shut.learner.predictor().model.state_dict().items())


def test_without_a_gate_the_present_network_plays(data: Data) -> None:
    setup = ready(data)
    one_step(setup, 1)
    assert setup.method.state()["playing"] == {}


def test_drawing_for_ever_is_told() -> None:
    """Games that are all drawn, or all the same, teach nothing new: the alarm says so; of others it is silent."""
    game = load("tictactoe")
    played = self_play(Search(game, uniform(9)), 20, Style(simulations=4), 0)
    assert of_games(played)["draw_lock"] == 0.0
    assert of_games(replace(played, outcomes=np.zeros(20)))["draw_lock"] == 1.0
    assert of_games(replace(played, moves=played.moves[:1] * 20))["draw_lock"] == 1.0
    assert of_games(replace(played, moves=played.moves[:1] * 20))["alike"] == 0.95


def test_a_method_that_learns_beats_one_that_does_not(data: Data) -> None:
    """A few iterations lift the policy alone far above chance; with a rate of zero it stays where it was."""
    def raw(**words: Any) -> float:
        setup = ready(data, games=24, simulations=24, batch=64, opening=4, passes=8.0, channels=16, ema=0.0, **words)
        for step in range(1, 7):
            one_step(setup, step)
        return setup.task.evaluate(setup.learner.predictor(), data.valid, 0, brief=True).metrics["optimal_raw"]

    assert raw() > 0.72
    assert raw(learning_rate=0.0) < 0.66


def test_the_perfect_player_never_loses() -> None:
    game = load("tictactoe")
    solved = solve(game)
    assert solved is not None
    perfect = Perfect(solved)
    assert match(game, perfect, at_random, 60, 0).points.min() >= 0.5
    assert (match(game, perfect, perfect, 20, 0).points == 0.5).all()


def test_knobs_have_help() -> None:
    for field in config_of(METHODS["alphazero"]).model_fields.values():
        assert field.description


def test_rivals_are_compared_by_what_they_share() -> None:
    """A game that is solved whole by its positions, another by points against tree search, of which that itself makes half."""
    for whole in (True, False):
        whole_data = data_of("tictactoe", 0)
        some: Any = replace(whole_data.test, whole=whole, solved=whole_data.test.solved.some(np.arange(0, 4520, 90)))  # type: ignore[attr-defined]
        found = rivals(replace(whole_data, test=some), at_random, 4, 0)
        mine = rated(at_random, some, 1)
        figure = "optimal_moves" if whole else "points"
        assert difference(mine, found["random"]).figure == figure  # type: ignore[union-attr]
        assert (difference(mine, found["bare search"]) is None) != whole
        assert ("points" in found["random"].metrics) != whole
        said = verdict(mine, found, Cost(1.0, 1))
        assert said is not None and said.answer == "worse" and said.rival == "plain tree search"
