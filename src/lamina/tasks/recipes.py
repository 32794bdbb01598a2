"""Default models and knobs for pictures, tables and texts; results/ lists the settings that were tried for them."""

from dataclasses import replace
from typing import Any

from lamina.core import device as machine
from lamina.core.data import Data
from lamina.core.spec import Classes, Image, Spec
from lamina.core.task import Choice, Quality, Takes
from lamina.tasks import neighbours
from lamina.tasks.sequence_recipes import in_order

FEW_TEXTS, ENOUGH_TEXTS, MANY_TEXTS = 2_000, 7_000, 15_000
TINY_TABLE, SMALL_TABLE = 2_000, 20_000
ROWS_FOR_A_COLUMN = 100  # with so many, a bent boundary is shown by the data and need not be feared
ENOUGH_PICTURES = 50_000  # with fewer, each is shown more often
MOST_EPOCHS = 40.0
ENOUGH_PHOTOS = 2500  # with fewer, each is shown more often
SIDE_OF_A_PHOTO = 96  # pixels
LEAST_SIDE, MOST_SIDE = 16, 64  # pixels of a picture that is small, and has something to learn from
EASY = 0.87  # share of pictures that their nearest neighbour knows
MIRRORED = 0.6  # of these, the share that it must know in the mirror, so that mirrored pictures are shown
UPDATES_OF_A_SMALL_TABLE = 4000
UPDATES_OF_MIXED_COLUMNS = 1500  # each is of eight networks


def takes(spec: Spec) -> Takes:
    """What answers are given to: files of pictures, texts, or rows."""
    kinds: dict[str, Takes] = {"image": "pictures", "text": "texts"}
    return kinds.get(spec.input.kind, "rows")


def recipe(data: Data, quality: Quality) -> Choice:
    """The default for the kind of input."""
    kinds = {"image": photos if are_photos(data.spec) else pictures, "text": text, "table": table}
    return kinds.get(data.spec.input.kind, numbers)(data, quality)


def text(data: Data, quality: Quality) -> Choice:
    """Texts: a bag of words, pairs and pieces of words, stopped early; few texts are gone through more often.

    Chosen on validation splits: results/texts.md.
    """
    rows, epochs = len(data.train), {"fast": 2.0, "good": 6.0, "best": 12.0}[quality]
    other = in_order(data, quality)
    words: dict[str, Any] = {"optimizer": "nesterov", "schedule": "linear", "monitor": "loss", "patience": 3, "precision": "f32"}
    if rows >= MANY_TEXTS:
        return Choice("bag", "supervised", words | {
            "epochs": epochs / 2, "batch": 64, "buckets": 1 << 20, "piece": 0, "learning_rate": 1.0,
        }, other=other)  # fmt: skip
    return Choice("bag", "supervised", words | {
        "epochs": min(round(epochs * max(1.0, ENOUGH_TEXTS / rows) ** 0.5, 1), MOST_EPOCHS), "batch": 16 if rows < FEW_TEXTS else 64,
        "learning_rate": 0.05,
    }, other=other)  # fmt: skip


def are_photos(spec: Spec) -> bool:
    """Pictures in colour whose subject is larger than what networks for small pictures look at."""
    return isinstance(spec.input, Image) and spec.input.channels == 3 and min(spec.input.height, spec.input.width) >= SIDE_OF_A_PHOTO


def photos(data: Data, quality: Quality) -> Choice:
    """Photos: a network that has seen ImageNet learns the question from the head downwards; from scratch where it cannot be had."""
    return replace(transfer(data.spec, quality, len(data.train)), scratch=pictures(data, quality))


def transfer(spec: Spec, quality: Quality, rows: int) -> Choice:
    """Transfer with the settings for photos, chosen on held-out parts of the training photos of flowers: results/flowers.md."""
    epochs = {"fast": 0.0, "good": 4.0, "best": 8.0}[quality] * max(1.0, ENOUGH_PHOTOS / rows) ** 0.5
    words: dict[str, Any] = {
        "epochs": min(round(epochs, 1), MOST_EPOCHS), "flip": True, "learning_rate": 1e-3, "schedule": "one_cycle",
        "weight_decay": 0.01, "crop": 0.4, "label_smoothing": 0.1, "thaw": 4, "mirror": True,
    }  # fmt: skip
    if not isinstance(spec.target, Classes):
        del words["label_smoothing"]
    return Choice("efficientnet_lite0", "transfer", words)


def pictures(data: Data, quality: Quality) -> Choice:
    """Small pictures from scratch: a few passes of a small network where their nearest neighbours know most of them."""
    sides = data.spec.input.shape[1:]
    if not isinstance(data.spec.target, Classes) or min(sides) < LEAST_SIDE or max(sides) > MOST_SIDE:
        return _easy_pictures(data, quality)
    found = neighbours.ask(data.train)
    easy = found.right > EASY
    choice = _easy_pictures(data, quality) if easy else _hard_pictures(data, quality, found.mirrored > MIRRORED * found.right)
    knows = f"nearest neighbours know {found.right:.0%} of the pictures, {found.mirrored:.0%} in the mirror"
    return replace(choice, because=f"{knows}: {'a small network is enough' if easy else 'a larger network, shown more often'}")


def _easy_pictures(data: Data, quality: Quality) -> Choice:
    """The strided cnn, one cycle of the learning rate, pictures moved by a pixel.

    Chosen on held-out parts of MNIST's training images: results/mnist-settings.md.
    """
    words: dict[str, Any] = {"batch": 256, "learning_rate": 0.015, "schedule": "one_cycle", "label_smoothing": 0.1, "shift": 1}
    if quality == "best":
        words |= {"widths": "32,64,128,256", "rotate": 10, "stretch": 0.1}
    epochs = {"fast": 1.0, "good": 2.5, "best": 4.0}[quality]
    words["epochs"] = _more_of_few(epochs, data)
    if not isinstance(data.spec.target, Classes):
        del words["label_smoothing"]
    return Choice("cnn", "supervised", words)


def _hard_pictures(data: Data, quality: Quality, mirrored: bool) -> Choice:
    """The airbench network by Muon, pictures moved, mirrored where a mirror changes little, small at first.

    In its published widths where bfloat16 is native; elsewhere these would take hours on processors. Chosen on held-out parts
    of CIFAR-10's and Fashion-MNIST's training images: results/small-pictures-settings.md.
    """
    colour, quick = data.spec.input.shape[0] > 1, machine.native_bf16(machine.pick("auto"))
    epochs = {"fast": 3.0, "good": (9.5 if quick else 8.0) if colour else 6.0, "best": 30.0}[quality]
    return Choice("airbench", "supervised", {
        "widths": "64,256,256" if quick else "32,96,128",
        "batch": 256, "optimizer": "muon", "learning_rate": 0.03, "schedule": "linear", "label_smoothing": 0.2, "shift": 2,
        "flip": mirrored, "mirror": mirrored, "patch": 2 if colour else 3, "smallest": 0.7, "epochs": _more_of_few(epochs, data),
    })  # fmt: skip


def _more_of_few(epochs: float, data: Data) -> float:
    """Each of few pictures is shown more often."""
    return min(round(epochs * max(1.0, ENOUGH_PICTURES / len(data.train)) ** 0.5, 1), MOST_EPOCHS)


def table(data: Data, quality: Quality) -> Choice:
    """Rows of mixed columns: an ensemble of perceptrons on embedded columns, stopped early.

    Few settings were tried (results/tables.md), on splits of other seeds than those of the stated figures.
    """
    rows = len(data.train)
    batch = 64 if rows < SMALL_TABLE else 256
    epochs = min(100, max(20, UPDATES_OF_MIXED_COLUMNS * batch // rows)) if rows < SMALL_TABLE else 20
    return Choice("tabular", "supervised", {
        "epochs": epochs, "batch": batch, "learning_rate": 4e-3, "weight_decay": 0.1, "dropout": 0.1, "schedule": "cosine", "ema": 0.99,
        "patience": 10, "monitor": "loss", "precision": "f32",
    })  # fmt: skip


def numbers(data: Data, quality: Quality) -> Choice:
    """Rows of numbers: a small mlp, stopped early; the fewer rows a column, the stronger it is held back.

    Chosen on splits of other seeds than the stated figures: results/tables.md.
    """
    rows, columns = len(data.train), data.spec.input.shape[0]
    batch = 32 if rows < SMALL_TABLE else 256
    epochs = min(300, max(10, UPDATES_OF_A_SMALL_TABLE * batch // rows)) if rows < SMALL_TABLE else 20
    words: dict[str, Any] = {
        "epochs": epochs, "batch": batch, "schedule": "cosine", "ema": 0.99, "patience": 10, "monitor": "loss", "precision": "f32",
    }  # fmt: skip
    if rows < ROWS_FOR_A_COLUMN * columns:
        tiny = rows < TINY_TABLE
        held = {"hidden": "32" if tiny else "64,64", "learning_rate": 2e-3, "weight_decay": 0.5 if tiny else 0.05, "dropout": 0.1}
        words |= held
    else:
        words |= {"hidden": "64,64", "learning_rate": 1e-2}
    other = {word: value for word, value in words.items() if word != "hidden"}  # which is a size of its own in other models
    return Choice("mlp", "supervised", words, other=Choice("mlp", "supervised", other))
