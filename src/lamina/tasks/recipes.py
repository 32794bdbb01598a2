"""Default models and knobs for pictures and tables; results/ lists the settings that were tried for them."""

from lamina.core.data import Data
from lamina.core.spec import Image
from lamina.core.task import Choice, Quality

SMALL_TABLE = 20_000
UPDATES_OF_A_SMALL_TABLE = 4000


def pictures(data: Data, quality: Quality) -> Choice:
    """Small pictures from scratch: the strided cnn, one cycle of the learning rate, shifted pictures."""
    assert isinstance(data.spec.input, Image)
    words = {
        "epochs": {"fast": 1, "good": 4, "best": 12}[quality], "batch": 256, "learning_rate": 0.015,
        "schedule": "one_cycle", "shift": max(1, data.spec.input.height // 14),
    }  # fmt: skip
    return Choice("cnn", "supervised", words)


def table(data: Data, quality: Quality) -> Choice:
    """Rows of numbers: a small mlp, stopped early; the smaller the table, the stronger it is held back."""
    rows = len(data.train)
    batch = 32 if rows < SMALL_TABLE else 256
    epochs = max(10, UPDATES_OF_A_SMALL_TABLE * batch // rows) if rows < SMALL_TABLE else 20
    words = {
        "hidden": "64,64", "epochs": min(epochs, 300), "batch": batch, "learning_rate": 2e-3, "schedule": "cosine",
        "weight_decay": 0.05, "dropout": 0.1, "ema": 0.99, "patience": 10, "precision": "f32",
    }  # fmt: skip
    return Choice("mlp", "supervised", words)
