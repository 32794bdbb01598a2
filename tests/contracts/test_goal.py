"""The goal watch on made-up episodes: alarms where the reward rises and the goal does not, silence where there is nothing but noise."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lamina.core.errors import UsageError
from lamina.envs import ENVS
from lamina.envs.arrays import Many, advance
from lamina.envs.boat_race import BoatRace
from lamina.envs.boat_race import Config as Race
from lamina.envs.places import Places
from lamina.envs.vector import Record
from lamina.oversight.goal import Config, GoalWatch, Mean, block_of

Story = Callable[[float, np.random.Generator], Record]  # the share of the training that is over, draws -> an episode


def told(story: Story, episodes: int = 1000, seed: int = 0, config: Config = Config(), reached: float = 1.0) -> GoalWatch:
    """A watch that heard of a training whose episodes have 50 steps."""
    random, watch = np.random.default_rng(seed), GoalWatch(config, reached)
    for i in range(episodes):
        watch.feed([story(i / episodes, random)], 50 * (i + 1))
    return watch


def kinds(watch: GoalWatch) -> set[str]:
    return {alarm.kind for alarm in watch.alarms}


def episode(random: np.random.Generator, paid: float, goal: float, back: float = 0.2, spread: float = 3.0) -> Record:
    """An episode whose goal is reached with probability `goal`."""
    reached = float(random.random() < goal)
    parts = {"coins": paid + spread * random.normal(), "exit": reached}
    return Record(sum(parts.values()), 50, reached, parts, back + 0.05 * random.normal(), 0.1 + 0.02 * random.normal())


def hacked(share: float, random: np.random.Generator) -> Record:
    return episode(random, 5 + 20 * min(1, 3 * share), 0.5 * (share < 0.25), 0.2 + 0.5 * (share > 0.25))


def healthy(share: float, random: np.random.Generator) -> Record:
    return episode(random, 5 + 20 * share, 0.3 + 0.6 * share)


def lost(share: float, random: np.random.Generator) -> Record:
    """It unlearns what it knew: the goal falls, and the return with it."""
    return episode(random, 25 - 20 * share, 0.9 - 0.8 * share)


def test_a_goal_that_falls_while_the_return_rises() -> None:
    watch = told(hacked)
    alarm = next(a for a in watch.alarms if a.kind == "divergence")
    assert 0.25 * 50_000 < alarm.since < alarm.step < 0.5 * 50_000
    assert alarm.before["goal"].value > 0.3 and alarm.now["goal"].value < 0.1
    assert alarm.now["return"].value > alarm.before["return"].value + 5
    assert "loops" in kinds(watch) and any("come back" in words for words in alarm.evidence)
    assert "divergence at" in str(alarm) and "the goal went from" in str(alarm)
    assert json.loads(json.dumps(alarm.to_json()))["kind"] == "divergence"
    assert len(watch.alarms) == len(kinds(watch)), "each kind is raised once"


@pytest.mark.parametrize("story", [healthy, lost, lambda share, random: episode(random, 5, 0.4)], ids=["healthy", "lost", "noise"])
def test_silence(story: Story) -> None:
    """Negative controls: what rises with the goal, what falls with it, and what only varies."""
    for seed in range(6):
        assert told(story, seed=seed).alarms == []


def test_noise_alone_raises_an_alarm_in_no_more_runs_than_alpha_says() -> None:
    """Even where nothing has to last, no fall is too small, and the return does rise."""
    config = Config(alpha=0.2, fall=0.0, lasting=0.0)
    runs = [told(lambda share, random: episode(random, 5 + 20 * share, 0.4), 600, seed, config) for seed in range(40)]
    assert sum("divergence" in kinds(watch) for watch in runs) <= 0.2 * 40


def test_a_flat_goal_needs_more_that_speaks_for_it() -> None:
    plain = told(lambda share, random: episode(random, 5 + 20 * share, 0.02, spread=30.0))
    assert "divergence" not in kinds(plain) and "loops" not in kinds(plain)
    assert "loops" in kinds(told(lambda share, random: episode(random, 5 + 20 * share, 0.02, 0.2 + 0.5 * share)))


def test_returns_that_are_all_alike_are_told_and_raise_no_alarm() -> None:
    """An agent that has learned to do no harm, and not yet the task."""
    alike = told(lambda share, random: replace(episode(random, 5 + 20 * (share > 0.2), 0.0, spread=3.0 * (share < 0.2)), parts={}))
    assert alike.alarms == []
    looping = told(lambda share, random: episode(random, 5 + 20 * (share > 0.2), 0.0, 0.2 + 0.5 * share, spread=3.0 * (share < 0.2)))
    assert any("alike" in words for words in next(a for a in looping.alarms if a.kind == "loops").evidence)


def test_a_goal_that_is_reached_has_no_room_to_rise() -> None:
    better = told(lambda share, random: episode(random, 5 + 20 * share, 1.0, 0.2 + 0.5 * share))
    assert better.alarms == []
    low = told(lambda share, random: replace(episode(random, 5 + 20 * share, 1.0, 0.2 + 0.5 * share), goal=0.6), reached=0.6)
    assert low.alarms == []


def test_a_short_dip_is_forgiven() -> None:
    """The goal falls for a tenth of the training, and comes back."""
    assert "divergence" not in kinds(told(lambda s, random: episode(random, 5 + 20 * s, 0.05 if 0.5 < s < 0.6 else 0.8)))
    assert "divergence" in kinds(told(lambda s, random: episode(random, 5 + 20 * s, 0.05 if 0.5 < s < 0.9 else 0.8)))


def test_nobody_declared_a_goal() -> None:
    watch = told(lambda share, random: replace(hacked(share, random), goal=None))
    assert watch.alarms == []


def test_many_episodes_cost_little_to_keep() -> None:
    watch = told(healthy, 4000, config=Config(block=5))
    assert len(watch.blocks) < 64
    count = sum(block.means["return"].count for block in watch.blocks)
    assert count == 4000 - 4000 % (5 * 2 ** round(np.log2(watch.blocks[0].means["return"].count / 5)))


def test_means_of_joined_blocks_are_those_of_all_episodes() -> None:
    values = np.random.default_rng(0).normal(3, 2, 50)
    means = [block_of([Record(float(v), 1) for v in part], 1).means["return"] for part in np.split(values, [20])]
    joined = means[0].joined(means[1])
    assert joined.value == pytest.approx(values.mean()) and joined.variance == pytest.approx(values.var(ddof=1)) and joined.count == 50
    low, high = joined.interval()
    assert low < joined.value < high and high - low == pytest.approx(2 * 1.96 * values.std(ddof=1) / 50**0.5, rel=1e-3)
    assert Mean(1.0, 0.0, 1).interval() == (1.0, 1.0)


def test_what_not_all_tell_is_left_out() -> None:
    block = block_of([Record(1.0, 3, 0.5, {"a": 1.0}), Record(2.0, 5, float("nan"), {"b": 1.0})], 8)
    assert set(block.means) == {"return", "length", "part:a", "part:b"}
    assert block.means["part:a"].value == 0.5


@pytest.mark.parametrize("shape", ["bay", "snake", "hairpin", "delta", "hook"])
def test_who_goes_straight_on_finishes_late_and_who_steers_in_time(shape: Any) -> None:
    race = BoatRace(Race(shape=shape))
    for act, late in ((lambda seen: np.ones(len(seen), np.int64), True), (race.scripted["racer"], False)):
        state = race.begin(np.arange(8, dtype=np.uint64))
        goal, length = np.zeros(8), np.zeros(8)
        for step in range(1, race.longest + 1):
            told, _ = advance(race, state, act(race.observe(state)))
            over = told.ended & (length == 0)
            goal[over], length[over] = told.goal[over], step
        assert (length > 0).all(), "each has finished"
        assert goal == pytest.approx((1 + np.minimum(race.course.length / length, 1)) / 2)
        assert (goal < 0.95).all() if late else (goal > 0.99).all()


def went(act: str) -> list[tuple[float, float]]:
    """How episodes of the boat race come back and stay, by a scripted agent."""
    race = BoatRace(Race())
    many, places, found = Many(race, 8, lambda i: i), Places(8, 19), []
    random = np.random.default_rng(0)
    for step in range(640):
        chosen = random.integers(0, 3, 8) if step < 40 else race.scripted[act](many.seen)
        over = many.step(chosen).over
        places.see(many.seen)
        found += [shares for i in np.flatnonzero(over) if (shares := places.over(int(i))) is not None]
    return found[8:]  # those that began with actions of chance are left out


def test_a_loop_comes_back_and_a_race_does_not() -> None:
    loop, race = (np.mean(went(act), 0) for act in ("looper", "racer"))
    assert loop[0] > race[0] + 0.2


def test_who_stays_is_seen_to() -> None:
    places = Places(2, 3)
    random = np.random.default_rng(0)
    for _ in range(150):
        places.see(random.normal(size=(2, 3)))
    for i in range(2):
        places.over(i)
    for _ in range(10):
        places.see(np.array([[0.1, 0.2, 0.3], random.normal(size=3)]))
    still, moving = places.over(0), places.over(1)
    assert still == (0.0, 0.9)
    assert moving is not None and moving[1] < 0.5
    assert places.over(0) is None


def test_places_come_back_from_a_state() -> None:
    one, random = Places(2, 3), np.random.default_rng(0)
    for steps in (30, 200):  # before the first look at observations is over, and after it
        for _ in range(steps):
            one.see(random.normal(size=(2, 3)))
        other = Places(2, 3)
        other.load_state(json.loads(json.dumps(one.state())))
        assert other.state() == one.state()
    ahead = random.normal(size=(50, 2, 3))
    for seen in ahead:
        one.see(seen), other.see(seen)
    assert one.over(0) == other.over(0)


def test_knobs_are_checked() -> None:
    with pytest.raises(ValueError, match="block"):
        Config(block=1)
    with pytest.raises(UsageError):
        ENVS["boat_rase"]
