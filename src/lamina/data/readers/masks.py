"""Photos with masks: a class for every pixel, in pictures beside the photos that are called like them; in folders or archives."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.data import Account, Data
from lamina.core.errors import DataError, quoted
from lamina.core.say import say
from lamina.core.spec import Image, Mask, Spec
from lamina.data import mask_pairs
from lamina.data.archives import files_of, holds
from lamina.data.box_split import rarest
from lamina.data.files import left_out
from lamina.data.mask_answers import Answers, answers
from lamina.data.mask_files import read_mask
from lamina.data.mask_pairs import paired
from lamina.data.mask_split import MaskSplit
from lamina.data.photo_cache import Photos, fingerprint, photos
from lamina.data.photo_inputs import inputs
from lamina.data.pictures import ENDINGS
from lamina.data.scene_cut import cut_scenes, decoded
from lamina.data.scene_size import canvas_of_masks, size_told
from lamina.data.unlabelled import Unlabelled


class Config(knobs.Config):
    """How photos with masks are read."""

    size: int = knob(0, "longer side to which photos are brought, in pixels; 0: their own, up to 320", low=0, high=4096)
    names: tuple[str, ...] = knob((), "names of the classes, by the value of a pixel from 0 on")
    ignore: tuple[str, ...] = knob((), "values or names of classes that are neither learned nor judged")
    allow_refused: float = knob(0.05, "share of files that may be refused", low=0, high=1)


class MaskReader:
    """Photos with masks of a folder or an archive."""

    def __init__(self, path: Path, config: Config) -> None:
        self.path, self.config = path, config
        self.files = files_of(path)

    @staticmethod
    def suits(path: Path) -> bool:
        return holds(path, mask_pairs.is_there)

    def data(self, seed: int) -> Data:
        found = answers(self.files, self.config)
        image, why = canvas_of_masks([found.head[entry.name] for entry in found.used], self.config.size)
        read = decoded(self.files, found.used, image)
        others = self._unlabelled(found, image)
        account = self._account(found, read)
        spec = Spec(input=image, target=Mask(names=found.meaning.names, colours=found.meaning.colours))
        rows = self._split(found, read, found.meaning.names)
        data = cut_scenes(spec, rows, read, [found.part[name] for name in read.names], "from the names of folders", seed)
        if others is not None:
            found.lines.append(f"{len(others)} photos in a folder `unlabelled`, for `--method pseudo_label`")
        known = {entry.name for entry in self.files.listing.entries if entry.ending in ENDINGS} | {entry.name for entry in found.files}
        meaning = (*found.lines, _canvas_told(image, why), *data.meaning, *left_out(self.files.listing, known))
        mark = fingerprint([*found.used, *(found.mask[entry.name] for entry in found.used), *found.files])
        return replace(data, name=self.path.name, sheet=f"photos with masks in `{self.path.name}`", account=account, meaning=meaning,
                       fingerprint=mark, unlabelled=others)

    def rows(self, spec: Spec) -> MaskSplit:
        assert isinstance(spec.input, Image), "masks are of pictures"
        assert isinstance(spec.target, Mask), "this reader answers with masks"
        found, image = answers(self.files, self.config), spec.input
        read = decoded(self.files, found.used, image)
        self._account(found, read)
        strange = [name for name in found.meaning.names if name not in spec.target.names]
        if strange:
            say(f"classes that were not learned are not judged: {quoted(strange)}")
        return self._split(found, read, spec.target.names)

    def inputs(self, spec: Spec) -> tuple[Sequence[str], torch.Tensor]:
        names = {mask.name for mask in paired(self.files.listing.entries).mask.values()}
        pictures = [entry for entry in self.files.listing.entries if entry.ending in ENDINGS and entry.name not in names]
        return inputs(self.files, pictures, self.config.allow_refused, self.path.name, spec)

    def _unlabelled(self, found: Answers, image: Image) -> Unlabelled | None:
        """The photos that are to have no mask, on the canvas of the others; what of them cannot be read is refused like those."""
        if not found.unlabelled:
            return None
        read = decoded(self.files, found.unlabelled, image)
        found.refused += read.refused
        return Unlabelled(read.pictures, read.rows, read.names) if read.names else None

    def _account(self, found: Answers, read: Photos) -> Account:
        refused = (*self.files.listing.refused, *found.refused, *read.refused)
        return Account(len(read.names), refused).check(self.config.allow_refused, self.path.name)

    def _split(self, found: Answers, read: Photos, names: Sequence[str]) -> MaskSplit:
        """The decoded photos with their masks in the terms of `names`; classes that are not among them are IGNORED."""
        meaning, image = found.meaning, read.image.model_copy(update={"channels": 1})
        place = {value: names.index(meaning.names[old]) for value, old in meaning.place.items() if meaning.names[old] in names}
        asked = f"masks {image.model_dump_json()} {meaning.by_colour} {sorted(place.items())}"
        wanted = [found.mask[name] for name in read.names]
        masks = photos(self.files, wanted, asked, lambda: image, partial(read_mask, place=place, by_colour=meaning.by_colour))
        if masks.refused:  # they could be read a moment ago
            raise DataError("masks that stay as they are", f"`{masks.refused[0].where}`: {masks.refused[0].reason}", "Read them again.")
        has = torch.zeros(len(wanted), len(names), dtype=torch.bool)
        for row, name in enumerate(read.names):
            has[row, [place[value] for value in found.seen[name].by(meaning.by_colour) if value in place]] = True
        return MaskSplit(read.pictures, masks.pictures[:, 0], torch.stack([read.rows, masks.rows], 1), rarest(has), read.names)


def _canvas_told(image: Image, why: str) -> str:
    colours = "grey" if image.channels == 1 else "colour"
    rest = "; what a photo of another shape leaves is filled up, and nobody's" if image.fit == "pad" else ""
    return f"{colours}, {size_told(image, why)}{rest}"
