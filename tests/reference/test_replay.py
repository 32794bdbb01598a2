"""What off-policy methods learn from: rows of n steps by their definition, a memory that is a ring, on disk as it came."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lamina.core.errors import RunError
from lamina.envs.episodes import load
from lamina.methods.collecting import Collector, looked_ahead
from lamina.methods.replay import Replay


def block(times: int, envs: int, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    over = (random.random((times, envs)) < 0.2).astype(np.float32)
    return {
        "x": random.normal(size=(times, envs, 2)).astype(np.float32), "action": random.integers(0, 3, (times, envs)),
        "reward": random.normal(size=(times, envs)).astype(np.float32), "after": random.normal(size=(times, envs, 2)).astype(np.float32),
        "over": over, "ended": over * (random.random((times, envs)) < 0.5),
    }  # fmt: skip


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_a_row_holds_the_rewards_up_to_n_steps_or_to_the_end_of_its_episode(ahead: int) -> None:
    times, envs, gamma = 20, 3, 0.9
    given = block(times, envs)
    whole = times - ahead + 1
    rows = looked_ahead(given, whole, ahead, gamma)
    for t in range(whole):
        for e in range(envs):
            total, last = 0.0, t
            for k in range(ahead):
                last = t + k
                total += gamma**k * given["reward"][last, e]
                if given["over"][last, e]:
                    break
            i = t * envs + e
            assert rows["reward"][i] == pytest.approx(total, abs=1e-6)
            assert rows["power"][i] == pytest.approx(gamma ** (last - t + 1), abs=1e-6)
            assert rows["ended"][i] == given["ended"][last, e]
            np.testing.assert_array_equal(rows["after"][i], given["after"][last, e])
            np.testing.assert_array_equal(rows["x"][i], given["x"][t, e])
            assert rows["action"][i] == given["action"][t, e]


def played(ahead: int, blocks: list[int]) -> dict[str, np.ndarray]:
    data: Any = load("CartPole-v1", 0)
    collector = Collector(data.train, 2, ahead, 0.9)
    told = [collector.play(lambda seen, t: (seen[:, 2] > 0).astype(int), steps) for steps in blocks]
    return {name: np.concatenate([rows[name] for rows in told]) for name in told[0]}


@pytest.mark.parametrize("ahead", [1, 3])
def test_where_blocks_are_cut_changes_nothing(ahead: int) -> None:
    one, other = played(ahead, [60]), played(ahead, [7, 1, 2, 50])
    assert len(one["reward"]) == 2 * (60 - ahead + 1)
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name])


def test_a_time_limit_is_no_end() -> None:
    data: Any = load("MountainCar-v0", 0)
    rows = Collector(data.train, 2, 1, 0.9).play(lambda seen, t: np.ones(len(seen), int), 250)
    assert not rows["ended"].any()  # nobody gets up in 200 steps by doing nothing: all that ended was cut off
    cut = 199 * 2
    assert np.abs(rows["after"][cut] - rows["x"][cut]).max() < 0.1  # what was seen last, not the start of the next episode
    assert np.array_equal(rows["x"][cut + 2], data.train.batch(torch.tensor([2]))["x"][0].numpy())


def filled(replay: Replay, first: int, count: int) -> None:
    numbers = np.arange(first, first + count, dtype=np.float32)
    replay.add({"reward": numbers, "x": np.stack([numbers, -numbers], 1)})


def test_the_memory_is_a_ring() -> None:
    replay = Replay(10)
    filled(replay, 0, 7)
    assert len(replay) == 7
    filled(replay, 7, 6)
    assert len(replay) == 10
    assert sorted(replay.take(np.arange(10))["reward"].tolist()) == list(range(3, 13))
    assert torch.equal(replay.take(np.arange(10))["x"][:, 1], -replay.take(np.arange(10))["reward"])


def test_without_a_folder_the_state_holds_all() -> None:
    replay, other = Replay(10), Replay(10)
    filled(replay, 0, 7)
    other.load_state(replay.state())
    assert torch.equal(other.take(np.arange(7))["x"], replay.take(np.arange(7))["x"])
    filled(replay, 7, 6)
    other.load_state(replay.state())
    assert torch.equal(other.take(np.arange(10))["x"], replay.take(np.arange(10))["x"])


@pytest.mark.parametrize("saves", [[4], [4, 3], [4, 3, 6], [25], [4, 25, 2], [3] * 30], ids=str)
def test_on_disk_it_goes_on_from_any_state(saves: list[int], tmp_path: Path) -> None:
    replay, at = Replay(10), 0
    replay.remember_in(tmp_path / "memory")
    states = []
    for count in saves:
        for one in range(count):  # in several additions a save, as training does
            filled(replay, at + one, 1)
        at += count
        states.append((replay.state(), replay.take(np.arange(len(replay)))))
    filled(replay, at, 2)  # played, and never saved
    assert all("rows" not in state for state, _ in states)
    state, expected = states[-1]
    other = Replay(10)
    other.remember_in(tmp_path / "memory")
    other.load_state(state)
    assert other.seen == at
    assert torch.equal(other.take(np.arange(len(other)))["x"], expected["x"])
    filled(other, at, 2)
    assert torch.equal(other.take(np.arange(len(other)))["x"], replay.take(np.arange(len(replay)))["x"])


def test_going_back_to_an_older_state_forgets_what_came_later(tmp_path: Path) -> None:
    replay = Replay(10)
    replay.remember_in(tmp_path)
    filled(replay, 0, 4)
    old = replay.state()
    filled(replay, 4, 4)
    replay.state()
    other = Replay(10)
    other.remember_in(tmp_path)
    other.load_state(old)
    filled(other, 100, 2)
    again = other.state()
    third = Replay(10)
    third.remember_in(tmp_path)
    third.load_state(again)
    assert third.take(np.arange(6))["reward"].tolist() == [0, 1, 2, 3, 100, 101]


def test_old_files_go(tmp_path: Path) -> None:
    replay = Replay(10)
    replay.remember_in(tmp_path)
    for i in range(40):
        filled(replay, 3 * i, 3)
        replay.state()
    assert len(list(tmp_path.iterdir())) <= 8


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    replay = Replay(10)
    replay.remember_in(tmp_path)
    for first in (0, 3, 6):
        filled(replay, first, 3)
        state = replay.state()
    (tmp_path / "3-6.npz").unlink()
    other = Replay(10)
    other.remember_in(tmp_path)
    with pytest.raises(RunError, match="9 steps"):
        other.load_state(state)
