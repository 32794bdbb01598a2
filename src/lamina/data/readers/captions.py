"""Photos with captions: a folder or an archive of them with a table of captions, COCO's JSON, or a text beside each photo."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from lamina.core.config import knob
from lamina.core.data import Account, Data
from lamina.core.errors import DataError
from lamina.core.spec import Image, Spec
from lamina.data import caption_files, captions
from lamina.data.archives import files_of, holds, is_archive
from lamina.data.caption_files import Captioned
from lamina.data.caption_split import CaptionSplit
from lamina.data.captions import Captions
from lamina.data.files import left_out
from lamina.data.parts import told as parts_told
from lamina.data.photo_cache import Photos, fingerprint, photos
from lamina.data.photo_inputs import inputs
from lamina.data.photo_size import shape_of
from lamina.data.photo_twins import grouped, named, told, twins
from lamina.data.pictures import ENDINGS


class Config(captions.Config):
    """How photos and captions are read."""

    size: int = knob(0, "side to which photos are brought, in pixels; 0: by the photos", low=0, high=1024)
    fit: Literal["crop", "squash", "pad"] = knob("squash", "how a photo becomes square: crop, squash or pad")
    allow_refused: float = knob(0.05, "share of photos and captions that may be refused", low=0, high=1)


class CaptionReader:
    """Photos with captions of a folder or an archive."""

    def __init__(self, path: Path, config: Config) -> None:
        if path.is_file() and not is_archive(path):
            raise DataError("a folder or archive of photos with captions", f"the file `{path}`", "Give the folder that it lies in.")
        self.path, self.config = path, config
        self.files = files_of(path)
        self.pictures = [entry for entry in self.files.listing.entries if entry.ending in ENDINGS]

    @staticmethod
    def suits(path: Path) -> bool:
        return holds(path, caption_files.is_there)

    def data(self, seed: int) -> Data:
        found = caption_files.captions(self.files)
        read, said = self._read(found, None)
        image, same = read.image.model_copy(update={"fit": self.config.fit}), twins(read)
        kin = dict(zip(read.rows.tolist(), grouped(same, read.names, {}).tolist(), strict=True))
        said = replace(said, kin=torch.tensor([kin[row] for row in said.rows.tolist()]))
        data = captions.data_of(self.path.name, image, read.pictures, said, self.config, seed)
        part = dict(zip(said.rows.tolist(), said.parts.tolist(), strict=True))
        of_photo = [part.get(row, "train") for row in read.rows.tolist()]
        account = self._account(found, read, data.account)
        lines = (*data.meaning, *parts_told(of_photo, "as the files name them"), *told(same, of_photo, [0] * len(of_photo)),
                 *left_out(self.files.listing, {*(entry.name for entry in self.pictures), *found.files}))
        wanted = {*found.photo, *found.files}
        mark = fingerprint([entry for entry in self.files.listing.entries if entry.name in wanted])
        return replace(data, account=account, meaning=lines, fingerprint=mark, twins=named(same, read.names))

    def rows(self, spec: Spec) -> CaptionSplit:
        assert isinstance(spec.input, Image), "captions are of pictures"
        found = caption_files.captions(self.files)
        read, said = self._read(found, spec.input)
        self._account(found, read, Account(len(said.text)))
        return captions.rows_of(spec, read.pictures, said)

    def inputs(self, spec: Spec) -> tuple[Sequence[str], torch.Tensor]:
        return inputs(self.files, self.pictures, self.config.allow_refused, self.path.name, spec)

    def _account(self, found: Captioned, read: Photos, more: Account) -> Account:
        refused = (*self.files.listing.refused, *found.refused, *read.refused, *more.refused)
        return Account(more.used, refused).check(self.config.allow_refused, self.path.name)

    def _read(self, found: Captioned, image: Image | None) -> tuple[Photos, Captions]:
        """The decoded photos, in the terms of `image` where one is given, and the captions of those that could be read."""
        wanted = set(found.photo)
        used = [entry for entry in self.pictures if entry.name in wanted]
        size, fit = self.config.size, self.config.fit
        if image is None:
            read = photos(self.files, used, f"{size} {fit}", lambda: shape_of(self.files, used, size, fit))
        else:
            read = photos(self.files, used, image.model_dump_json(), lambda: image)
        row = dict(zip(read.names, read.rows.tolist(), strict=True))
        keep = [i for i, name in enumerate(found.photo) if name in row]
        names = [found.photo[i] for i in keep]
        parts = np.array([found.part[i] for i in keep], object)
        parts[(parts == "") | ~(parts == "train").any()] = "train"  # no part is named, or none for training
        return read, Captions([found.text[i] for i in keep], torch.tensor([row[name] for name in names]), names, parts.astype(str))
