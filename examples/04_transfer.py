"""Transfer: what a network learned on old classes is kept, and a few pictures of new ones are enough to teach it those.

Runs without a network in a few seconds on the digits 8x8. For photos of your own the same is one line, and begins from
ImageNet's published weights:    lamina train photos/        or from a run of yours:    lamina train photos/ --from RUN
"""

import tempfile
from pathlib import Path

import torch

from lamina.core.data import Data
from lamina.core.spec import Classes, Spec
from lamina.data.arrays import ArraySplit
from lamina.verbs.data import load_data
from lamina.verbs.request import Request
from lamina.verbs.train import Outcome, train

OLD, NEW = (0, 1, 2, 3, 4), (5, 6, 7, 8, 9)
FEW = 4  # pictures of each new class to learn from


def only(data: Data, digits: tuple[int, ...], each: int) -> Data:
    """The pictures of some digits alone, at most `each` of a digit to train on."""

    def part(split: ArraySplit, most: int) -> ArraySplit:
        rows = torch.cat([(split.y == digit).nonzero()[:most, 0] for digit in digits])
        return ArraySplit(split.x[rows], torch.tensor([digits.index(int(y)) for y in split.y[rows]]))

    spec = Spec(input=data.spec.input, target=Classes(names=tuple(map(str, digits))))
    return Data("some digits", spec, part(data.train, each), part(data.valid, 100), part(data.test, 100))


def show(what: str, outcome: Outcome) -> None:
    anew = f"; begins anew: {', '.join(outcome.setup.anew)}" if outcome.setup.anew else ""
    print(f"{what:<44}{outcome.test.metrics['accuracy']:>6.3f}   ({outcome.setup.origin.partition(' ')[0]}{anew})")


def main() -> None:
    torch.set_num_threads(1)
    data = load_data("digits", {}, seed=0)
    print("Accuracy on pictures that were not learned from")
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "old"
        few, plain = only(data, NEW, FEW), {"threads": 1}
        show("0 to 4, all pictures, from scratch", train(Request(only(data, OLD, 1000), model="cnn", words={"epochs": 12, **plain}, out=run)))
        show(f"5 to 9, {FEW} pictures each, from scratch", train(Request(few, model="cnn", words={"epochs": 40, **plain}, warm_start="none")))
        words = {"flip": False, "crop": 1.0, **plain}  # digits have a left and a right
        show("the same, from the run: the head alone", train(Request(few, words={"epochs": 0, **words}, warm_start=str(run))))
        show("the same, and then thawed", train(Request(few, words={"epochs": 40, **words}, warm_start=str(run))))


if __name__ == "__main__":
    main()
