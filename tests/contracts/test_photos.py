"""Photos of a person's own: layouts, archives, tables of labels, kinds of pictures, the cache, and what is refused."""

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as pil
from PIL import ImageOps

from lamina.core.data import Data
from lamina.core.errors import DataError, LaminaError
from lamina.core.spec import Classes, Image, Numbers, Spec
from lamina.data import archives, jpeg, photo_cache
from lamina.data.arrays import ArraySplit
from lamina.data.fit import fitted
from lamina.data.inputs import read_one
from lamina.data.layout import places
from lamina.data.pictures import open_picture, read_picture
from lamina.data.readers.photos import Config, PhotoReader


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("LAMINA_CACHE", str(folder))
    return folder / "photos"


def photo(seed: int, height: int = 80, width: int = 80) -> pil.Image:
    """Smooth random colours: no two are alike."""
    rough = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), np.uint8)
    return pil.fromarray(rough).resize((width, height), pil.Resampling.BICUBIC)


def save(path: Path, seed: int, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    photo(seed).save(path, **options)
    return path


def classes(folder: Path, names: str = "cat dog", count: int = 6, first: int = 0) -> Path:
    for k, name in enumerate(names.split()):
        for i in range(count):
            save(folder / name / f"{i}.jpg", first + 1000 * k + i, quality=90)
    return folder


def read(path: Path, seed: int = 0, **knobs: Any) -> Data:
    return PhotoReader(path, Config(**knobs)).data(seed)


def names_of(data: Data) -> list[str]:
    return sorted(name for split in (data.train, data.valid, data.test) for name in split.where)  # type: ignore[attr-defined]


def test_a_folder_a_class(tmp_path: Path) -> None:
    data = read(classes(tmp_path))
    assert data.spec.target == Classes(names=("cat", "dog"))
    assert data.spec.input == Image(channels=3, height=64, width=64, fit="crop")
    assert len(data.train) + len(data.valid) + len(data.test) == data.account.used == 12
    assert len(set(names_of(data))) == 12
    split = data.train
    assert isinstance(split, ArraySplit)
    for name, y, x in zip(split.where, split.y.tolist(), split.x, strict=True):
        assert data.spec.target.names[y] == name.split("/")[0]
        assert torch.equal(x, read_one(data.spec.input, tmp_path / name)), "predict sees what training saw"


@pytest.mark.parametrize(("held", "both"), [("val", False), ("Testing", False), ("valid test", True)])
def test_named_parts(tmp_path: Path, held: str, both: bool) -> None:
    classes(tmp_path / "Train", count=8)
    for k, part in enumerate(held.split()):
        classes(tmp_path / part, count=3, first=100 * (k + 1))
    data = read(tmp_path)
    assert len(data.test) == 6
    assert {name.split("/")[0] for name in data.test.where} == {held.split()[-1]}  # type: ignore[attr-defined]
    assert {name.split("/")[0] for name in data.train.where} == {"Train"}  # type: ignore[attr-defined]
    assert len(data.valid) == 6 if both else {name.split("/")[0] for name in data.valid.where} == {"Train"}  # type: ignore[attr-defined]


def test_layouts_of_folders_in_folders() -> None:
    def labels(*names: str) -> list[str]:
        return [place.label for place in places(names)]

    assert labels("a/dog/x/1", "a/dog/y/1", "a/cat/x/1", "a/cat/y/1") == ["dog/x", "dog/y", "cat/x", "cat/y"]
    assert labels("cat/images/1", "dog/images/1") == ["cat", "dog"]
    assert labels("1", "cat/1", "dog/1") == ["", "cat", "dog"]
    assert labels("cat/1", "cat/2") == ["", ""]
    with pytest.raises(DataError, match="train"):
        places(["val/cat/1", "test/cat/1"])


@pytest.mark.parametrize("written", ["file,label\n{}.png,{}", "label;id\n{1};{0}", "\ufefffile\tlabel\nphotos\\{}.png\t{}"])
def test_a_table_of_labels(tmp_path: Path, written: str) -> None:
    head, row = written.split("\n")
    for i in range(10):
        save(tmp_path / f"é{i}.png", i)
    rows = [row.format(f"é{i}", "ab"[i % 2]) for i in range(10)]
    (tmp_path / "labels.csv").write_text("\n".join([head, *rows]), encoding="utf-8")
    data = read(tmp_path)
    assert data.spec.target == Classes(names=("a", "b"))
    assert names_of(data) == [f"é{i}.png" for i in range(10)]
    assert all(name == f"é{2 * int(name[1]) // 2}.png" and y == int(name[1]) % 2
               for name, y in zip(data.train.where, data.train.y.tolist(), strict=True))  # type: ignore[attr-defined]


def test_numbers_as_labels_and_groups(tmp_path: Path) -> None:
    rows = ["file,age,who"]
    for i in range(12):
        save(tmp_path / f"{i}.jpg", i)
        rows.append(f"{i}.jpg,{i + 0.5},p{i // 3}")
    (tmp_path / "t.csv").write_text("\n".join(rows))
    with pytest.raises(DataError, match="--target"):
        read(tmp_path)
    data = read(tmp_path, target="age", group="who")
    assert data.spec.target == Numbers(names=("age",))
    sides = [{int(name[:-4]) // 3 for name in split.where} for split in (data.train, data.valid, data.test)]  # type: ignore[attr-defined]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 4, "a person is on one side"


def test_rows_without_files_and_files_without_rows_are_counted(tmp_path: Path) -> None:
    for i in range(9):
        save(tmp_path / f"{i}.png", i)
    rows = [f"{i},{'ab'[i % 2]}" for i in range(8)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *rows, "gone,a", "2,b", "3,"]))
    with pytest.raises(DataError, match="allow-refused"):
        read(tmp_path)
    account = read(tmp_path, allow_refused=1).account
    assert account.used == 8
    assert sorted(refusal.where for refusal in account.refused) == ["8.png", *(f"labels.csv, row {row}" for row in (10, 11, 12))]
    assert all(refusal.repair for refusal in account.refused)


def pack_zip(folder: Path, file: Path) -> None:
    with zipfile.ZipFile(file, "w") as out:
        for one in sorted(folder.rglob("*.*")):
            out.write(one, one.relative_to(folder))


def pack_tar(mode: str) -> Callable[[Path, Path], None]:
    def pack(folder: Path, file: Path) -> None:
        with tarfile.open(file, mode) as out:  # type: ignore[call-overload]
            for one in sorted(folder.rglob("*.*"), reverse=True):
                out.add(one, one.relative_to(folder))

    return pack


@pytest.mark.parametrize(("name", "pack"), [("p.zip", pack_zip), ("p.tar", pack_tar("w")), ("p.tar.gz", pack_tar("w:gz")),
                                            ("p.TXZ", pack_tar("w:xz"))])
def test_archives_are_read_as_their_folder(tmp_path: Path, name: str, pack: Callable[[Path, Path], None]) -> None:
    folder = classes(tmp_path / "f")
    pack(folder, tmp_path / name)
    assert PhotoReader.suits(tmp_path / name)
    before = sorted(tmp_path.rglob("*"))
    ours, theirs = read(tmp_path / name), read(folder)
    assert ours.train.where == theirs.train.where  # type: ignore[attr-defined]
    assert torch.equal(ours.train.x, theirs.train.x)  # type: ignore[attr-defined]
    assert ours.fingerprint == theirs.fingerprint
    assert sorted(tmp_path.rglob("*")) == before, "nothing is unpacked"


def test_members_that_lead_out_and_links_are_refused(tmp_path: Path) -> None:
    folder = classes(tmp_path / "f", count=3)
    content = (folder / "cat/0.jpg").read_bytes()
    with tarfile.open(tmp_path / "p.tar", "w") as out:
        out.add(folder, ".")
        for name in ("../out.jpg", "/abs.jpg", "cat/../../x.jpg"):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            out.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("cat/link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        out.addfile(link)
    data = read(tmp_path / "p.tar", allow_refused=0.5)
    assert data.account.used == 6
    assert sorted(data.account.reasons().values()) == [1, 3]


def test_bombs_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = classes(tmp_path / "f", count=3)
    pack_zip(folder, tmp_path / "p.zip")
    with zipfile.ZipFile(tmp_path / "p.zip", "a", zipfile.ZIP_DEFLATED) as out:
        out.writestr("cat/bomb.bmp", bytes(archives.FEW + 1))
    with pytest.raises(DataError, match="unpacks to"):
        read(tmp_path / "p.zip")
    assert read(tmp_path / "p.zip", allow_refused=0.5).account.used == 6
    monkeypatch.setattr(archives, "MOST_OF_ONE", 1000)
    monkeypatch.setattr(archives, "MOST_RATIO", 1)
    with pytest.raises(DataError, match="Unpack it yourself"):
        read(tmp_path / "p.zip")


@pytest.mark.parametrize("name", ["p.zip", "p.tar.gz"])
def test_a_damaged_archive(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(os.urandom(3000))
    with pytest.raises(DataError, match="archive"):
        read(tmp_path / name)


def test_links_and_leftovers(tmp_path: Path) -> None:
    folder = classes(tmp_path / "f")
    (folder / "cat/loop").symlink_to(folder)
    (folder / "dog/same.jpg").symlink_to(folder / "dog/0.jpg")
    (folder / "dog/out.jpg").symlink_to(save(tmp_path / "out.jpg", 77))
    (folder / "dog/dead.jpg").symlink_to(folder / "nothing")
    save(folder / "__MACOSX/cat/._0.jpg", 5)
    (folder / "Thumbs.db").write_text("x")
    (folder / "read me.txt").write_text("x")
    data = read(folder, allow_refused=0.5)
    assert data.account.used == 13
    assert len(data.account.refused) == 3
    assert "1 files that are no pictures are left out: `.txt`" in data.meaning
    assert any(line.startswith("2 hidden") for line in data.meaning)


def turned(orientation: int) -> bytes:
    exif = pil.Exif()
    exif[jpeg.ORIENTATION] = orientation
    out = io.BytesIO()
    photo(1, 60, 90).save(out, "JPEG", exif=exif, quality=95)
    return out.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_pillows(orientation: int) -> None:
    content = turned(orientation)
    wanted = np.asarray(ImageOps.exif_transpose(pil.open(io.BytesIO(content)))).astype(int)
    found = jpeg.decode(content, 1000, 10**6)
    assert found is not None
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).mean() < 2


def kinds(folder: Path) -> dict[str, int]:
    """Files of every kind, and the channels of each."""
    colour, grey = photo(3), photo(3).convert("L")
    grey.save(folder / "grey.jpg")
    grey.save(folder / "grey.png")
    colour.convert("CMYK").save(folder / "cmyk.jpg")
    colour.quantize(256).save(folder / "palette.png")
    colour.convert("RGBA").save(folder / "alpha.png")
    colour.save(folder / "a.webp", lossless=True)
    colour.save(folder / "moving.gif", save_all=True, append_images=[photo(4)])
    pil.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(folder / "deep.png")
    pil.fromarray(np.asarray(grey).astype(np.float32)).save(folder / "float.tif")
    return {"grey.jpg": 1, "grey.png": 1, "deep.png": 1, "float.tif": 1, "cmyk.jpg": 3, "palette.png": 3, "alpha.png": 3, "a.webp": 3,
            "moving.gif": 3}  # fmt: skip


def test_kinds_of_pictures(tmp_path: Path) -> None:
    wanted = {1: np.asarray(photo(3).convert("L")).astype(int), 3: np.asarray(photo(3)).astype(int)}
    for name, channels in kinds(tmp_path).items():
        spec = Image(channels=channels, height=80, width=80, fit="crop")
        found = read_picture((tmp_path / name).read_bytes(), spec, name).permute(1, 2, 0).numpy().squeeze()
        assert np.abs(found - wanted[channels]).mean() < 12, name
        assert np.abs(found - np.asarray(open_picture(tmp_path / name)).reshape(found.shape)).mean() < 2, name


def test_what_cannot_be_read_is_refused_with_its_repair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    folder = classes(tmp_path)
    whole = (folder / "cat/0.jpg").read_bytes()
    bad = {"short.jpg": whole[: len(whole) // 2], "empty.jpg": b"", "text.jpg": b"hi", "phone.heic": b"....ftypheic", "raw.nef": b"II*\0"}
    for name, content in bad.items():
        (folder / "dog" / name).write_bytes(content)
    pil.new("1", (12000, 10000)).save(folder / "dog/bomb.png")
    with pytest.raises(DataError, match="6 of 18"):
        read(folder)
    refused = {one.where.split("/")[1]: one for one in read(folder, allow_refused=0.5).account.refused}
    assert {name: one.reason for name, one in refused.items()} == {
        "short.jpg": "damaged", "empty.jpg": "empty", "text.jpg": "no picture that is known", "raw.nef": "a camera's raw file",
        "phone.heic": "HEIC without the package `pillow-heif`", "bomb.png": "with 12000 x 10000"}
    assert "pip install pillow-heif" in refused["phone.heic"].repair
    assert all(one.repair for one in refused.values())


@pytest.mark.parametrize("fit", ["crop", "squash", "pad"])
def test_fits(fit: Any) -> None:
    square = torch.randint(0, 256, (3, 40, 40), dtype=torch.uint8)
    assert torch.equal(fitted(square, 40, 40, fit), square)
    wide = torch.zeros(3, 40, 80, dtype=torch.uint8)
    wide[:, :, 20:60] = 200
    found = fitted(wide, 20, 20, fit)
    middle, rim = found[:, 8:12, 8:12], found[:, 8:12, 0]
    assert (middle == 200).all()
    assert (rim == 200).all() == (fit == "crop")
    assert (found[:, 0] == 100).all() == (fit == "pad")


def test_small_grey_pictures_keep_their_size_and_manner(tmp_path: Path) -> None:
    for k in range(2):
        for i in range(8):
            picture = np.zeros((28, 28), np.uint8)
            picture[4:24, 10 + i % 4 : 12 + i % 4 + 3 * k] = 255 - i
            (tmp_path / str(k)).mkdir(exist_ok=True)
            pil.fromarray(picture).save(tmp_path / str(k) / f"{i}.png")
    assert read(tmp_path).spec.input == Image(channels=1, height=28, width=28, ground=0, subject=20, fit="crop")


def no_photo(folder: Path) -> None:
    (folder / "a").mkdir()


def one_class(folder: Path) -> None:
    classes(folder, "cat")


def flat(folder: Path) -> None:
    save(folder / "1.jpg", 1)


def same_photos(folder: Path) -> None:
    classes(folder, "cat")
    classes(folder, "dog")


def part_without_train(folder: Path) -> None:
    classes(folder / "val")
    classes(folder / "test")


@pytest.mark.parametrize("make", [no_photo, one_class, flat, same_photos, part_without_train])
def test_what_cannot_be_learned_from(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path)
    with pytest.raises(DataError):
        read(tmp_path)


def test_one_photo_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the one photo"):
        read(save(tmp_path / "a.jpg", 1))


def test_a_class_with_one_photo_is_told(tmp_path: Path) -> None:
    save(classes(tmp_path) / "owl/1.jpg", 9)
    assert any("`owl`" in line for line in read(tmp_path).meaning if "one photo" in line)


def test_duplicates_stay_on_one_side(tmp_path: Path) -> None:
    for k, name in enumerate(("cat", "dog")):
        for i in range(10):
            for copy, quality in enumerate((95, 50)):
                save(tmp_path / name / f"{i}-{copy}.jpg", 100 * k + i, quality=quality)
    for seed in range(3):
        data = read(tmp_path, seed)
        sides = [{name[:-6] for name in split.where} for split in (data.train, data.valid, data.test)]  # type: ignore[attr-defined]
        assert sum(map(len, sides)) == len(set.union(*sides)) == 20


def test_other_data_of_a_run(tmp_path: Path) -> None:
    spec = Spec(input=Image(channels=3, height=48, width=48, fit="crop"), target=Classes(names=("cat", "dog", "owl")))
    reader = PhotoReader(classes(tmp_path, "owl dog", count=2), Config())
    rows = reader.rows(spec)
    assert [(name.split("/")[0], y) for name, y in zip(rows.where, rows.y.tolist(), strict=True)] == [("dog", 1)] * 2 + [("owl", 2)] * 2
    names, x = reader.inputs(spec)
    assert list(names) == list(rows.where)
    assert torch.equal(x, rows.x)
    with pytest.raises(DataError, match="folder of a known class"):
        PhotoReader(classes(tmp_path, "cow owl"), Config()).rows(spec)


def test_the_cache_is_used_and_not_believed_when_damaged(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = classes(tmp_path)
    first = read(folder).train.x.clone()  # type: ignore[attr-defined]
    (kept,) = cache.iterdir()
    monkeypatch.setattr(photo_cache, "decoded", lambda *_: pytest.fail("decoded again"))
    assert torch.equal(read(folder).train.x, first)  # type: ignore[attr-defined]
    monkeypatch.undo()
    monkeypatch.setenv("LAMINA_CACHE", str(cache.parent))
    for spoil in (lambda f: os.truncate(f, 100), lambda f: f.write_bytes(bytes(f.stat().st_size)), lambda f: f.unlink()):
        for name in ("pictures", "index.json"):
            spoil(kept / name)
            assert torch.equal(read(folder).train.x, first)  # type: ignore[attr-defined]
    (kept / "pairs-1.json").write_text("[{")
    assert torch.equal(read(folder).train.x, first)  # type: ignore[attr-defined]
    save(folder / "cat/0.jpg", 99)
    read(folder)
    assert len(list(cache.iterdir())) == 2, "a changed file makes another cache"


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_stop_while_writing_leaves_no_half_cache(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    folder, stop = classes(tmp_path), True
    whole = photo_cache.decoded

    def some(*words: Any) -> Any:
        for k, one in enumerate(whole(*words)):
            if k == 5 and stop:
                raise fault
            yield one

    monkeypatch.setattr(photo_cache, "decoded", some)
    with pytest.raises(LaminaError if isinstance(fault, OSError) else KeyboardInterrupt):
        read(folder)
    assert list(cache.iterdir()) == []
    stop = False
    assert len(read(folder).train) > 0


def test_what_a_killed_process_left_is_never_taken(tmp_path: Path, cache: Path) -> None:
    folder = classes(tmp_path)
    read(folder)
    (kept,) = cache.iterdir()
    kept.rename(kept.with_name(f"{kept.name}.1.part"))
    os.truncate(cache / f"{kept.name}.1.part" / "pictures", 10)
    assert len(read(folder).train) > 0
    assert kept.exists()


@pytest.mark.slow
def test_twenty_thousand_files(tmp_path: Path) -> None:
    content = save(tmp_path / "a/0.png", 1).read_bytes()
    for i in range(20_000):
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        (tmp_path / "ab"[i % 2] / f"{i}.png").write_bytes(content)
    reader = PhotoReader(tmp_path, Config())
    assert len(reader.pictures) == 20_000
    with pytest.raises(DataError, match="the same photos"):
        reader.data(0)
