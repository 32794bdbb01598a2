"""Default models and knobs for sequences; results/sequences.md lists the settings that were tried for them."""

from typing import Any

from lamina.core.data import Data
from lamina.core.task import Choice, Quality

ENOUGH_TEXTS, ENOUGH_WORDS, MOST_EPOCHS = 20_000, 5_000_000, 20.0


def pairs(data: Data, quality: Quality) -> Choice:
    """An LSTM that looks back."""
    words: dict[str, Any] = {"epochs": {"fast": 6.0, "good": 16.0, "best": 30.0}[quality], "batch": 64, "learning_rate": 2e-3,
                             "schedule": "cosine", "warmup": 0.05}
    return Choice("seq2seq", "teacher_forcing", words)


def text(data: Data, quality: Quality) -> Choice:
    """An LSTM that carries its state through the text."""
    words: dict[str, Any] = {"epochs": {"fast": 2.0, "good": 5.0, "best": 15.0}[quality], "hidden": 512, "embedding": 512, "layers": 2,
                             "batch": 64, "stretch": 64, "learning_rate": 2e-3, "schedule": "cosine", "warmup": 0.02}
    return Choice("lstm", "next_token", words)


def in_order(data: Data, quality: Quality) -> Choice:
    """Texts of which a class or a number is asked, by a network that reads the words in their order."""
    rows, epochs = len(data.train), {"fast": 2.0, "good": 4.0, "best": 8.0}[quality]
    return Choice("bilstm", "supervised", {
        "epochs": min(round(epochs * max(1.0, ENOUGH_TEXTS / rows) ** 0.5, 1), MOST_EPOCHS), "batch": 128 if rows > ENOUGH_TEXTS else 32,
        "learning_rate": 2e-3, "schedule": "cosine", "warmup": 0.05, "dropout": 0.5, "clip": 1.0, "patience": 3, "monitor": "accuracy",
    })  # fmt: skip


def words(data: Data, quality: Quality) -> Choice:
    """Skip-gram; a short text is gone through more often, so that each word is seen."""
    epochs = {"fast": 2.0, "good": 5.0, "best": 15.0}[quality]
    size = len(getattr(data.train, "ids", ()))
    return Choice("word_vectors", "skipgram", {"epochs": min(epochs * max(1.0, ENOUGH_WORDS / max(1, size)) ** 0.5, MOST_EPOCHS)})
