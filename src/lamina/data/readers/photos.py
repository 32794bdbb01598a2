"""Photos in folders: one folder a class, with or without train, valid and test folders above them."""

from collections.abc import Sequence
from pathlib import Path

import torch

from lamina.core import config as knobs
from lamina.core.config import knob
from lamina.core.data import Account, Data, Refusal
from lamina.core.errors import DataError
from lamina.core.spec import Classes, Image, Spec
from lamina.data.arrays import ArraySplit, Given, cut
from lamina.data.pictures import ENDINGS, as_spec, open_picture

PARTS = {"train": "train", "training": "train", "valid": "valid", "val": "valid", "validation": "valid", "test": "test"}


class Config(knobs.Config):
    """How a folder of photos is read."""

    size: int = knob(128, "side to which photos are brought, in pixels", low=8, high=1024)
    allow_refused: float = knob(0.05, "share of files that may be refused", low=0, high=1)


class PhotoReader:
    """Photos in one folder a class."""

    def __init__(self, path: Path, config: Config) -> None:
        self.path, self.config = path, config

    @staticmethod
    def suits(path: Path) -> bool:
        return path.is_dir() and any(p.suffix.lower() in ENDINGS for p in path.rglob("*"))

    def data(self, seed: int) -> Data:
        found = {part: self._files(folder) for part, folder in self._parts().items()}
        names = tuple(sorted({name for files in found.values() for _, name in files}))
        if len(names) < 2:
            raise DataError("photos of at least two classes, one folder each", f"{len(names)} in `{self.path}`", "Add a folder.")
        spec = Spec(input=Image(channels=3, height=self.config.size, width=self.config.size), target=Classes(names=names))
        refused: list[Refusal] = []
        splits = {part: self._split(files, spec, refused) for part, files in found.items()}
        held = splits.get("test") or splits.get("valid")
        given = Given(valid=splits.get("valid") if "test" in splits else None, test=held)
        data = cut(self.path.name, spec, splits["train"], seed, given)
        account = Account(data.account.used, tuple(refused)).check(self.config.allow_refused, self.path.name)
        return Data(data.name, spec, data.train, data.valid, data.test, f"photos in `{self.path.name}`", account)

    def rows(self, spec: Spec) -> ArraySplit:
        return self._split(self._files(self.path), spec, [])

    def inputs(self, spec: Spec) -> tuple[Sequence[str], torch.Tensor]:
        split = self.rows(spec)
        return split.where, split.x

    def _parts(self) -> dict[str, Path]:
        named = {PARTS[p.name.lower()]: p for p in self.path.iterdir() if p.is_dir() and p.name.lower() in PARTS}
        return named if "train" in named else {"train": self.path}

    def _files(self, folder: Path) -> list[tuple[Path, str]]:
        return [(p, p.parent.name) for p in sorted(folder.rglob("*")) if p.suffix.lower() in ENDINGS]

    def _split(self, files: list[tuple[Path, str]], spec: Spec, refused: list[Refusal]) -> ArraySplit:
        assert isinstance(spec.input, Image), "photos are pictures"
        assert isinstance(spec.target, Classes), "folders are classes"
        pictures, classes, where = [], [], []
        for path, name in files:
            try:
                pictures.append(as_spec(open_picture(path), spec.input, str(path)))
            except DataError as error:
                refused.append(Refusal(str(path), error.came, error.do))
                continue
            classes.append(spec.target.names.index(name))
            where.append(str(path))
        return ArraySplit(torch.stack(pictures), torch.tensor(classes), where=where)
