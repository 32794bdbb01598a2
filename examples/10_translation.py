"""Translation: an encoder reads, a decoder says the answer and looks back at what was read.

Runs without a network in some thirty seconds on dates that Lamina makes; `lamina train dates` gives the whole set a minute and is right in
every date of its test. For sentence pairs of your own:
lamina train de-en.tsv        then        lamina predict RUN "Ein Mann fährt Rad." beam=5
"""

import tempfile
from pathlib import Path

import torch

from lamina.verbs.predict import Wish, predict
from lamina.verbs.request import Request
from lamina.verbs.train import train


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        run = Path(place) / "run"
        words = {"epochs": 1.5, "hidden": 96, "embedding": 48, "threads": 1, "learning_rate": 6e-3}
        found = train(Request("dates", words=words, out=run))
        figures = found.test.metrics
        print(f"test: {figures['exact']:.1%} right to the letter, chrF {figures['chrf']:.1f}; "
              f"a dictionary {found.baselines['dictionary'].metrics['chrf']:.1f}")
        for answer in predict(run, ["3rd of May 1979", "Friday, 27 November 2026", "beam=3"], Wish(out=Path(place) / "drawn")):
            print(answer.lines()[0])
            looked = answer.prediction.to_json()
            rows = zip(looked["said"], looked["attention"], strict=True)
            print("      " + "  ".join(f"{said}<-{looked['heard'][row.index(max(row))]}" for said, row in rows))


if __name__ == "__main__":
    main()
