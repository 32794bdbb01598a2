"""Photos with the outlines of objects in COCO files, as masks: what the reader of boxes gives with `as_masks=true`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import torch

from lamina.core.data import Account, Data, Refusal
from lamina.core.errors import DataError
from lamina.core.spec import Image, Mask, Spec
from lamina.data.archives import files_of
from lamina.data.box_answers import Answers, answers
from lamina.data.box_files import recognised
from lamina.data.box_files.coco import Coco
from lamina.data.box_split import rarest
from lamina.data.mask_classes import drawn_in
from lamina.data.mask_split import MaskSplit
from lamina.data.outlines import BACKGROUND, Outline, outlines, painted
from lamina.data.photo_cache import Photos, fingerprint
from lamina.data.picture_names import PictureNames
from lamina.data.pictures import ENDINGS
from lamina.data.scene_cut import cut_scenes, decoded
from lamina.data.scene_size import canvas_of_masks, size_told


class Asked(Protocol):
    """The knobs that are asked of the reader of boxes."""

    @property
    def size(self) -> int: ...
    @property
    def labels(self) -> str: ...
    @property
    def allow_refused(self) -> float: ...


class OutlineReader:
    """Photos with outlines of a folder or an archive."""

    def __init__(self, path: Path, config: Asked) -> None:
        self.path, self.config = path, config
        self.files = files_of(path)

    def data(self, seed: int) -> Data:
        found, objects, refused = self._found()
        image, why = canvas_of_masks([found.head[entry.name] for entry in found.used], self.config.size)
        read = decoded(self.files, found.used, image)
        account = self._account(found, read, refused)
        names = (BACKGROUND, *sorted({one.name for name in read.names for one in objects.get(name, ()) if not one.crowd}))
        spec = Spec(input=image, target=Mask(names=names, colours=((0, 0, 0), *map(drawn_in, range(len(names) - 1)))))
        rows = _split(read, found, objects, names)
        data = cut_scenes(spec, rows, read, [found.part[name] for name in read.names], found.parts_by, seed)
        painting = f"outlines are painted as masks, small objects over large ones; {size_told(image, why)}"
        meaning = (*found.meaning, painting, *data.meaning)
        return replace(data, name=self.path.name, sheet=f"photos with outlines in `{self.path.name}`", account=account, meaning=meaning,
                       fingerprint=fingerprint([*found.used, *found.files]))

    def rows(self, spec: Spec) -> MaskSplit:
        assert isinstance(spec.input, Image), "masks are of pictures"
        found, objects, refused = self._found()
        image = spec.input
        read = decoded(self.files, found.used, image)
        self._account(found, read, refused)
        return _split(read, found, objects, spec.target.names)

    def _found(self) -> tuple[Answers, dict[str, list[Outline]], list[Refusal]]:
        way, entries, _ = recognised(self.files, self.config.labels)
        if way is not Coco:
            raise DataError("COCO files, which have outlines, for `as_masks=true`", f"boxes alone, as in `{entries[0].name}`",
                            "Leave `as_masks` out, or give pictures of masks: `images/1.jpg` and `masks/1.png`.")
        pictures = [entry.name for entry in self.files.listing.entries if entry.ending in ENDINGS]
        return answers(self.files, self.config.labels), *outlines(self.files, entries, PictureNames(pictures))

    def _account(self, found: Answers, read: Photos, refused: Sequence[Refusal]) -> Account:
        used = len(read.names) + sum(len(found.drawn[name].boxes) for name in read.names)
        every = (*self.files.listing.refused, *found.refused, *refused, *read.refused)
        return Account(used, every).check(self.config.allow_refused, self.path.name)


def _split(read: Photos, found: Answers, objects: dict[str, list[Outline]], names: Sequence[str]) -> MaskSplit:
    """Masks are painted anew each time, into memory: an outline is a small thing to paint."""
    masks = torch.stack([painted(objects.get(name, []), found.head[name], read.image, names) for name in read.names])
    has = torch.stack([torch.bincount(mask.flatten(), minlength=256)[: len(names)] > 0 for mask in masks])
    rows = torch.stack([read.rows, torch.arange(len(masks))], 1)
    return MaskSplit(read.pictures, masks, rows, rarest(has), read.names)
