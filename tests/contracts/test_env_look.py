"""A look at environments: what is wrong with one is found and said with its place; and environments in files of a person's own."""

import sys
from pathlib import Path

import pytest

import lamina
from lamina.core.errors import DataError, UsageError
from lamina.envs import own_env
from lamina.oversight.look import Look
from lamina.oversight.look_page import page_of

WHOLE = '''
import gymnasium as gym
import numpy as np


class Whole(gym.Env):
    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t, self.seen = 0, self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return self.seen, {}

    def step(self, action):
        reward, self.t = float(action == (self.seen[0] > 0)), self.t + 1
        self.seen = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return self.seen, reward, bool(self.np_random.random() < 0.2), self.t >= 30, {"goal": min(1.0, self.t / 30)}
'''
WRONG = {  # what is wrong: the step's or the reset's line, what it is called, what is said of it
    "throws": ('if self.t == 3: raise ValueError("stuck")', "it throws", "`ValueError: stuck`, line 16 in step 4 of episode"),
    "nan": ("if self.t == 3: self.seen = self.seen * np.nan; self.t = 4; return self.seen, 0.0, False, False, {}", "numbers that are none",
            "an observation with `nan` in step 4 of episode"),
    "infinite reward": ("return self.seen, float('inf'), False, False, {}", "numbers that are none",
                        "the reward `inf` in step 1 of episode 0"),
    "form": ("return self.seen, 0.0, False, {}", "it does not answer as Gymnasium has it", "`ndarray`, `float`, `bool`, `dict` in step 1"),
    "shape": ("if self.t == 3: return np.zeros(3, np.float32), 0.0, False, False, {}", "observations of changing shape",
              "shape (3,) instead of (2,) in step 4"),
    "endless": ("self.t += 1; return self.seen, float(self.t), False, False, {}", "episodes do not end", "2,500 steps"),
    "drift": ("self.t += 1; return np.random.default_rng().random(2, np.float32), float(action), False, self.t == 9, {}",
              "an episode does not repeat", "the same seed"),
    "clock": ("self.t += 1; return self.seen, float(action), self.t == 9, False, {}", "a clock that is told as an end",
              "`terminated` in step 9"),
    "unpaid": ("self.t += 1; return self.seen, 0.0, False, self.t == 9, {}", "a reward that chance never meets", "It was 0 in each"),
    "large": ("self.t += 1; return self.seen * 500, 1e4 * action, False, self.t == 9, {}", "large rewards", "Up to 1e+04 in a step"),
    "outside": ("self.t += 1; return self.seen * 3, float(action), False, self.t == 9, {}", "observations outside of their declared box",
                "box"),
    "no goal": ("self.t += 1; return self.seen, float(action), False, self.t == 9, {}", "no true goal is declared", "The return alone"),
}  # fmt: skip


def written(folder: Path, text: str, name: str = "my_env.py") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def looked(folder: Path, step: str = "") -> Look:
    marked = "    def step(self, action):\n"
    return lamina.look(str(written(folder, WHOLE.replace(marked, marked + f"        {step}\n" if step else marked))))


def said(found: Look, name: str) -> str:
    return " ".join(f"{p.means} {' '.join(p.where)} {p.do}" for p in found.problems if p.name == name)


def test_a_whole_environment_is_left_in_peace(tmp_path: Path) -> None:
    """Negative control of all that follows."""
    found = looked(tmp_path)
    assert found.problems == []
    assert found.kind == "an environment"
    assert "random" in found.questions[0].trivial and "always `1`" in found.questions[0].trivial
    assert "What agents score" in page_of(found)
    assert found.to_json()["questions"][0]["figure"] == "return_mean"


@pytest.mark.parametrize("wrong", list(WRONG))
def test_what_is_wrong_is_found(wrong: str, tmp_path: Path) -> None:
    step, name, words = WRONG[wrong]
    found = looked(tmp_path, step)
    assert words in said(found, name), found.problems
    assert name in str(found)
    serious = {p.name for p in found.problems if p.severity == "serious"}
    assert (name in serious) == (wrong in ("throws", "nan", "infinite reward", "form", "shape", "endless", "drift"))


def test_an_environment_without_a_seed(tmp_path: Path) -> None:
    text = WHOLE.replace("def reset(self, *, seed=None, options=None):", "def reset(self):").replace("reset(seed=seed)", "reset()")
    found = lamina.look(str(written(tmp_path, text)))
    assert "at the beginning of episode 0" in said(found, "it takes no seed")


def test_what_throws_as_it_is_played_twice_is_found_too(tmp_path: Path) -> None:
    text = WHOLE.replace("super().reset(seed=seed)", "super().reset(seed=seed)\n        assert seed != 1, 'not that one'")
    assert "`AssertionError: not that one`" in said(lamina.look(str(written(tmp_path, text))), "it throws")


def test_ours_are_looked_at_with_their_knobs() -> None:
    found = lamina.look("traps", kind="idle", healthy="true")
    assert found.questions[0].command == "lamina train traps kind=idle healthy=true"
    assert "seeker" in found.questions[0].trivial
    assert not [p for p in found.problems if p.severity != "note"]


def test_proxies_are_offered_where_no_goal_is_declared(tmp_path: Path) -> None:
    found = looked(tmp_path, 'self.t += 1; return self.seen, float(action), self.t > 5, False, {"is_success": True}')
    proxies = next(p.where for p in found.problems if p.name == "no true goal is declared")
    assert any("is_success" in proxy for proxy in proxies) and any("terminated" in proxy for proxy in proxies)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    file = written(tmp_path, WHOLE)
    assert own_env.is_file(str(file)) and own_env.is_file(f"{file}:Whole") and not own_env.is_file("CartPole-v1")
    assert type(own_env.make(f"{file}:Whole")) is type(own_env.make(str(file))), "the same text is read once"
    described = own_env.described(str(file))
    assert described["name"] == "my_env.Whole" and described["file"] == str(file) and len(described["sha256"]) == 64
    file.write_text(WHOLE + "\n# otherwise\n", encoding="utf-8")
    assert own_env.described(str(file))["sha256"] != described["sha256"]
    assert str(tmp_path) not in sys.path


def test_a_function_that_makes_it(tmp_path: Path) -> None:
    text = WHOLE + "\n\nclass Other(Whole):\n    pass\n\n\ndef make(render_mode=None):\n    return gym.wrappers.TimeLimit(Other(), 5)\n"
    made = own_env.make(str(written(tmp_path, text)), render=True)
    assert type(made.unwrapped).__name__ == "Other"


@pytest.mark.parametrize(("text", "inside", "came", "do"), [
    ("x = 1", "", "which has neither", "Write one"),
    ("from gymnasium import make, Env", "", "which has neither", "Write one"),  # nobody else's
    ("1 / 0", "", "`ZeroDivisionError: division by zero` while it was read, line 1", "Mend"),
    ("\nx = (", "", "SyntaxError", "Mend"),
    ("import sys\nsys.exit(3)", "", "`SystemExit: 3` while it was read, line 2", "Mend"),
    (WHOLE + "\nclass Other(Whole):\n    pass\n", "", "2: `Whole`, `Other`", "my_env.py:Whole"),
    (WHOLE, ":Whola", "`Whola`", "Did you mean `Whole`"),
    (WHOLE + "\n    def __init__(self): raise OSError('no arm')\n", "", "`OSError: no arm` from `Whole()`", "Mend"),
    ("def make(): return 3", "", "`int` from `make()`", "Return one"),
])
def test_files_that_hold_no_environment(text: str, inside: str, came: str, do: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        own_env.make(f"{written(tmp_path, text)}{inside}")
    assert came in caught.value.came
    assert do in caught.value.do


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(DataError, match="which is not there"):
        own_env.make("nowhere/my_env.py")
