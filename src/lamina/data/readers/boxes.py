"""Photos with boxes: COCO, Pascal VOC, YOLO or a CSV beside them, in folders or archives; recognised unasked."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.data import Account, Data, Refusal
from lamina.core.errors import quoted
from lamina.core.say import say
from lamina.core.spec import Boxes, Image, Mask, Spec
from lamina.data import box_files
from lamina.data.archives import files_of, holds
from lamina.data.box_answers import Answers, answers
from lamina.data.box_split import BoxSplit, Objects, rarest
from lamina.data.boxes import Drawn
from lamina.data.files import left_out
from lamina.data.fit import placement
from lamina.data.mask_split import MaskSplit
from lamina.data.photo_cache import Photos, fingerprint
from lamina.data.photo_inputs import inputs
from lamina.data.pictures import ENDINGS
from lamina.data.readers.outlines import OutlineReader
from lamina.data.scene_cut import cut_scenes, decoded
from lamina.data.scene_size import canvas_of_boxes, size_told


class Config(knobs.Config):
    """How photos with boxes are read."""

    size: int = knob(0, "longer side to which photos are brought, in pixels; 0: by the photos and their boxes", low=0, high=4096)
    labels: str = knob("", "name of the file of boxes, where there are several")
    as_masks: bool = knob(False, "paint the outlines of COCO files as masks: a class for every pixel")
    allow_refused: float = knob(0.05, "share of photos and boxes that may be refused", low=0, high=1)


class BoxReader:
    """Photos with boxes of a folder or an archive."""

    def __init__(self, path: Path, config: Config) -> None:
        self.path, self.config = path, config
        self.files = files_of(path)
        self.pictures = [entry for entry in self.files.listing.entries if entry.ending in ENDINGS]

    @staticmethod
    def suits(path: Path) -> bool:
        return holds(path, box_files.is_there)

    def data(self, seed: int) -> Data:
        if self.config.as_masks:
            return OutlineReader(self.path, self.config).data(seed)
        found = answers(self.files, self.config.labels)
        image, why = canvas_of_boxes([found.head[entry.name] for entry in found.used], found.lengths(), self.config.size)
        read = decoded(self.files, found.used, image)
        account = self._account(found, read)
        names = tuple(sorted({name for photo in read.names for name in found.drawn[photo].names}))
        spec, rows = Spec(input=image, target=Boxes(names=names)), split_of(read, found, names)
        data = cut_scenes(spec, rows, read, [found.part[name] for name in read.names], found.parts_by, seed)
        known = {entry.name for entry in (*self.pictures, *found.files)}
        meaning = (*found.meaning, _canvas_told(image, why), *data.meaning, *left_out(self.files.listing, known))
        return replace(data, name=self.path.name, sheet=f"photos with boxes in `{self.path.name}`", account=account, meaning=meaning,
                       fingerprint=fingerprint([*found.used, *found.files]))

    def rows(self, spec: Spec) -> BoxSplit | MaskSplit:
        assert isinstance(spec.input, Image), "boxes are drawn in pictures"
        if isinstance(spec.target, Mask):
            return OutlineReader(self.path, self.config).rows(spec)
        assert isinstance(spec.target, Boxes), "this reader answers with boxes"
        found, image = answers(self.files, self.config.labels), spec.input
        strange = _without_strangers(found, spec.target.names)
        read = decoded(self.files, found.used, image)
        self._account(found, read)
        if strange:
            say(f"classes that were not learned are left out: {quoted(strange)}")
        return split_of(read, found, spec.target.names)

    def inputs(self, spec: Spec) -> tuple[Sequence[str], torch.Tensor]:
        return inputs(self.files, self.pictures, self.config.allow_refused, self.path.name, spec)

    def _account(self, found: Answers, read: Photos) -> Account:
        """Photos and boxes together; DataError where more than allowed are refused."""
        used = len(read.names) + sum(len(found.drawn[name].boxes) for name in read.names)
        return Account(used, (*self.files.listing.refused, *found.refused, *read.refused)).check(self.config.allow_refused, self.path.name)


def split_of(read: Photos, found: Answers, names: Sequence[str]) -> BoxSplit:
    """The decoded photos with their boxes in the pixels of what the network sees."""
    place, image = {name: i for i, name in enumerate(names)}, read.image
    drawn = [found.drawn[name] for name in read.names]
    heads = [found.head[name] for name in read.names]
    laid = [placement((head.height, head.width), image.height, image.width, image.fit) for head in heads]
    count = torch.tensor([len(one.boxes) for one in drawn])
    objects = Objects(
        torch.cat([where.placed(torch.from_numpy(one.boxes).float()) for where, one in zip(laid, drawn, strict=True)]),
        torch.tensor([place[name] for one in drawn for name in one.names], dtype=torch.int64),
        1 - torch.from_numpy(np.concatenate([one.ignored for one in drawn])).float(),
        count.cumsum(0) - count, count, torch.tensor([(where.across * where.down) ** -0.5 for where in laid]),
    )  # fmt: skip
    has = torch.zeros(len(count), len(names), dtype=torch.bool)
    has[torch.repeat_interleave(torch.arange(len(count)), count), objects.classes] = True
    return BoxSplit(read.pictures, read.rows, objects, rarest(has), read.names)


def _without_strangers(found: Answers, known: Sequence[str]) -> list[str]:
    """Refuse the boxes of classes that were not learned; those classes."""
    strange = set[str]()
    for photo, one in found.drawn.items():
        keep = np.array([name in known for name in one.names], bool)
        strange |= {name for name in one.names if name not in known}
        found.refused += [Refusal(f"{photo}, a box of `{name}`", "a class that was not learned", "Train a new model for it.")
                          for name in one.names if name not in known]
        found.drawn[photo] = Drawn(one.boxes[keep], [name for name in one.names if name in known], one.ignored[keep])
    return sorted(strange)


def _canvas_told(image: Image, why: str) -> str:
    colours = "grey" if image.channels == 1 else "colour"
    return (f"{colours}, {size_told(image, why)}; "
            "what a photo of another shape leaves is filled up")
