"""A human who is asked about clips: what is shown is what was played, and what is answered is learned from."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina.core.errors import UsageError
from lamina.envs import spaces
from lamina.envs.clips import Trails
from lamina.envs.episodes import EpisodeSplit, load
from lamina.envs.vector import Envs
from lamina.verbs.preferring import Human, beside
from lamina.verbs.request import Request
from lamina.verbs.train import Outcome, Watcher, resume, train

SMALL = {"steps": 1_024, "valid_steps": 1_024, "horizon": 32, "envs": 8, "hidden": (8,), "threads": 1, "answered_by": "human", "asked": 3}


@pytest.mark.parametrize("env", ["boat_race", "CartPole-v1", "Pendulum-v1"])
def test_a_clip_played_anew_is_what_was_played(env: str) -> None:
    split: Any = load(env, 0).train
    envs, trails, random = Envs(split, 3), Trails(3), np.random.default_rng(0)
    for _ in range(4):
        seen, action, ended = [], [], []
        for _ in range(25):
            seen.append(envs.seen.copy())
            action.append(spaces_sample(split, random))
            ended.append(envs.step(action[-1])[1])
        played, over = np.stack(action), np.stack(ended)
        for place in [(t, e) for t in range(0, 20, 3) for e in range(3) if not over[t : t + 4, e].any()]:
            clip = trails.clip(played, over, place, 5)
            np.testing.assert_array_equal(at_its_begin(clip, split), seen[place[0]][place[1]])
            np.testing.assert_array_equal(clip.actions[clip.begin :], played[place[0] : place[0] + 5, place[1]])
        trails.go_on(played, over)


def spaces_sample(split: EpisodeSplit, random: np.random.Generator) -> np.ndarray:
    target = split.target
    return random.integers(0, target.size, 3) if target.kind == "actions" else random.uniform(-1, 1, (3, target.size)).astype(np.float32)


def at_its_begin(clip: Any, split: EpisodeSplit) -> np.ndarray:
    """What is seen before a clip's first step."""
    env = split.opened()
    seen = env.begin(split.seed_of(clip.episode), clip.episode)
    for action in spaces.in_units(clip.actions, split.target, env.shape)[: clip.begin]:
        seen = env.step(action)[0]
    return seen


def test_trails_that_were_saved_go_on_as_they_were() -> None:
    random = np.random.default_rng(0)
    action, ended = random.integers(0, 3, (20, 2)), (random.random((20, 2)) < 0.1).astype(np.float32)
    first, second = Trails(2), Trails(2)
    first.go_on(action, ended)
    second.load_state(first.state())
    for trails in (first, second):
        trails.go_on(action, ended)
    assert first.state() == second.state()


def test_frames_of_two_clips_are_side_by_side_and_the_shorter_stays() -> None:
    left, right = [np.full((4, 6, 3), level, np.uint8) for level in (1, 2, 3)], [np.full((4, 5, 3), 9, np.uint8)]
    found = beside(left, right)
    assert [frame.shape for frame in found] == [(4, 6 + 8 + 5, 3)] * 3
    assert [(frame[0, 0, 0], frame[0, -1, 0]) for frame in found] == [(1, 9), (2, 9), (3, 9)]


class Said:
    """Lines of a human, one after the other, then no more; and what was asked and shown."""

    def __init__(self, *lines: str) -> None:
        self.lines, self.asked, self.shown = list(lines), 0, 0

    def hear(self, question: str) -> str | None:
        self.asked += 1
        return self.lines.pop(0) if self.lines else None

    def show(self, frame: Any, line: str) -> None:
        self.shown += 1


def trained(said: Said | None, folder: Path, **words: Any) -> Outcome:
    human = None if said is None else Human(said.hear, said.show)
    return train(Request("boat_race", method="preferences", words={**SMALL, **words}, device="cpu", out=folder), Watcher(human=human))


def test_answers_are_learned_from_and_a_human_may_stop(tmp_path: Path) -> None:
    said = Said("1\n", "2\n", "?\n", "nonsense\n", "=\n", "q\n")
    outcome = trained(said, tmp_path / "run")
    method: Any = outcome.setup.method
    assert method.answers.tolist() == [1.0, 0.0, 0.5], "what cannot be told is no answer, and nonsense is asked again"
    assert said.asked == 6, "who has had enough is not asked again"
    assert said.shown > 3 * 17
    assert (tmp_path / "run" / "samples" / "asked.gif").read_bytes()[:4] == b"GIF8"


def test_nobody_is_asked_while_a_step_is_timed(tmp_path: Path) -> None:
    said = Said(*["1\n"] * 100)
    outcome = trained(said, tmp_path / "run")
    assert said.asked == SMALL["asked"] * outcome.plan.steps


def test_without_a_human_it_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="human at the terminal"):
        trained(None, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_goes_on_has_kept_the_answers(tmp_path: Path) -> None:
    trained(Said("1\n", "2\n", "1\n", "q\n"), tmp_path / "run", steps=512)
    said = Said()
    with pytest.raises(UsageError, match="human at the terminal"):
        resume(tmp_path / "run")
    outcome = resume(tmp_path / "run", Watcher(human=Human(said.hear)))
    assert outcome.setup.method.answers.tolist() == [1.0, 0.0, 1.0]  # type: ignore[attr-defined]
