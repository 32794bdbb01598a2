"""Acting: a pole is held up, and nobody says how. The agent tries, is paid for every step that the pole stands, and learns from that.

Runs in some ten seconds. The same is lamina train CartPole-v1, then lamina evaluate RUN --episodes 100; other methods by
--method dqn, reinforce or a2c, other environments by their Gymnasium id or as my_env.py.
"""

import tempfile
from pathlib import Path

import torch

from lamina.verbs.evaluate import evaluate
from lamina.verbs.request import Request
from lamina.verbs.train import Watcher, train


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        run, told = Path(place) / "run", list[str]()
        watcher = Watcher(event=lambda event: told.append(f"{event.values['return_mean']:.0f}") if event.kind == "valid" else None)
        found = train(Request("CartPole-v1", words={"steps": 15_000, "valid_steps": 5_000, "threads": 1}, out=run), watcher)
        print("steps that the pole stands, of 500, after each 5,000 that were played:", ", ".join(told))
        print(f"actions of chance: {found.baselines['random'].metrics['return_mean']:.0f}")
        assert found.judgement.verdict is not None
        print(found.judgement.verdict.sentence)
        fresh = evaluate(run, episodes=20).found.metrics
        print(f"20 fresh episodes: mean {fresh['return_mean']:.0f}, median {fresh['return_median']:.0f}")
        print("the episode of median return, moving:", (run / "median_episode.gif").name)


if __name__ == "__main__":
    main()
