"""Sequences: what a recurrence forgets, a text that is written on, and a series of numbers that goes on.

The first part is the lecture's vanishing gradient: what can be learned from an error at the end of a row about its beginning is how long
the gradient is that comes back there. Runs without a network in some fifteen seconds. For a text of your own the second part is
lamina train book.txt --task write        then        lamina predict RUN "ROMEO:" temperature=0.8
and for a series the third        lamina train sales.csv --task forecast        then        lamina predict RUN newer.csv
"""

import math
import tempfile
from pathlib import Path

import numpy as np
import torch

from lamina.nn.recurrent import Recurrent
from lamina.oversight.forgetting import gradients_through_time
from lamina.verbs.predict import predict
from lamina.verbs.request import Request
from lamina.verbs.train import train

PLACES, BACK = 60, 40
VERSE = "row row row your boat gently down the stream merrily merrily merrily merrily life is but a dream "


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for kind in ("rnn", "gru", "lstm"):
        back = gradients_through_time(Recurrent(kind, 1, 16), torch.randn(32, PLACES, 1))
        print(f"{kind:<5} of the gradient at the last place, {back[-1 - BACK] / back[-1]:.0e} comes back to the place {BACK} before it")
    with tempfile.TemporaryDirectory() as place:
        text, run = Path(place) / "verse.txt", Path(place) / "run"
        text.write_text(VERSE * 200)
        words = {"hidden": 48, "embedding": 32, "batch": 16, "stretch": 48, "epochs": 20, "threads": 1, "learning_rate": 1e-2}
        found = train(Request(str(text), task="write", words=words, out=run))
        print(f"loss {found.test.metrics['loss']:.2f} nats a letter; by pairs of letters {found.baselines['bigrams'].metrics['loss']:.2f}")
        for answer in predict(run, ["row row", "temperature=0", "length=40"]):
            print(answer.lines()[0])
        sold, run = Path(place) / "sold.csv", Path(place) / "forecast"
        sold.write_text("day,sold\n" + "".join(f"{day},{number:.1f}\n" for day, number in weekly(700)))
        found = train(Request(str(sold), words={"ahead": 7, "epochs": 30, "hidden": 32, "threads": 1}, out=run))
        rivals = ", ".join(f"{name} {one.metrics['rmse']:.2f}" for name, one in found.baselines.items())
        print(f"error of a week ahead {found.test.metrics['rmse']:.2f}; {rivals}")
        print(next(iter(predict(run, [str(sold)]))).lines()[0])


def weekly(count: int) -> list[tuple[str, float]]:
    """Days and what was sold: a week's ups and downs, a slow growth, and chance that lasts some days."""
    random, chance, found = np.random.default_rng(0), 0.0, []
    for i in range(count):
        chance = 0.6 * chance + random.normal(0, 2)
        found.append((str(np.datetime64("2024-01-01") + i), 50 + 0.02 * i + 10 * math.sin(i * 2 * math.pi / 7) + chance))
    return found


if __name__ == "__main__":
    main()
