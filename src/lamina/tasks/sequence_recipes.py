"""Default models and knobs for sequences; results/sequences.md lists the settings that were tried for them."""

from typing import Any

from lamina.core.data import Data
from lamina.core.task import Choice, Quality

SHORT = 40  # tokens: forms of names and dates


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
