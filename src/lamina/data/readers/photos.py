"""Photos: one folder a class, train, valid and test folders of them, or a folder with a table of labels; also in a zip or tar."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.data import Account, Data, Refusal
from lamina.core.errors import DataError, quoted
from lamina.core.spec import Classes, Image, Numbers, Spec, Target
from lamina.data.archives import files_of, is_archive
from lamina.data.arrays import ArraySplit, Given, cut, target_of
from lamina.data.files import Entry, left_out
from lamina.data.layout import label_among
from lamina.data.manner import manner_of
from lamina.data.parts import parted
from lamina.data.parts import told as parts_told
from lamina.data.photo_answers import Answers, answers
from lamina.data.photo_cache import Photos, fingerprint, photos
from lamina.data.photo_inputs import inputs
from lamina.data.photo_size import shape_of
from lamina.data.photo_twins import grouped, named, told, twins
from lamina.data.pictures import ENDINGS

ENOUGH = 10_000  # files of a folder that are looked at for the first picture


class Config(knobs.Config):
    """How photos are read."""

    size: int = knob(0, "side to which photos are brought, in pixels; 0: by the photos", low=0, high=1024)
    fit: Literal["crop", "squash", "pad"] = knob("crop", "how a photo becomes square: crop, squash or pad")
    labels: str = knob("", "name of the table of labels, where there are several")
    target: str = knob("", "column of that table to be predicted")
    group: str = knob("", "column of that table: photos with the same value stay on one side of a split")
    allow_refused: float = knob(0.05, "share of files that may be refused", low=0, high=1)


class PhotoReader:
    """Photos of a folder or an archive."""

    def __init__(self, path: Path, config: Config) -> None:
        self.path, self.config = path, config
        if path.is_file() and not is_archive(path):
            raise DataError("a folder or archive of photos", f"the one photo `{path}`",
                            "Give the folder that it lies in; `lamina predict RUN PHOTO` answers for one.")
        self.files = files_of(path)
        self.pictures = [entry for entry in self.files.listing.entries if entry.ending in ENDINGS]

    @staticmethod
    def suits(path: Path) -> bool:
        try:
            if path.is_dir():
                return any(p.suffix.lower() in ENDINGS for p, _ in zip(path.rglob("*"), range(ENOUGH), strict=False))
            return path.suffix.lower() in ENDINGS or (is_archive(path) and any(e.ending in ENDINGS for e in files_of(path).listing.entries))
        except (OSError, DataError):
            return is_archive(path)  # what is wrong with it is said when it is opened

    def data(self, seed: int) -> Data:
        found = answers(self.files, self.pictures, self.config)
        if not found.used:
            raise DataError("photos with an answer", "none; " + "; ".join(Account(0, tuple(found.refused)).lines()[:3]), "Check the names.")
        read = self._photos(found.used)
        refused = (*self.files.listing.refused, *found.refused, *read.refused)
        account = Account(len(read.names), refused).check(self.config.allow_refused, self.path.name)
        spec, y = self._spec(read, found)
        same = twins(read)
        part = [found.part[name] for name in read.names]
        meaning = (*found.meaning, *_shape_told(read, self.config.size), *parts_told(part), *self._left_out(found),
                   *told(same, part, y.tolist()), *_lonely(spec.target, y))
        parts = parted(ArraySplit(read.pictures, y, where=read.names, rows=read.rows), part)
        groups = grouped(same, read.names, found.group)[torch.tensor([one == "train" for one in part])]
        data = cut(self.path.name, spec, parts["train"], seed, Given(parts.get("valid"), parts.get("test"), groups))
        mark = fingerprint([*found.used, *found.tables])
        return replace(data, sheet=f"photos in `{self.path.name}`", account=account, meaning=meaning, fingerprint=mark,
                       twins=named(same, read.names))

    def rows(self, spec: Spec) -> ArraySplit:
        assert isinstance(spec.target, Classes), "photos of folders are classes"
        names = {entry.name: label_among(entry.name, spec.target.names) for entry in self.pictures}
        read = self._photos([entry for entry in self.pictures if names[entry.name]], spec.input)
        strange = [Refusal(name, "in no folder of a known class", "Name its folder as the class.") for name in names if not names[name]]
        Account(len(read.names), (*read.refused, *strange)).check(self.config.allow_refused, self.path.name)
        y = torch.tensor([spec.target.names.index(names[name]) for name in read.names])
        return ArraySplit(read.pictures, y, where=read.names, rows=read.rows)

    def inputs(self, spec: Spec) -> tuple[Sequence[str], torch.Tensor]:
        return inputs(self.files, self.pictures, self.config.allow_refused, self.path.name, spec)

    def _photos(self, used: Sequence[Entry], image: object = None) -> Photos:
        if not used:
            raise DataError("photos", f"none in `{self.path}`", f"Endings that are read: {', '.join(sorted(ENDINGS))}.")
        if isinstance(image, Image):
            return photos(self.files, used, image.model_dump_json(), lambda: image)
        size, fit = self.config.size, self.config.fit
        return photos(self.files, used, f"{size} {fit}", lambda: shape_of(self.files, used, size, fit))

    def _left_out(self, found: Answers) -> list[str]:
        return left_out(self.files.listing, {entry.name for entry in (*self.pictures, *found.tables)})

    def _spec(self, read: Photos, found: Answers) -> tuple[Spec, torch.Tensor]:
        target, y = target_of(np.asarray([found.label[name] for name in read.names]))
        if isinstance(target, Numbers):
            target = Numbers(names=(found.column,))
        seen = manner_of(read.pictures) if read.image.channels == 1 else read.image
        return Spec(input=seen.model_copy(update={"fit": read.image.fit}), target=target), y


def _shape_told(read: Photos, asked: int) -> list[str]:
    image = read.image
    ways = {"crop": "its middle is cut out", "squash": "it is pressed together", "pad": "its shorter side is filled up"}
    why = "as asked" if asked else "by the shape of the photos: `data.size=N` overrules it"
    colours = "grey" if image.channels == 1 else "colour"
    return [f"{colours}, {image.height} x {image.width} pixels ({why}); of a photo of another shape {ways[image.fit]} (`data.fit`)"]


def _lonely(target: Target, y: torch.Tensor) -> list[str]:
    """Classes with one photo: it is either learned from or judged by, never both."""
    if not isinstance(target, Classes):
        return []
    lonely = [target.names[i] for i in (torch.bincount(y, minlength=target.size) == 1).nonzero().flatten().tolist()]
    return [f"classes with one photo, which cannot be both learned and tested: {quoted(lonely)}. Add some."] if lonely else []
