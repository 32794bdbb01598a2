"""Environments: a state that is replayed, errors that say what to do, and streams of episodes that never meet."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import register

from lamina.core.errors import TrainingError, UsageError
from lamina.core.spec import Actions, Controls, Image
from lamina.envs import greedy as playing
from lamina.envs import spaces
from lamina.envs.episodes import EPISODES, EpisodeSplit, load
from lamina.envs.greedy import always, play_all, play_one, played
from lamina.envs.vector import Envs
from lamina.envs.world import World, looks_like_id

GAMES = ["CartPole-v1", "Acrobot-v1", "Walk-v0", "WalkFromOne-v0", "Pendulum-v1", "FrozenLake-v1", "boat_race"]


def split_of(env: str, stream: str = "train", seed: int = 0) -> EpisodeSplit:
    world = World(env)
    return EpisodeSplit(world, world.spec(), stream, seed)


class Walk(gymnasium.Env[np.ndarray, np.int64]):
    """A walk on a line, seen as a small picture (2, 3); ends at 4 or -4. What goes wrong is chosen by keyword."""

    action_space: Any
    resets = 0
    kinds: Any = None  # actions of another kind

    def __init__(self, broken: str = "", start: int = 0) -> None:
        self.broken, self.start = broken, start
        self.action_space = self.kinds or gymnasium.spaces.Discrete(2, start=start)
        self.observation_space = gymnasium.spaces.Box(-9, 9, (2, 3), np.float32)

    def seen(self) -> np.ndarray:
        bad = self.broken == "observation" and self.place == 2
        return np.full((2, 3), np.nan if bad else self.place, np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        Walk.resets += 1
        self.place = self.np_random.random() + (Walk.resets if self.broken == "repeats" else 0) * 1e-3
        return self.seen(), {}

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.place = round(self.place) + (1 if action - self.start else -1)
        if self.broken == "throws" and self.place == 2:
            raise RuntimeError("the line is broken")
        reward = float("nan") if self.broken == "reward" and self.place == 2 else float(self.place)
        if self.broken == "shape" and self.place == 2:
            return np.zeros(7, np.float32), reward, False, False, {}
        return self.seen(), reward, abs(self.place) >= 4, False, {}


@pytest.fixture(autouse=True)
def _games() -> Iterator[None]:
    kinds: dict[str, dict[str, Any]] = {
        "Walk-v0": {}, "WalkNaN-v0": {"broken": "reward"}, "WalkBlind-v0": {"broken": "observation"}, "WalkDrift-v0": {"broken": "repeats"},
        "WalkFromOne-v0": {"start": 1}, "WalkThrows-v0": {"broken": "throws"}, "WalkShape-v0": {"broken": "shape"},
    }  # fmt: skip
    for name, kwargs in kinds.items():
        register(name, Walk, kwargs=kwargs, max_episode_steps=40)
    yield
    for name in kinds:
        del gymnasium.registry[name]


def actions(env: str, steps: int, count: int) -> np.ndarray:
    target, random = load(env, 0).spec.target, np.random.default_rng(0)
    if isinstance(target, Controls):
        return random.uniform(-1.2, 1.2, (steps, count, target.size)).astype(np.float32)
    return random.integers(0, target.size, (steps, count))


def go(envs: Envs, chosen: np.ndarray) -> list[Any]:
    told = []
    for one in chosen:
        reward, ended, cut = envs.step(one)
        told.append((reward.tolist(), ended.tolist(), [(i, last.tolist()) for i, last in cut], envs.seen.tolist()))
    return told


@pytest.mark.parametrize("env", GAMES)
def test_replayed_equals_never_stopped(env: str) -> None:
    """Through JSON, in the middle of episodes and beyond their ends, to the last bit."""
    chosen = actions(env, 120, 3)
    straight = Envs(split_of(env), 3)
    go(straight, chosen[:50])
    state = json.loads(json.dumps(straight.state()))
    expected = go(straight, chosen[50:])
    resumed = Envs(split_of(env), 3)
    go(resumed, chosen[:7])  # elsewhere, to be overwritten
    resumed.load_state(state)
    assert resumed.state() == state
    assert go(resumed, chosen[50:]) == expected
    assert resumed.take_finished() == straight.take_finished()
    assert resumed.take_finished() == []


def test_negative_control_other_actions_lead_elsewhere() -> None:
    one, other = (Envs(split_of("CartPole-v1"), 3) for _ in range(2))
    assert go(one, actions("CartPole-v1", 20, 3)) != go(other, 1 - actions("CartPole-v1", 20, 3))


@pytest.mark.parametrize("env", GAMES)
def test_returns_are_the_sums_of_rewards_and_every_episode_is_begun_once(env: str) -> None:
    envs, totals, lengths, finished, begun = Envs(split_of(env), 2), np.zeros(2), np.zeros(2), [], [0, 1]
    for one in actions(env, 600, 2):
        reward, ended, _ = envs.step(one)
        totals += reward
        lengths += 1
        for i in np.flatnonzero(ended):
            finished.append((totals[i], lengths[i]))
            totals[i] = lengths[i] = 0
            begun.append(envs.state()["inside"]["episode"][i])
    records = envs.take_finished()
    assert [r.episode_return for r in records] == pytest.approx([total for total, _ in finished])
    assert [r.length for r in records] == [length for _, length in finished]
    assert len(set(begun)) == len(begun)
    assert len(begun) > 2


def test_a_cut_episode_gives_what_was_seen_last() -> None:
    register("Cut-v0", "gymnasium.envs.classic_control.acrobot:AcrobotEnv", max_episode_steps=5)
    try:
        envs = Envs(split_of("Cut-v0"), 2)
        for step in range(5):
            _, ended, cut = envs.step(np.array([0, 1]))
            assert (ended == 1).all() == (step == 4)
        assert [i for i, _ in cut] == [0, 1]
        assert all(last.shape == envs.seen[i].shape and not np.array_equal(last, envs.seen[i]) for i, last in cut)
    finally:
        del gymnasium.registry["Cut-v0"]


def test_an_environment_that_does_not_repeat_is_refused() -> None:
    envs = Envs(split_of("WalkDrift-v0"), 2)
    state = envs.state()
    with pytest.raises(TrainingError, match="`WalkDrift-v0`, which does not") as caught:
        envs.load_state(state)
    assert "anew" in caught.value.do


@pytest.mark.parametrize(("env", "what"), [
    ("WalkNaN-v0", "NaN or infinity"), ("WalkBlind-v0", "NaN or infinity"), ("WalkThrows-v0", "RuntimeError: the line is broken"),
    ("WalkShape-v0", r"an observation of shape \(7,\)"),
])  # fmt: skip
def test_what_breaks_is_refused_with_its_step_and_episode(env: str, what: str) -> None:
    envs = Envs(split_of(env), 1)
    for action in (1, -1, -1, -1, -1, -1, 1, 1):  # an episode of six steps that ends at -4, then the first of the next
        if action == -1 or len(envs.finished) == 0:
            envs.step(np.array([max(action, 0)]))
    assert len(envs.finished) == 1
    envs.step(np.array([1]))
    with pytest.raises(TrainingError, match=f"{what}.* from `{env}` in step 2 of episode 1"):
        envs.step(np.array([1]))


AT = np.zeros((2, 3), np.float32)
NAUGHTY: dict[str, tuple[dict[str, Any], str, str]] = {  # what is put in place of its own, what is said, what to do
    "seed": ({"reset": lambda self: None}, "a `reset` that takes a seed", "super"),
    "reset": ({"reset": lambda self, *, seed, options=None: AT}, "an observation and a dict from `reset`; came `ndarray`", "{}"),
    "four": ({"step": lambda self, action: (AT, 1.0, False, {})}, "five values from `step`.*in step 1 of episode 0", "truncated"),
    "info": ({"step": lambda self, action: (AT, 1.0, False, False, None)}, "the last a dict; came .*`NoneType`", "truncated"),
    "reward": ({"step": lambda self, action: (AT, np.ones(3), False, False, {})}, "a number as reward", "Mend"),
    "endless": ({"step": lambda self, action: (AT, 1.0, False, False, {})}, "episodes that end; came none of 3 .* in step 50", "limit"),
}  # fmt: skip


@pytest.mark.parametrize("naughty", list(NAUGHTY))
def test_what_is_not_as_gymnasium_has_it_is_refused_in_words(naughty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "PATIENCE", 50)
    methods, words, do = NAUGHTY[naughty]
    register("Naughty-v0", type("Naughty", (Walk,), methods))
    try:
        with pytest.raises(TrainingError, match=words) as caught:
            play_all(always(np.array(0)), split_of("Naughty-v0").of(3), 0)
        assert do in caught.value.do
    finally:
        del gymnasium.registry["Naughty-v0"]


class Reused(Walk):
    """Shows one and the same array, written over."""

    def seen(self) -> np.ndarray:
        self.shown = getattr(self, "shown", np.zeros((2, 3), np.float32))
        self.shown[:] = self.place
        return self.shown


def test_an_array_that_is_written_over_is_read_as_it_was() -> None:
    register("Reused-v0", Reused, max_episode_steps=3)
    try:
        envs = Envs(split_of("Reused-v0"), 1)
        cut = [envs.step(np.array([1]))[2] for _ in range(3)][-1]
        assert cut[0][1].tolist() == [3.0] * 6 or cut[0][1].tolist() == [4.0] * 6, "where it was cut off, not where the next one begins"
        steps = list(played(always(np.array(1)), split_of("Reused-v0"), 0, 0))
        assert len({float(step.seen[0]) for step in steps}) == 3
    finally:
        del gymnasium.registry["Reused-v0"]


PACKAGE = """
import gymnasium as gym
import numpy as np
from gymnasium import spaces

class Told(gym.Env):
    observation_space = spaces.Dict({"at": spaces.Box(-1, 1, (2,), np.float32), "turn": spaces.Discrete(4), "mission": spaces.Text(20)})
    action_space = spaces.Discrete(2)
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.seen(), {}
    def seen(self):
        return {"at": self.np_random.uniform(-1, 1, 2).astype(np.float32), "turn": int(self.np_random.integers(4)), "mission": "go there"}
    def step(self, action):
        return self.seen(), 1.0, bool(self.np_random.random() < 0.3), False, {}

class Words(Told):
    observation_space = spaces.Text(20)
    def seen(self):
        return "go there"

gym.register("Told-v0", Told)
gym.register("Words-v0", Words)
"""


def test_the_ids_of_a_package_are_named_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "of_somebody.py").write_text(PACKAGE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match="Those of a package are named with it"):
        load("Told-v0", 0)
    with caplog.at_level("INFO", logger="lamina"):
        data = load("of_somebody:Told-v0", 0)
    try:
        assert data.spec.input.shape == (6,), "two numbers, and a one among four noughts"
        assert "not seen of `of_somebody:Told-v0`: `mission`" in caplog.text
        first = data.train.batch(torch.arange(5))["x"]
        assert (first[:, 2:].sum(1) == 1).all() or (first[:, :4].sum(1) == 1).all()
        with pytest.raises(UsageError, match="Did you mean `Told-v0`"):
            load("of_somebody:Todl-v0", 0)
        with pytest.raises(UsageError, match="a row of numbers holds"):
            load("of_somebody:Words-v0", 0)
    finally:
        del gymnasium.registry["Told-v0"], gymnasium.registry["Words-v0"]
    with pytest.raises(UsageError, match="the package `of_nobody`") as caught:
        load("of_nobody:Told-v0", 0)
    assert "pip install of_nobody" in caught.value.do


def test_what_has_a_time_limit_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: none of its episodes has ended after so many steps, and all end in the 40th."""
    monkeypatch.setattr(playing, "PATIENCE", 2)
    assert World("Walk-v0").has_limit() and World("boat_race").has_limit()
    assert {record.length for record in play_all(always(np.array(0)), split_of("Walk-v0").of(3), 0)} == {4}


def test_observations_of_any_shape_are_rows() -> None:
    data = load("Walk-v0", 0)
    assert data.spec.input.shape == (6,)
    assert data.train.batch(torch.arange(4))["x"].shape == (4, 6)
    assert Envs(split_of("Walk-v0"), 2).seen.shape == (2, 6)


@pytest.mark.parametrize(("wrong", "near"), [("CartPol-v1", "CartPole-v1"), ("cartpole-v1", "CartPole-v1"), ("Acrobat-v1", "Acrobot-v1")])
def test_an_unknown_id_gives_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(UsageError, match=f"`{wrong}`. Did you mean `{near}`"):
        load(wrong, 0)


@pytest.mark.parametrize("wrong", ["CartPole-v99", "NoSpace/Game-v0", "Zzzzzzz-v3"])
def test_other_unknown_ids_are_refused_too(wrong: str) -> None:
    assert looks_like_id(wrong)
    with pytest.raises(UsageError, match="a known environment"):
        load(wrong, 0)


def test_actions_that_are_neither_one_of_several_nor_bounded_numbers_are_refused() -> None:
    register("Several-v0", Walk)
    try:
        Walk.kinds = gymnasium.spaces.MultiDiscrete([2, 3])
        with pytest.raises(UsageError, match="`Several-v0`: MultiDiscrete") as caught:
            load("Several-v0", 0)
        assert "Box" in caught.value.do
        Walk.kinds = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
        with pytest.raises(UsageError, match="`Several-v0`: Box"):
            load("Several-v0", 0)
    finally:
        Walk.kinds = None
        del gymnasium.registry["Several-v0"]


def test_spaces_as_specs() -> None:
    assert load("FrozenLake-v1", 0).spec.input.shape == (16,)  # a place of 16, as a one among noughts
    assert load("FrozenLake-v1", 0).train.batch(torch.arange(2))["x"].sum(1).tolist() == [1, 1]
    assert load("WalkFromOne-v0", 0).spec.target == Actions(size=2, env="WalkFromOne-v0", start=1)
    assert load("Pendulum-v1", 0).spec.target == Controls(low=(-2.0,), high=(2.0,), env="Pendulum-v1")


def test_controls_are_brought_to_the_environments_units_and_cut() -> None:
    target = Controls(low=(-2.0, 0.0), high=(2.0, 10.0), env="any")
    found = spaces.in_units(np.array([[-1, -1], [1, 1], [0, 0.5], [7, -7]], np.float32), target, (2,))
    np.testing.assert_allclose(found, [[-2, 0], [2, 10], [0, 7.5], [2, 0]])
    assert spaces.in_units(np.array([0, 1]), Actions(size=2, env="any", start=5), ()).tolist() == [5, 6]


def test_bytes_of_height_width_and_colours_are_a_picture() -> None:
    class Screen:
        observation_space = gymnasium.spaces.Box(0, 255, (6, 4, 3), np.uint8)
        action_space = gymnasium.spaces.Discrete(2)

    spec = spaces.spec_of(Screen(), "any")
    assert spec.input == Image(channels=3, height=6, width=4)
    screen = np.arange(72, dtype=np.uint8).reshape(6, 4, 3)
    assert np.array_equal(spaces.reader(spec)(screen)[1], screen[:, :, 1])


def test_streams_of_episodes_never_meet() -> None:
    """Of four seeds: 3,000 training episodes, and the hundreds of twenty validations and of the test."""
    for seed in range(4):
        data = load("CartPole-v1", seed)
        training = {data.train.seed_of(i) for i in range(3000)}
        valid, test = ({s.seed_of(i, draw) for draw in range(20) for i in range(EPISODES)} for s in (data.valid, data.test))
        assert len(training) == 3000
        assert len(valid) == len(test) == 20 * EPISODES
        assert not training & valid
        assert not training & test
        assert not valid & test
        assert all(0 <= s < 2**31 for s in training | valid | test)


def test_negative_control_the_same_stream_and_seed_is_the_same() -> None:
    one, other = (split_of("CartPole-v1", seed=3) for _ in range(2))
    assert [one.seed_of(i) for i in range(9)] == [other.seed_of(i) for i in range(9)]
    assert torch.equal(one.batch(torch.arange(3))["x"], other.batch(torch.arange(3))["x"])
    assert one.seed_of(0) != split_of("CartPole-v1", seed=4).seed_of(0)


def greedy(seen: np.ndarray) -> np.ndarray:
    """Push to the side to which the pole leans."""
    return (seen[:, 2] > 0).astype(int)


def test_a_hundred_episodes_at_once_are_those_played_one_by_one() -> None:
    """For an environment without a form on arrays of its own, whose episodes have a seed each."""
    split = split_of("Walk-v0", "valid")
    assert gymnasium.spec("Walk-v0").vector_entry_point is None
    many = [record.episode_return for record in play_all(greedy, split, 3)]
    assert len(many) == EPISODES
    assert many[:8] == [play_one(greedy, split, 3, i, draws=False).episode_return for i in range(8)]


def test_another_draw_is_another_hundred() -> None:
    split = split_of("CartPole-v1", "valid")
    first, again, other = (np.array([r.episode_return for r in play_all(greedy, split, draw)]) for draw in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert 20 < first.mean() < 80  # CartPole's authors' point of comparison: leaning alone keeps it up for some 42 steps


def test_frames_are_drawn_where_they_are_wanted() -> None:
    episode = play_one(greedy, split_of("CartPole-v1", "test"), 0, 0, draws=True)
    assert len(episode.frames) == episode.length + 1
    assert episode.frames[0].dtype == np.uint8
    assert episode.episode_return == episode.length
