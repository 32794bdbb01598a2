"""Default models and knobs for boxes and masks; results/scenes.md lists the settings that were tried for them."""

from collections.abc import Mapping
from typing import Any

from lamina.core.data import Data
from lamina.core.spec import Image
from lamina.core.task import Choice, Quality
from lamina.methods.fine_tuning import FROM_PUBLISHED
from lamina.nn.tiles import usual
from lamina.tasks import neighbours
from lamina.tasks.recipes import MIRRORED

EPOCHS = {"boxes": {"fast": 10.0, "good": 40.0, "best": 100.0}, "masks": {"fast": 12.0, "good": 48.0, "best": 120.0}}
LOW, ENLARGED = 320, 1.5  # pixels of the longer side of photos of low resolution; times by which networks for photos see them enlarged
SMALL, MANY = 160, 2000  # pixels of the longer side; training pictures
SMALL_SHOWN = {  # small pictures that are shown in all
    "boxes": {"fast": 12_000, "good": 24_000, "best": 160_000}, "masks": {"fast": 12_000, "good": 28_000, "best": 160_000},
}  # fmt: skip
OF_SMALL: Mapping[str, Any] = {"backbone": "compact", "optimizer": "muon", "learning_rate": 0.02, "batch": 16, "zoom": 1.0, "stretch": 0.0,
                               "colour": 0.0}
ENOUGH, MOST_EPOCHS = 250, 300.0  # pictures; of fewer, each is shown more often
SHOWN, LEAST_EPOCHS = 20_000, 0.2  # pictures that are shown in all where there are many; but for this share of the epochs at least


def boxes(data: Data, quality: Quality) -> Choice:
    """A light single-shot detector on a network that has seen ImageNet; for many small pictures on one that begins anew."""
    words: dict[str, Any] = {
        "epochs": _epochs("boxes", data, quality), "batch": 8, "learning_rate": 1e-3, "schedule": "one_cycle", "weight_decay": 0.01,
        "ema": 0.99, "flip": _may_be_mirrored(data), "zoom": 0.5, "colour": 0.2, "clip": 10.0, "tile": _tile(data),
    }  # fmt: skip
    scratch = Choice("ssd", "detection", words | {"epochs": min(2 * words["epochs"], MOST_EPOCHS)})
    photos = Choice("ssd", "detection", {**words, **FROM_PUBLISHED}, scratch=scratch)
    if not _small_and_many(data):
        return photos
    small = {**words, **OF_SMALL, "strides": (4, 8, 16), "beta": 0.11, "loss": "mining", "epochs": _shown("boxes", data, quality)}
    return Choice("ssd", "detection", small, other=photos)


def masks(data: Data, quality: Quality) -> Choice:
    """A network with an atrous pyramid and a fine decoder, on one that has seen ImageNet."""
    words: dict[str, Any] = {
        "epochs": _epochs("masks", data, quality), "batch": 8, "learning_rate": 1e-3, "schedule": "one_cycle", "weight_decay": 0.01,
        "ema": 0.99, "flip": True, "zoom": 0.5, "colour": 0.2, "mirror": True, "tile": _tile(data), "class_weights": 0.5,
        "enlarge": ENLARGED if max(_sides(data)) <= LOW else 1.0,
    }  # fmt: skip
    scratch = Choice("deeplab", "segmentation", words | {"epochs": min(2 * words["epochs"], MOST_EPOCHS)})
    photos = Choice("deeplab", "segmentation", {**words, **FROM_PUBLISHED}, scratch=scratch)
    if not _small_and_many(data):
        return photos
    # what the mirror makes of a region cannot be asked as of a box, and of many pictures mirrored ones are not needed; nor need rare
    # classes be weighed, which makes thin things thick
    small = {**words, **OF_SMALL, "up": (64, 32), "below": (128, 128, 128), "flip": False, "mirror": False, "class_weights": 0.0,
             "epochs": _shown("masks", data, quality)}
    return Choice("linknet", "segmentation", small, other=photos)


def _small_and_many(data: Data) -> bool:
    """Whether what is in the pictures is learned faster anew than from weights for photos, whose first maps are too coarse for it."""
    return max(_sides(data)) <= SMALL and len(data.train) >= MANY


def _shown(kind: str, data: Data, quality: Quality) -> float:
    return max(0.1, round(SMALL_SHOWN[kind][quality] / len(data.train), 1))


def _tile(data: Data) -> int:
    """The side of the tiles by which pictures are seen, 0 where they are not large."""
    return usual(_sides(data)).side


def _sides(data: Data) -> tuple[int, int]:
    assert isinstance(data.spec.input, Image), "boxes and masks are in pictures"
    return data.spec.input.height, data.spec.input.width


def _may_be_mirrored(data: Data) -> bool:
    """Whether objects are known in the mirror too: a car is, a digit is not."""
    found = neighbours.ask_objects(data.train)
    return found.mirrored > MIRRORED * found.right


def _epochs(kind: str, data: Data, quality: Quality) -> float:
    """Each of few pictures is shown more often, each of many less often."""
    epochs, pictures = EPOCHS[kind][quality], len(data.train) * usual(_sides(data)).count(_sides(data))
    wanted = min(epochs * (ENOUGH / pictures) ** 0.5, epochs / EPOCHS[kind]["good"] * SHOWN / pictures)
    return round(min(max(wanted, LEAST_EPOCHS * epochs), MOST_EPOCHS), 1)
