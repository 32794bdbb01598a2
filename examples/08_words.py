"""Words: which are used alike? A vector for each word, by the words around it.

Runs without a network in some twenty seconds on a text that it makes up. For a text of your own the same is
lamina train corpus.txt        then        lamina predict RUN "king - man + woman"
or, with no text at hand, lamina train docstrings.
"""

import random
import tempfile
from pathlib import Path

import torch

from lamina.verbs.predict import predict
from lamina.verbs.request import Request
from lamina.verbs.train import train

PEOPLE = {("man", "young"): "boy", ("man", "old"): "grandfather", ("woman", "young"): "girl", ("woman", "old"): "grandmother"}
SAYS_WHO = {"man": ("he", "his", "beard"), "woman": ("she", "her", "dress"), "young": ("school", "toys", "small"),
            "old": ("stick", "grey", "slow")}
FILLERS = ("the", "a", "and", "with", "was", "in", "garden", "house", "saw", "today")


def sentence(chance: random.Random) -> str:
    """A person among words that tell who it is."""
    (who, age), name = chance.choice(list(PEOPLE.items()))
    words = [name, *chance.sample(SAYS_WHO[who], 2), *chance.sample(SAYS_WHO[age], 2), *chance.sample(FILLERS, 2)]
    chance.shuffle(words)
    return " ".join(words)


def main() -> None:
    torch.set_num_threads(1)
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as place:
        text, run = Path(place) / "people.txt", Path(place) / "run"
        text.write_text("\n".join(sentence(chance) for _ in range(8000)) + "\n")
        words = {"size": 32, "epochs": 8, "threads": 1, "sample": 0.0}
        found = train(Request(str(text), words=words, out=run))
        print(f"loss of a pair: {found.test.metrics['loss']:.2f} nats, of vectors that know nothing "
              f"{found.baselines['no vectors'].metrics['loss']:.2f}")
        for answer in predict(run, ["he", "boy - he + she", "nearest=3"]):
            print(answer.lines()[0])
        print("files:", ", ".join(sorted(path.name for path in run.glob("vectors.*"))))


if __name__ == "__main__":
    main()
