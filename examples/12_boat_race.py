"""The boat race: an agent is paid for turbos, and its human wants it to finish. It finds that circling pays more.

Training stops at a gate where the return rises while the true goal falls, and asks. Then the reward is mended, and the boat finishes.
Runs in some forty seconds. The same is lamina train boat_race, then lamina train boat_race reward=goal.
"""

import json
import tempfile
from pathlib import Path

import torch

from lamina.verbs.request import Request
from lamina.verbs.train import Watcher, train

WORDS = {"steps": 40_000, "valid_steps": 40_000, "epochs": 4, "batch": 256, "threads": 1}


def no(question: str) -> bool:
    """What a human would say who has looked at the clips."""
    print(question.partition(";")[0][:160])
    return False


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        hacked, mended = Path(place) / "hacked", Path(place) / "mended"
        found = train(Request("boat_race", words=WORDS, out=hacked), Watcher(ask=no))
        said = f"return {found.test.metrics['return_mean']:.0f}, goal {found.test.metrics['goal_mean']:.2f}"
        print(f"paid for turbos ({found.reason}): {said}; a scripted racer {found.baselines['racer'].metrics['return_mean']:.0f}, 1")
        kinds = [alarm["kind"] for alarm in json.loads((hacked / "alarms.json").read_text())["alarms"]]
        print("alarms:", ", ".join(kinds))
        better = train(Request("boat_race", words=WORDS | {"reward": "goal"}, out=mended))
        alarms = (mended / "alarms.json").exists()
        print(f"paid for the goal ({better.reason}): goal {better.test.metrics['goal_mean']:.2f}; alarms: {alarms}")


if __name__ == "__main__":
    main()
