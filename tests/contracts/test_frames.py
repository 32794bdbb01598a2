"""Environments that show pictures: what is seen of them, networks that look at it, and the settings of environments of others."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from lamina.core import config as knobs
from lamina.core.errors import UsageError
from lamina.core.spec import Actions, Controls, Image, Spec
from lamina.envs.episodes import EpisodeSplit, load
from lamina.envs.frames import Atari, Frames, Pictures
from lamina.envs.greedy import TRIED, always, play_all, rivals
from lamina.envs.vector import Envs
from lamina.envs.world import World
from lamina.models.pixel_policy import Config as Widths
from lamina.models.pixel_policy import PixelPolicy
from lamina.verbs.data import config_of, load_data
from lamina.verbs.request import Request
from lamina.verbs.train import train


class Shown(gymnasium.Env[np.ndarray, np.int64]):
    """Shows a whole picture of one level of grey, one more at each step, and pays that level; ends after six steps."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.observation_space, self.action_space = spaces.Box(0, 255, shape, np.uint8), spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.time = 1
        return self._picture(), {}

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.time += 1
        return self._picture(), float(self.time), self.time == 7, False, {"parts": {"level": float(self.time)}}

    def _picture(self) -> np.ndarray:
        level = self.time if self.time % 2 else 100 + self.time  # it flickers
        return np.full(self.observation_space.shape, level, np.uint8)


def levels(seen: np.ndarray) -> list[int]:
    """The level of each picture of a stack."""
    assert (seen == seen[:1, :1]).all(), "each picture has one level"
    return [int(level) for level in seen[0, 0]]


def test_the_latest_picture_is_last_and_the_first_stands_for_those_before() -> None:
    frames = Frames(Shown((8, 8)), Pictures(stack=3))
    assert levels(frames.reset(seed=0)[0]) == [1, 1, 1]
    assert levels(frames.step(0)[0]) == [1, 1, 102]
    assert [levels(frames.step(0)[0]) for _ in range(2)][-1] == [102, 3, 104]
    assert levels(frames.reset(seed=0)[0]) == [1, 1, 1], "nothing of the last episode is seen in the next"


def test_skipped_frames_are_paid_for_and_end_with_the_episode() -> None:
    frames = Frames(Shown((8, 8)), Pictures(stack=1, skip=4))
    frames.reset(seed=0)
    seen, reward, ended, _, info = frames.step(0)
    assert (levels(seen), reward, ended, info["parts"]) == ([5], 2 + 3 + 4 + 5, False, {"level": 14.0})
    seen, reward, ended, _, _ = frames.step(0)
    assert (levels(seen), reward, ended) == ([7], 6 + 7, True)


def test_a_part_of_the_reward_that_only_an_earlier_frame_tells_is_kept() -> None:
    class Tells(Shown):
        def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
            seen, reward, ended, cut, _ = super().step(action)
            return seen, reward, ended, cut, {"parts": {"early" if self.time == 2 else "late": reward}}

    frames = Frames(Tells((8, 8)), Pictures(stack=1, skip=3))
    frames.reset(seed=0)
    assert frames.step(0)[4]["parts"] == {"early": 2.0, "late": 3.0 + 4.0}


def test_of_two_frames_that_flicker_the_larger_is_seen() -> None:
    frames = Frames(Shown((8, 8)), Atari(stack=1, skip=2))
    frames.reset(seed=0)
    assert levels(frames.step(0)[0]) == [102]


def test_pictures_are_made_small_and_grey_and_keep_their_light() -> None:
    shapes = {(96, 120, 3): (84, 84, 4), (96, 120): (84, 84, 4), (40, 60, 3): (40, 60, 4), (84, 84, 4): (84, 84, 4)}
    for before, after in shapes.items():
        frames = Frames(Shown(before), Pictures())
        seen, _ = frames.reset(seed=0)
        assert seen.shape == frames.observation_space.shape == after
        assert levels(seen) == [1, 1, 1, 1]
    coloured = Frames(Shown((96, 96, 3)), Pictures(grey=False, stack=2))
    assert coloured.reset(seed=0)[0].shape == (84, 84, 6)


def test_an_environment_of_pictures_is_seen_channels_first_and_repeats() -> None:
    data = load_data("Catch-v0", {"stack": "2"}, 0)
    assert data.spec.input == Image(channels=2, height=12, width=12)
    first, second = (Envs(data.train, 3) for _ in range(2))  # type: ignore[arg-type]
    for step in range(20):
        reward = first.step(np.arange(3) + step % 3 - np.arange(3))[0]
        assert np.array_equal(reward, second.step(np.full(3, step % 3))[0])
    second.load_state(first.state())
    assert np.array_equal(first.seen, second.seen)


@pytest.mark.parametrize("side", [8, 12, 35, 36, 84, 96])
@pytest.mark.parametrize("target", [Actions(size=3, env="x"), Controls(low=(-1.0, 0.0), high=(1.0, 1.0), env="x")])
def test_networks_look_at_pictures_of_any_size(side: int, target: Actions | Controls) -> None:
    net = PixelPolicy(Spec(input=Image(channels=4, height=side, width=side), target=target), Widths(width=16))
    x = torch.randint(256, (5, 4, side, side), dtype=torch.uint8)
    output, value = net.both(x)
    assert torch.equal(output, net.actor(x)), "both at once say what each says alone"
    assert torch.equal(value, net.critic(x))
    (output.sum() + value.sum()).backward()
    assert all(p.grad is not None for p in net.parameters())


def test_all_actions_begin_alike() -> None:
    spec = Spec(input=Image(channels=1, height=36, width=36), target=Actions(size=4, env="x"))
    x = torch.randint(256, (50, 1, 36, 36), dtype=torch.uint8)
    assert (PixelPolicy(spec, Widths())(x).softmax(1) - 0.25).abs().max() < 0.02


def test_of_actions_that_are_always_done_only_the_best_is_a_rival_where_pictures_are_seen() -> None:
    split = load("Catch-v0", 0).test
    assert isinstance(split, EpisodeSplit), "an environment is acted in"
    found = rivals(split)
    assert [name for name in found if name.startswith("always")] == list(found)[1:2]
    few = split.of(TRIED)
    paid = [sum(record.episode_return for record in play_all(always(np.array(i)), few, 0)) for i in range(split.target.size)]
    kept = int(found[list(found)[1]](np.zeros((1, 1)))[0])
    assert paid[kept] == max(paid)


def test_settings_of_an_environments_author_are_knobs() -> None:
    found = config_of("Catch-v0").model_fields
    assert {"coloured", "name", "stack"} <= set(found)
    assert found["size"].default == 12, "as whoever registered it has it"
    assert "render_mode" not in found
    assert load_data("Catch-v0", {"coloured": "true", "grey": "false", "size": "9"}, 0).spec.input.shape == (12, 9, 9)
    assert load_data("FrozenLake-v1", {"map_name": "8x8"}, 0).spec.input.shape == (64,)
    with pytest.raises(UsageError, match="coloured"):
        load_data("Catch-v0", {"colored": "true"}, 0)


def test_what_is_chosen_reaches_every_environment_that_is_made() -> None:
    config = knobs.build("data", config_of("CartPole-v1"), {"sutton_barto_reward": "true"})
    world = World("CartPole-v1", config)
    assert World("CartPole-v1").has_arrays()
    assert not world.has_arrays(), "on arrays of others the author's settings hold"
    split = load("CartPole-v1", 0, config).train
    assert Envs(split, 1).step(np.zeros(1, int))[0][0] == 0, "Sutton and Barto pay nothing for a step"  # type: ignore[arg-type]


def test_settings_of_ones_own_environment_are_knobs(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import gymnasium, numpy as np\n"
        "class Line(gymnasium.Env):\n"
        "    action_space = gymnasium.spaces.Discrete(2)\n"
        "    def __init__(self, length: int = 3, name: str = 'a'):\n"
        "        self.observation_space = gymnasium.spaces.Box(0, 1, (length,), np.float32)\n"
        "    def reset(self, *, seed=None, options=None):\n"
        "        super().reset(seed=seed)\n"
        "        return self.observation_space.low, {}\n"
        "    def step(self, action):\n"
        "        return self.observation_space.low, 0.0, True, False, {}\n"
    )
    assert load_data(f"{tmp_path}/own.py", {"length": "5"}, 0).spec.input.shape == (5,)


@pytest.mark.parametrize("method", ["ppo", "a2c", "reinforce", "dqn"])
def test_every_method_learns_of_pictures_through_fit(method: str, tmp_path: Path) -> None:
    few = {"ppo": {"steps": 256, "horizon": 32}, "a2c": {"steps": 256}, "reinforce": {"updates": 2}, "dqn": {"steps": 256, "begin": 64}}
    words = {**few[method], "width": 16, "threads": 1}
    outcome = train(Request("Catch-v0", method=method, words=words, device="cpu", out=tmp_path / "run"))
    assert -1 <= outcome.test.metrics["return_mean"] <= 1


@pytest.mark.slow
def test_catch_is_learned_from_pictures(tmp_path: Path) -> None:
    words = {"steps": 40_000, "valid_steps": 10_000, "width": 64, "stack": 1, "learning_rate": 1e-3, "threads": 1}
    outcome = train(Request("Catch-v0", words=words, device="cpu", out=tmp_path / "run"))
    assert outcome.test.metrics["return_mean"] > 0.8


def test_ataris_games_are_seen_as_published(tmp_path: Path) -> None:
    pytest.importorskip("ale_py")
    data = load_data("ALE/Pong-v5", {}, 0)
    assert data.spec.input == Image(channels=4, height=84, width=84)
    assert data.spec.target.size == 6
    envs = Envs(data.train, 1)  # type: ignore[arg-type]
    before = envs._inside._envs[0]._env.unwrapped.ale.getFrameNumber()  # type: ignore[union-attr]
    envs.step(np.zeros(1, int))
    assert envs._inside._envs[0]._env.unwrapped.ale.getFrameNumber() - before == 4, "four frames a step"  # type: ignore[union-attr]
