"""Default models and knobs for sequences; results/sequences.md lists the settings that were tried for them."""

from typing import Any

from lamina.core.data import Data
from lamina.core.spec import Image, Tokens
from lamina.core.task import Choice, Quality

ENOUGH_TEXTS, ENOUGH_WORDS, MOST_EPOCHS = 20_000, 5_000_000, 20.0
ENOUGH_PAIRS, MOST_PAIR_EPOCHS = 30_000, 200.0  # of fewer pairs, each is shown more often
ENOUGH_CAPTIONS, PHOTO = 8_000, 96  # captions; pixels of the longer side from which pictures are photos
SERIES_BATCH = 64
ENOUGH_TOKENS, MANY_TOKENS, MOST_TEXT_EPOCHS = 1_000_000, 5_000_000, 100.0


def pairs(data: Data, quality: Quality) -> Choice:
    """An LSTM that looks back, also where letters are the tokens; other models take the settings that were found for the transformer."""
    letters = isinstance(data.spec.input, Tokens) and data.spec.input.unit == "character"
    more = max(1.0, (10_000 if letters else ENOUGH_PAIRS) / len(data.train)) ** 0.5
    share = {"fast": 0.5, "good": 1.0, "best": 2.0}[quality]
    common: dict[str, Any] = {"schedule": "cosine", "warmup": 0.1, "clip": 1.0}
    transformer = Choice("transformer", "teacher_forcing", common | {
        "epochs": _epochs(10 * share * more, MOST_PAIR_EPOCHS), "batch": 128, "learning_rate": 1e-3, "dropout": 0.3, "width": 256,
        "layers": 3,
    })  # fmt: skip
    size = {"hidden": 128, "embedding": 64, "dropout": 0.3} if letters else {"hidden": 256, "embedding": 256, "dropout": 0.4}
    return Choice("seq2seq", "teacher_forcing", common | size | {
        "warmup": 0.05,
        "epochs": _epochs((5 if letters else 10) * share * more, MOST_PAIR_EPOCHS), "batch": 64 if letters else 128,
        "learning_rate": 4e-3 if letters else 3e-3,
    }, other=transformer)  # fmt: skip


def captions(data: Data, quality: Quality) -> Choice:
    """A decoder that looks at the maps of a network of pictures: of photos one that has seen ImageNet and keeps its weights."""
    image = data.spec.input
    assert isinstance(image, Image), "captions are of pictures"
    share = {"fast": 0.5, "good": 1.0, "best": 2.0}[quality] * max(1.0, ENOUGH_CAPTIONS / len(data.train)) ** 0.5
    words: dict[str, Any] = {"schedule": "cosine", "warmup": 0.05, "clip": 1.0, "batch": 64, "hidden": 256, "embedding": 256}
    anew = words | {"backbone": "compact", "stride": 8, "still": False, "epochs": _epochs(15 * share, MOST_PAIR_EPOCHS),
                    "learning_rate": 2e-3}  # fmt: skip
    if max(image.height, image.width) < PHOTO:
        return Choice("captioner", "teacher_forcing", anew)
    seen = words | {"backbone": "efficientnet_lite0", "stride": 16, "still": True, "dropout": 0.5,
                    "epochs": _epochs(10 * share, MOST_PAIR_EPOCHS), "learning_rate": 1e-3}  # fmt: skip
    return Choice("captioner", "teacher_forcing", seen, scratch=Choice("captioner", "teacher_forcing", anew))


def series(data: Data, quality: Quality) -> Choice:
    """An LSTM that reads the past and adds to its last number."""
    steps = {"fast": 600, "good": 2000, "best": 8000}[quality]
    return Choice("lstm", "supervised", {
        "epochs": _epochs(max(steps * SERIES_BATCH / len(data.train), 1), 1000.0), "batch": SERIES_BATCH, "hidden": 64, "layers": 1,
        "learning_rate": 2e-3, "weight_decay": 0.01, "schedule": "cosine", "warmup": 0.05, "dropout": 0.1, "clip": 1.0,
    })  # fmt: skip


def text(data: Data, quality: Quality) -> Choice:
    """An LSTM of two layers that carries its state through the text."""
    size, letters = len(getattr(data.train, "ids", ())), isinstance(data.spec.input, Tokens) and data.spec.input.unit == "character"
    more = max(1.0, ENOUGH_TOKENS / max(1, size)) ** 0.5
    common: dict[str, Any] = {"batch": 32, "schedule": "cosine", "warmup": 0.02, "clip": 1.0}
    transformer = Choice("transformer", "next_token", common | {
        "epochs": _epochs(5 * more, MOST_TEXT_EPOCHS), "width": 256, "layers": 4, "stretch": 128, "learning_rate": 1e-3,
    })  # fmt: skip
    short = size < MANY_TOKENS
    wide: dict[str, Any] = {"hidden": 384 if short else 512, "learning_rate": 3e-3, "dropout": 0.25 if short else 0.15}
    narrow: dict[str, Any] = {"hidden": 256, "learning_rate": 4e-3, "dropout": 0.15}  # knows more where time is short
    return Choice("lstm", "next_token", common | (narrow if quality == "fast" else wide) | {
        "epochs": _epochs({"fast": 5.0, "good": 12.0, "best": 40.0}[quality] * more, MOST_TEXT_EPOCHS),
        "embedding": 64 if letters else 256, "layers": 2, "stretch": 64,
    }, other=transformer)  # fmt: skip


def in_order(data: Data, quality: Quality) -> Choice:
    """Texts of which a class or a number is asked, by a network that reads the words in their order."""
    rows, epochs = len(data.train), {"fast": 2.0, "good": 4.0, "best": 8.0}[quality]
    return Choice("bilstm", "supervised", {
        "epochs": _epochs(epochs * max(1.0, ENOUGH_TEXTS / rows) ** 0.5, MOST_EPOCHS), "batch": 128 if rows > ENOUGH_TEXTS else 32,
        "learning_rate": 2e-3, "schedule": "cosine", "warmup": 0.05, "dropout": 0.5, "clip": 1.0, "patience": 3, "monitor": "accuracy",
    })  # fmt: skip


def tags(data: Data, quality: Quality) -> Choice:
    """A label for each word, by an LSTM that reads in both directions."""
    epochs = {"fast": 4.0, "good": 10.0, "best": 20.0}[quality] * max(1.0, 5_000 / len(data.train)) ** 0.5
    return Choice("bilstm", "supervised", {
        "epochs": _epochs(epochs, 100.0), "batch": 32, "learning_rate": 3e-3, "schedule": "cosine", "dropout": 0.3, "clip": 1.0,
        "patience": 5,
    })  # fmt: skip


def words(data: Data, quality: Quality) -> Choice:
    """Skip-gram; a short text is gone through more often, so that each word is seen."""
    size = len(getattr(data.train, "ids", ()))
    epochs = {"fast": 2.0, "good": 5.0, "best": 15.0}[quality] * max(1.0, ENOUGH_WORDS / max(1, size)) ** 0.5
    return Choice("word_vectors", "skipgram", {"epochs": _epochs(epochs, MOST_EPOCHS)})


def _epochs(wanted: float, most: float) -> float:
    return round(min(wanted, most), 1)
