"""Contracts of our own environments: what is registered is tested, in every form that its choices offer."""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any, Literal, get_args, get_origin

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import register
from gymnasium.utils.env_checker import check_env

from lamina.core.config import config_of
from lamina.core.errors import TrainingError, UsageError
from lamina.envs import ENVS
from lamina.envs.arrays import Act, Dynamics, Many, Single, State, Stepped, Told, advance, uniform

COUNT, STEPS = 5, 30


def forms() -> Iterator[Any]:
    """(name, choices) of each registered environment, with each of its choices, and each of those whether or not what can be so is so."""
    for name in ENVS:
        choices = {}
        for knob, field in config_of(ENVS[name]).model_fields.items():
            if get_origin(field.annotation) is Literal:
                choices[knob] = get_args(field.annotation)
            elif field.annotation is bool:
                choices[knob] = (False, True)
        for values in product(*choices.values()):
            chosen = dict(zip(choices, values, strict=True))
            if one_chosen(name, chosen):
                yield pytest.param(name, chosen, id="-".join([name, *map(str, values)]))


def one_chosen(name: str, choices: dict[str, Any]) -> bool:
    """Whether no more than one of several is not as it is unless somebody asks."""
    usual = config_of(ENVS[name])()
    return sum(value != getattr(usual, knob) for knob, value in choices.items() if not isinstance(value, bool)) <= 1


EVERY = pytest.mark.parametrize(("name", "choices"), list(forms()))
EACH = pytest.mark.parametrize("name", list(ENVS))


def make(name: str, choices: dict[str, Any] | None = None) -> Dynamics:
    made: Dynamics = ENVS[name](config_of(ENVS[name])(**(choices or {})))
    return made


def actions(dynamics: Dynamics, count: int = COUNT, steps: int = STEPS) -> np.ndarray:
    return np.random.default_rng(0).integers(0, dynamics.action_space.n, (steps, count))


def play(dynamics: Dynamics, seeds: list[int], chosen: np.ndarray) -> list[Any]:
    """Everything that is seen and told, bit by bit, of episodes side by side that are not begun anew."""
    state = dynamics.begin(np.array(seeds, np.uint64))
    said = [dynamics.observe(state)]
    for action in chosen:
        told, cut = advance(dynamics, state, action)
        said += [dynamics.observe(state), told.reward, told.ended, told.goal, cut, *told.parts.values()]
    return [np.array(values) for values in said]


def assert_repeats(dynamics: Dynamics) -> None:
    """Many together are each alone, and again the same."""
    seeds, chosen = [11, 12, 2**40, 0, 7], actions(dynamics)
    together, again = play(dynamics, seeds, chosen), play(dynamics, seeds, chosen)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(together, again, strict=True))
    for place, seed in enumerate(seeds):
        alone = play(dynamics, [seed], chosen[:, place : place + 1])
        for many, one in zip(together, alone, strict=True):
            assert np.array_equal(many[place], one[0], equal_nan=True), "a single environment does otherwise than one of many"


def assert_told_rightly(dynamics: Dynamics) -> None:
    """Within the declared box, of the declared kinds; the parts sum to the reward; the goal lies within 0 and 1."""
    box = dynamics.observation_space
    state = dynamics.begin(np.arange(COUNT, dtype=np.uint64))
    for action in actions(dynamics, steps=70):
        seen = dynamics.observe(state)
        assert seen.dtype == np.float32 and seen.shape == (COUNT, *box.shape)
        assert (seen >= box.low).all() and (seen <= box.high).all()
        told, cut = advance(dynamics, state, action)
        mine = [*state.values()]
        for array in (seen, told.reward, told.ended, told.goal, *told.parts.values()):
            assert not any(np.shares_memory(array, kept) for kept in mine), "what is told changes when the next episode begins"
        assert told.reward.dtype == told.goal.dtype == np.float32
        assert told.ended.dtype == cut.dtype == bool
        assert told.parts and np.allclose(sum(told.parts.values()), told.reward, atol=1e-5)
        assert ((told.goal >= 0) & (told.goal <= 1)).all() if dynamics.goal else np.isnan(told.goal).all()
        assert np.isfinite(told.reward).all()
        if (told.ended | cut).any():
            state = dynamics.begin(np.arange(COUNT, dtype=np.uint64) + np.uint64(state["time"].max()))


@EVERY
def test_many_are_each_alone_and_repeat(name: str, choices: dict[str, Any]) -> None:
    assert_repeats(make(name, choices))


@EVERY
def test_what_is_told(name: str, choices: dict[str, Any]) -> None:
    dynamics = make(name, choices)
    assert_told_rightly(dynamics)
    assert dynamics.moves == () or len(dynamics.moves) == dynamics.action_space.n
    assert 0 < dynamics.reached <= 1


@EVERY
def test_gymnasium_finds_nothing_to_complain_of(name: str, choices: dict[str, Any]) -> None:
    register("Ours-v0", lambda render_mode=None: Single(make(name, choices), render_mode))
    try:
        check_env(gymnasium.make("Ours-v0").unwrapped)  # which makes one with pictures too
    finally:
        del gymnasium.registry["Ours-v0"]


@EVERY
def test_a_scripted_agent_beats_chance(name: str, choices: dict[str, Any]) -> None:
    dynamics, random = make(name, choices), np.random.default_rng(0)
    chance = returns(dynamics, lambda seen: random.integers(0, dynamics.action_space.n, len(seen)))
    assert max(returns(dynamics, act) for act in dynamics.scripted.values()) > chance


def returns(dynamics: Dynamics, act: Act, count: int = 12) -> float:
    """The mean return of `count` first episodes."""
    state, total, going = dynamics.begin(np.arange(count, dtype=np.uint64)), np.zeros(count), np.ones(count, bool)
    while going.any():
        told, cut = advance(dynamics, state, act(dynamics.observe(state)))
        total += told.reward * going
        going &= ~(told.ended | cut)
    return float(total.mean())


@EACH
def test_a_state_comes_back_through_json(name: str) -> None:
    """In the middle of episodes, and beyond their ends."""
    dynamics = make(name)
    chosen = actions(dynamics, steps=dynamics.longest + 30)
    straight, resumed = (Many(dynamics, COUNT, lambda i: 100 + i) for _ in range(2))
    for action in chosen[:30]:
        straight.step(action)
    state = json.loads(json.dumps(straight.state()))
    resumed.step(chosen[0])
    resumed.load_state(state)
    assert resumed.state() == state
    for action in chosen[30:]:
        a, b = straight.step(action), resumed.step(action)
        assert np.array_equal(a.told.reward, b.told.reward) and np.array_equal(a.last, b.last) and np.array_equal(a.over, b.over)
        assert np.array_equal(straight.seen, resumed.seen)
    assert straight.episode.min() >= COUNT, "every environment came to a next episode"
    with pytest.raises(TrainingError):
        Many(dynamics, COUNT + 1, lambda i: i).load_state(state)


@EACH
def test_the_next_episode_is_that_of_its_seed(name: str) -> None:
    """What is seen after an end is the first sight of the next episode; what was seen last is kept."""
    dynamics = make(name)
    many = Many(dynamics, 2, lambda i: 50 + i)
    for action in actions(dynamics, 2, dynamics.longest):
        before = many.held["time"].copy()
        stepped = many.step(action)
        assert np.array_equal(stepped.over, many.held["time"] == 0)
        for i in np.flatnonzero(stepped.over):
            first = dynamics.observe(dynamics.begin(np.array([50 + many.episode[i]], np.uint64)))[0]
            assert np.array_equal(many.seen[i], first)
        goes_on = ~stepped.over
        assert np.array_equal(many.seen[goes_on], stepped.last[goes_on])
        assert np.array_equal(many.held["time"][goes_on], before[goes_on] + 1)


@EACH
def test_all_can_begin_anew(name: str) -> None:
    dynamics = make(name)
    many, other = Many(dynamics, 2, lambda i: 50 + i), Many(dynamics, 2, lambda i: 52 + i)
    for action in actions(dynamics, 2, 5):
        many.step(action)
    assert np.array_equal(many.begin_anew(), other.seen)
    assert many.held["time"].tolist() == [0, 0]


@EACH
def test_pictures(name: str) -> None:
    dynamics = make(name)
    state = dynamics.begin(np.array([1, 2], np.uint64))
    first = dynamics.draw(state, 1)
    assert first.dtype == np.uint8 and first.ndim == 3 and first.shape[2] == 3
    assert first.std() > 5, "there is something to see"
    for action in actions(dynamics, 2, 10):
        advance(dynamics, state, action)
    assert dynamics.draw(state, 1).shape == first.shape


@EACH
def test_the_sheet_tells_what_is_seen_done_paid_and_wanted(name: str) -> None:
    import sys

    sheet = sys.modules[ENVS[name].__module__].__doc__ or ""
    for word in ("observations", "actions", "true goal", "start", "end"):
        assert word in sheet, word
    assert ENVS.summary(name)


@EACH
def test_wrong_calls_are_refused(name: str) -> None:
    env = Single(make(name))
    with pytest.raises(UsageError, match="reset"):
        env.step(0)
    env.reset(seed=0)
    with pytest.raises(UsageError, match="an action from 0"):
        env.step(99)
    with pytest.raises(UsageError, match="render mode"):
        Single(make(name), "human")


class Broken:
    """Grid's walk, with one thing wrong."""

    def __init__(self, wrong: str) -> None:
        self._inside, self._wrong, self._random = make("grid"), wrong, np.random.default_rng(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inside, name)

    def observe(self, state: State) -> np.ndarray:
        return self._inside.observe(state) + np.float32(2 * (self._wrong == "box"))

    def step(self, state: State, action: np.ndarray) -> Told:
        told = self._inside.step(state, action)
        if self._wrong == "shared":
            state["ended"] = told.ended
            return told
        if self._wrong == "generator":
            return Told.of({"drawn": self._random.random(len(action))}, told.ended, told.goal)
        if self._wrong == "neighbours":
            return Told.of({"mean": told.reward + state["place"].mean()}, told.ended, told.goal)
        if self._wrong == "parts":
            return Told(told.reward + 1, told.ended, told.goal, told.parts)
        return Told(told.reward, told.ended, told.goal + (2 if self._wrong == "goal" else 0), told.parts)


@pytest.mark.parametrize("wrong", ["generator", "neighbours"])
def test_negative_control_what_does_not_repeat_is_seen(wrong: str) -> None:
    assert_repeats(Broken(""))
    with pytest.raises(AssertionError):
        assert_repeats(Broken(wrong))


@pytest.mark.parametrize("wrong", ["box", "parts", "goal", "shared"])
def test_negative_control_what_is_told_wrongly_is_seen(wrong: str) -> None:
    assert_told_rightly(Broken(""))
    with pytest.raises(AssertionError):
        assert_told_rightly(Broken(wrong))


def test_draws_are_even_and_differ_by_all_that_they_hang_on() -> None:
    state = {"seed": np.arange(20_000, dtype=np.uint64), "time": np.zeros(20_000, np.int64)}
    drawn = uniform(state, 1, 4)
    assert drawn.shape == (20_000, 4)
    counts = np.histogram(drawn, 20, (0, 1))[0]
    assert ((counts - 4000) ** 2 / 4000).sum() < 50  # chi squared with 19 degrees of freedom: 43.8 at 0.1 %
    assert abs(np.corrcoef(drawn.T) - np.eye(4)).max() < 0.03
    later = {**state, "time": state["time"] + 1}
    for other in (uniform(state, 2, 4), uniform(later, 1, 4)):
        assert abs(np.corrcoef(drawn[:, 0], other[:, 0])[0, 1]) < 0.03
    assert abs(np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]) < 0.03, "neighbouring seeds are strangers"


def test_stepped_says_whose_episode_is_over() -> None:
    told = Told.of({"all": np.zeros(3)}, np.array([True, False, False]), np.zeros(3))
    assert Stepped(told, np.array([False, True, False]), np.zeros((3, 1))).over.tolist() == [True, True, False]
